"""Who controls a place, as far as the ladder asks: by what is shown there, and no further than it reaches."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.audit import Actor, Source
from consent.services import declare
from holdout.errors import Conflict, HoldoutError, InvalidInput, NotPermitted
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from registry.control import (
    Extent,
    authorize,
    carry_over,
    challenge_for,
    claim_place,
    prove,
    saw_code,
    unproven,
)
from registry.evidence import line
from registry.looking import Method
from registry.models import Authorization, Challenge, Declarant, Lapse, Locator
from registry.queries import locator_assurances
from registry.services import register_locators
from registry.upkeep import lapse
from tests.factories import NO_AI, OPEN, registered_picture, settle
from tests.holdout.painted import painted
from tests.registry.conftest import Web

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
_FILE = io.BytesIO()
painted(2).save(_FILE, "PNG")
PICTURE = _FILE.getvalue()
BLOG = "https://alice.lofter.com/"


def code_of(place: Locator) -> str:
    return challenge_for(locator=place, now=NOW).code


def level_of(place: Locator) -> Assurance:
    return locator_assurances([place.pk]).get(place.pk, Assurance.L0)


def answered(**asked: Any) -> Outcome:
    settle()
    (verdict,) = answer([Query(**asked)])
    return verdict.uses[UsageCategory.TRAIN_GEN]


def bio(code: str) -> str:
    return f'<html><head><meta name="description" content="I paint. {line(code)}"></head></html>'


def test_a_code_in_the_profile_proves_the_account(alice: Declarant, web: Web) -> None:
    blog = claim_place(declarant=alice, typed="alice.lofter.com")
    assert (blog.kind, blog.target) == ("path", BLOG)
    proving = prove(locator=blog, now=NOW)
    assert proving.authorization is None
    assert [(a.method, a.where, a.error) for a in proving.attempts] == [
        (Method.PROFILE, BLOG, "code_not_found")
    ]
    web(BLOG, bio(code_of(blog)))
    proof = prove(locator=blog, now=NOW).authorization
    assert proof is not None
    assert (proof.level, proof.method, proof.where) == (Assurance.L2, "profile", BLOG)
    assert prove(locator=blog, now=NOW).authorization == proof  # once is enough
    declare(declarant=alice, subject=blog, preferences=NO_AI)
    assert answered(url=f"{BLOG}post/1.jpg") is Outcome.DENY
    assert answered(url="https://bob.lofter.com/post/1.jpg") is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("page", "proves"),
    [
        ('<a rel="me nofollow" href="https://registry.example/p/{code}">me</a>', True),
        ('<link rel=me href="https://registry.example/p/{code}">', True),
        ("<title>Alice {code}</title>", True),
        ('<meta property="og:description" content="Hi {code}">', True),
        ('<meta name="holdout-verify" content="{code}">', True),
        ('<meta name="holdout-verify" content="x{code}">', False),
        ("<p>{code}</p>", False),  # a visitor's comment
        ('<a href="https://registry.example/p/{code}">look</a>', False),
        ('<a rel="me ugc" href="https://registry.example/p/{code}">look</a>', False),
        ("<!-- <title>{code}</title> -->", False),
        ('<textarea><meta name="description" content="{code}"></textarea>', False),
        ('<meta name="keywords" content="{code}">', False),
    ],
)
def test_only_where_a_pages_holder_alone_writes(alice: Declarant, web: Web, page: str, proves: bool) -> None:
    blog = claim_place(declarant=alice, typed=BLOG)
    web(BLOG, page.replace("{code}", code_of(blog)))
    assert (prove(locator=blog, now=NOW).authorization is not None) is proves


def test_a_post_will_do_if_it_lies_in_the_place(alice: Declarant, web: Web) -> None:
    blog = claim_place(declarant=alice, typed=BLOG)
    post = f"{BLOG}post/2f8a_1"
    web(post, f"<title>{code_of(blog)}</title>")
    for elsewhere in ("https://bob.lofter.com/post/1", "https://lofter.com/post/1", f"{BLOG}search?q=x"):
        with pytest.raises(InvalidInput, match="page_not_in_place"):
            prove(locator=blog, now=NOW, page=elsewhere)
    assert prove(locator=blog, now=NOW, page=post).authorization is not None


def test_a_page_below_a_folder_proves_nothing_of_the_folder(alice: Declarant, web: Web) -> None:
    """In a forum anybody begins a thread, and names it."""
    threads = claim_place(declarant=alice, typed="https://forum.example/threads/", extent=Extent.FOLDER)
    mine = "https://forum.example/threads/hello"
    web(mine, f"<title>{code_of(threads)}</title>")
    with pytest.raises(InvalidInput, match="page_not_in_place"):
        prove(locator=threads, now=NOW, page=mine)
    assert prove(locator=threads, now=NOW).authorization is None
    web("https://forum.example/threads/", bio(code_of(threads)))
    assert prove(locator=threads, now=NOW).authorization is not None


def test_a_page_that_repeats_its_address_proves_nothing(alice: Declarant, web: Web) -> None:
    blog = claim_place(declarant=alice, typed=BLOG)
    code = code_of(blog)
    for echo in (f"{BLOG}tag/{code}", f"{BLOG}tag/{code.upper()}", f"{BLOG}tag/%2536{code[:3]}-{code[3:]}"):
        web(echo, f"<title>Posts tagged {code}</title>")
        assert prove(locator=blog, now=NOW, page=echo).authorization is None


def test_what_redirects_elsewhere_or_is_not_secure_proves_nothing(alice: Declarant, web: Web) -> None:
    blog = claim_place(declarant=alice, typed=BLOG)
    page = bio(code_of(blog))
    for put in (
        {"to": "https://mallory.lofter.com/"},
        {"to": "http://alice.lofter.com/"},
        {"redirects": ("http://alice.lofter.com/",)},
        {"status": 404},
    ):
        web(BLOG, page, **put)
        assert prove(locator=blog, now=NOW).authorization is None, put


def test_a_file_proves_exactly_its_host(alice: Declarant, web: Web) -> None:
    site = claim_place(declarant=alice, typed="https://www.alice.example/portfolio")
    web("https://www.alice.example/.well-known/holdout-verify.txt", f"# mine\r\n{line(code_of(site))}\r\n")
    proof = prove(locator=site, now=NOW).authorization
    assert proof is not None
    assert (site.kind, proof.level, proof.method) == ("host", Assurance.L3, "well_known")
    declare(declarant=alice, subject=site, preferences=NO_AI)
    assert answered(url="https://www.alice.example/x.jpg") is Outcome.DENY
    assert answered(url="https://img.www.alice.example/x.jpg") is Outcome.UNKNOWN
    domain = claim_place(declarant=alice, typed="www.alice.example", extent=Extent.DOMAIN)
    assert level_of(domain) is Assurance.L0
    with pytest.raises(NotPermitted, match="control_not_proven"):
        declare(declarant=alice, subject=domain, preferences=NO_AI)


def test_a_record_proves_the_domain_and_what_lies_in_it(
    alice: Declarant, records: dict[str, list[str]]
) -> None:
    folder = claim_place(declarant=alice, typed="https://img.alice.example/free/", extent=Extent.FOLDER)
    domain = claim_place(declarant=alice, typed="alice.example", extent=Extent.DOMAIN)
    records["_holdout.alice.example"] = ["v=spf1 -all", line(code_of(domain))]
    proof = prove(locator=domain, now=NOW).authorization
    assert proof is not None
    assert (proof.level, proof.method) == (Assurance.L3, "dns")
    assert level_of(folder) is Assurance.L3  # claimed before
    host = claim_place(declarant=alice, typed="shop.alice.example")  # and after
    assert level_of(host) is Assurance.L3
    assert unproven(alice) == []
    declare(declarant=alice, subject=domain, preferences=NO_AI)
    declare(declarant=alice, subject=folder, preferences=OPEN)
    assert answered(url="https://a.b.alice.example/x.jpg") is Outcome.DENY
    assert answered(url="https://img.alice.example/free/x.jpg") is Outcome.ALLOW


def test_a_standing_record_names_who_may_speak(alice: Declarant, records: dict[str, list[str]]) -> None:
    domain = claim_place(declarant=alice, typed="alice.example", extent=Extent.DOMAIN)
    name, mine = "_holdout.alice.example", f"declarant={alice.public_id}"
    for text in (f"{mine}; until=2026-01-01", f"{mine}; until=soon", f"{mine}x", f"declarant=dcl_{'a' * 26}"):
        records[name] = [text]
        assert prove(locator=domain, now=NOW).authorization is None, text
    records[name] = [f"{mine};until={NOW + timedelta(days=1):%Y-%m-%d}"]
    proof = prove(locator=domain, now=NOW).authorization
    assert proof is not None
    assert proof.method == "dns_standing"
    assert proof.due_at == NOW + timedelta(days=7)


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "https://lofter.com/",
            "www.lofter.com",
            "https://weibo.com/",
            "https://x.com/explore",
            "github.io",
        ),
        *("https://www.deviantart.com/tag", "https://www.instagram.com/p/abc/", "127.0.0.1", "localhost"),
    ],
)
@pytest.mark.parametrize("extent", Extent)
def test_nobody_claims_a_shared_host(alice: Declarant, typed: str, extent: Extent) -> None:
    with pytest.raises(NotPermitted):
        claim_place(declarant=alice, typed=typed, extent=extent)
    assert not Locator.objects.exists()


def test_an_account_is_all_its_addresses(alice: Declarant, web: Web) -> None:
    profile = claim_place(declarant=alice, typed="https://m.weibo.cn/u/1669879400?from=feed")
    web("https://weibo.com/u/1669879400", bio(code_of(profile)))
    assert prove(locator=profile, now=NOW).authorization is not None
    places = [profile, *profile.belongings.all()]
    assert all(level_of(place) is Assurance.L2 for place in places)
    assert {place.kind for place in places} == {"path", "url", "account"}
    for place in places:
        declare(declarant=alice, subject=place, preferences=NO_AI)
    picture = "https://tvax1.sinaimg.cn/large/63885668ly8fjf57kfmgfj20ro0ro0u7.jpg"
    assert answered(url=picture) is Outcome.DENY
    assert answered(url=picture.replace("63885668", "63885669")) is Outcome.UNKNOWN


def test_names_of_any_case_are_one_account(alice: Declarant) -> None:
    lower = claim_place(declarant=alice, typed="https://www.deviantart.com/alice")
    mixed = claim_place(declarant=alice, typed="https://www.deviantart.com/Alice/art/x-1")
    assert lower == mixed
    assert "https://www.deviantart.com/Alice/" in mixed.belongings.values_list("target", flat=True)


def test_two_of_the_staff_see_what_programs_are_not_shown(alice: Declarant) -> None:
    profile = claim_place(
        declarant=alice, typed="https://www.xiaohongshu.com/user/profile/5c1234567890abcdef123456"
    )
    challenge = challenge_for(locator=profile, now=NOW)
    ann, sam = Actor(Source.STAFF, 1), Actor(Source.STAFF, 2)
    assert saw_code(challenge=challenge, by=ann, now=NOW) is None
    with pytest.raises(Conflict, match="already_seen"):
        saw_code(challenge=challenge, by=ann, now=NOW)
    assert level_of(profile) is Assurance.L0
    with pytest.raises(Conflict, match="challenge_expired"):
        saw_code(challenge=challenge, by=sam, now=NOW + timedelta(days=1))
    proof = saw_code(challenge=challenge, by=sam, now=NOW)
    assert proof is not None
    assert (proof.level, proof.method, proof.due_at) == (Assurance.L2, "two_staff", None)
    site = claim_place(declarant=alice, typed="alice.example")
    with pytest.raises(NotPermitted, match="not_by_eye"):
        saw_code(challenge=challenge_for(locator=site, now=NOW), by=ann, now=NOW)


def test_a_code_lives_a_day(alice: Declarant, web: Web) -> None:
    blog = claim_place(declarant=alice, typed=BLOG)
    code = code_of(blog)
    web(BLOG, bio(code))
    later = NOW + timedelta(hours=25)
    assert challenge_for(locator=blog, now=later).code != code
    assert prove(locator=blog, now=later).authorization is None


def test_a_strangers_code_proves_nothing_of_mine(alice: Declarant, bob: Declarant, web: Web) -> None:
    """Bob claims Alice's blog; the code that she put there is hers."""
    hers, his = (claim_place(declarant=who, typed=BLOG) for who in (alice, bob))
    web(BLOG, bio(code_of(hers)))
    assert prove(locator=his, now=NOW).authorization is None
    assert prove(locator=hers, now=NOW).authorization is not None
    with pytest.raises(NotPermitted):
        declare(declarant=bob, subject=his, preferences=OPEN)


def test_who_controls_an_account_restricts_near_copies_of_uploads(alice: Declarant, web: Web) -> None:
    """But permits nothing with them: an account shows who speaks, not who made a picture."""
    asset = registered_picture(alice, PICTURE)
    declare(declarant=alice, subject=asset.work, preferences=OPEN)
    digest = bytes(asset.fingerprints.get(algorithm="sha256").value)
    blog = claim_place(declarant=alice, typed=BLOG)
    assert answered(sha256=digest) is Outcome.UNKNOWN
    web(BLOG, bio(code_of(blog)))
    proof = prove(locator=blog, now=NOW).authorization
    assert proof is not None
    assert answered(sha256=digest) is Outcome.UNKNOWN
    declare(declarant=alice, subject=asset.work, preferences=NO_AI)
    settle()
    (verdict,) = answer([Query(sha256=digest)])
    assert verdict.uses[UsageCategory.TRAIN_GEN] is Outcome.DENY
    assert [reason.assurance for reason in verdict.reasons] == [Assurance.L2]
    lapse(proof, reason=Lapse.Reason.STAFF)
    settle()
    (verdict,) = answer([Query(sha256=digest)])
    assert [reason.assurance for reason in verdict.reasons] == [Assurance.L1]


def test_a_lapse_ends_what_was_said_and_all_that_rested_on_it(alice: Declarant, web: Web) -> None:
    profile = claim_place(declarant=alice, typed="https://weibo.com/u/1669879400")
    web("https://weibo.com/u/1669879400", bio(code_of(profile)))
    proof = prove(locator=profile, now=NOW).authorization
    assert proof is not None
    for place in (profile, *profile.belongings.all()):
        declare(declarant=alice, subject=place, preferences=NO_AI)
    asked = {"url": "https://weibo.com/u/1669879400/x.jpg"}
    picture = {"url": "https://tvax1.sinaimg.cn/large/63885668ly8fjf57kfmgfj20ro0ro0u7.jpg"}
    assert (answered(**asked), answered(**picture)) == (Outcome.DENY, Outcome.DENY)
    lapse(proof, reason=Lapse.Reason.STAFF)
    lapse(proof, reason=Lapse.Reason.STAFF)  # twice is once
    assert (answered(**asked), answered(**picture)) == (Outcome.UNKNOWN, Outcome.UNKNOWN)
    assert unproven(alice) == [profile]
    again = prove(locator=profile, now=NOW).authorization
    assert again not in (None, proof)
    assert (answered(**asked), answered(**picture)) == (Outcome.DENY, Outcome.DENY)


def test_nobody_claims_the_web_by_name(alice: Declarant) -> None:
    for i in range(50):
        claim_place(declarant=alice, typed=f"site{i}.example")
    with pytest.raises(Conflict, match="too_many_unproven"):
        claim_place(declarant=alice, typed="one-more.example")
    assert Locator.objects.count() == 50


@pytest.mark.parametrize("typed", ["", "   ", "http://", "ftp://x.example/", "a b", "https://" + "a" * 9_000])
def test_rubbish_is_refused_with_a_code(alice: Declarant, typed: str) -> None:
    with pytest.raises(HoldoutError) as refused:
        claim_place(declarant=alice, typed=typed)
    assert refused.value.code


def test_two_proofs_of_one_moment_are_one(alice: Declarant, web: Web) -> None:
    blog = claim_place(declarant=alice, typed=BLOG)
    challenge = challenge_for(locator=blog, now=NOW)
    for _ in range(2):
        authorize(challenge=challenge, method=Method.PROFILE, where=BLOG, now=NOW)
    assert Authorization.objects.filter(rests_on=None).count() == 1
    assert Challenge.objects.count() == 1


def test_a_single_address_in_a_proven_site_may_permit(alice: Declarant, web: Web) -> None:
    site = claim_place(declarant=alice, typed="alice.example")
    web("https://alice.example/.well-known/holdout-verify.txt", line(code_of(site)))
    assert prove(locator=site, now=NOW).authorization is not None
    (one,) = register_locators(declarant=alice, targets=[(KeyKind.URL, "https://alice.example/free.jpg")])
    carry_over([one], declarant=alice)
    assert level_of(one) is Assurance.L3
    declare(declarant=alice, subject=one, preferences=OPEN)
    assert answered(url="https://alice.example/free.jpg") is Outcome.ALLOW
