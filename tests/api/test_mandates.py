"""A platform speaks for its users: by mandate, only to restrict, and until the person takes over."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit import SYSTEM
from accounts.models import AuditEvent, Organization
from accounts.services import issue_key, let_vouch, personal_organization, stop_vouching
from consent.models import Statement
from consent.places import add_place
from consent.queries import current_statement
from consent.registration import say, take_back
from consent.services import declare
from holdout.errors import NotFound, NotPermitted
from holdout.resolution import Assurance
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import UsageCategory
from ledger.models import LogEntry, Opening
from lookup.engine import answer
from registry.control import Extent, authorize, challenge_for, claim_place
from registry.looking import Method
from registry.mandates import hand_over, mandate_of
from registry.models import Asset, Authorization, Declarant, Locator, Mandate, Work
from registry.queries import place_of, places_of, work_of, works_of
from registry.services import default_declarant
from tests.factories import NO_AI, OPEN, settle
from tests.web.conftest import person

pytestmark = pytest.mark.django_db
CONSENT = {"text_sha256": "ab" * 32, "at": "2026-01-05T10:00:00Z", "how": "form"}
DIGEST = "9f" * 32
LATER = "2036-01-05T10:00:00Z"


@pytest.fixture
def platform(db: None) -> Organization:
    """A platform that was vetted to speak for its users."""
    made = Organization.objects.create(name="Platform", side=Organization.Side.CREATOR, shared=True)
    let_vouch(organization=made, by=SYSTEM)
    made.refresh_from_db()
    return made


def client_of(organization: Organization) -> Client:
    key = issue_key(organization=organization, name="test")[1]
    return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)


@pytest.fixture
def program(platform: Organization) -> Client:
    return client_of(platform)


@pytest.fixture
def other(db: None) -> Client:
    """Another platform's program."""
    made = Organization.objects.create(name="Other", side=Organization.Side.CREATOR, shared=True)
    let_vouch(organization=made, by=SYSTEM)
    return client_of(made)


def post(client: Client, path: str, body: dict[str, Any] | None = None, **more: Any) -> Any:
    return client.post(f"/v1/{path}", body or {}, content_type="application/json", **more)


def given(client: Client, reference: str = "user-1", **more: Any) -> str:
    asked = {"reference": reference, "consent": CONSENT, "expires_at": LATER} | more
    answered = post(client, "mandates", asked)
    assert answered.status_code == 201, answered.content
    return str(answered.json()["id"])


def register(client: Client, mandate: str, *items: Any, said: Any = "no-ai", **more: Any) -> Any:
    name = "preset" if isinstance(said, str) else "preferences"
    return post(client, "registrations", {"mandate": mandate, name: said, "items": list(items)}, **more)


def refused(answered: Any) -> tuple[int, str]:
    return answered.status_code, answered.json()["code"]


def outcome(**query: Any) -> Outcome:
    settle()
    if "sha256" in query:
        query["sha256"] = bytes.fromhex(query["sha256"])
    (verdict,) = answer([Query(**query)])
    return verdict.uses[UsageCategory.TRAIN_GEN]


def test_a_mandate_and_its_end_are_in_the_log_and_in_the_audit_log(
    program: Client, platform: Organization
) -> None:
    mandate = given(program)
    answered = program.get(f"/v1/mandates/{mandate}").json()
    assert (answered["state"], answered["reference"], answered["consent"]["how"]) == (
        "open",
        "user-1",
        "form",
    )
    ended = post(program, f"mandates/{mandate}/end").json()
    assert ended["state"] == "ended"
    assert post(program, f"mandates/{mandate}/end").json() == ended
    settle()
    entries = LogEntry.objects.order_by("index")
    assert [entry.entry_type for entry in entries] == ["mandate", "mandate_end"]
    record = Opening.objects.get(record_id=mandate).record
    assert record["organization"] == platform.public_id
    assert "user-1" not in str(record)
    events = AuditEvent.objects.filter(object_id=mandate).order_by("pk")
    assert [event.what for event in events] == ["program:mandate:given", "program:mandate:ended"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"consent": CONSENT | {"how": "terms_of_service"}}, "consent_not_explicit"),
        ({"consent": {"at": CONSENT["at"], "how": "form"}}, "consent_malformed"),
        ({"consent": CONSENT | {"url": "https://platform.example/text"}}, "consent_malformed"),
        ({"consent": CONSENT | {"text_sha256": "zz"}}, "consent_malformed"),
        ({"consent": CONSENT | {"at": "2099-01-01T00:00:00Z"}}, "consent_malformed"),
        ({"consent": CONSENT | {"at": "2026-01-01T00:00:00"}}, "body_malformed"),
        ({"reference": ""}, "reference_malformed"),
        ({"reference": "a\0b"}, "reference_malformed"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "mandate_expired"),
        ({"kinds": []}, "kind_unknown"),
        ({"kinds": ["planet"]}, "kind_unknown"),
    ],
)
def test_a_mandate_without_consent_that_counts_is_refused(
    program: Client, change: dict[str, Any], code: str
) -> None:
    asked = {"reference": "user-1", "consent": CONSENT, "expires_at": LATER} | change
    assert refused(post(program, "mandates", asked)) == (422, code)
    assert not Mandate.objects.exists()
    assert not Declarant.objects.exists()


def test_one_reference_has_one_mandate_at_a_time_and_one_declarant(
    program: Client, other: Client, platform: Organization
) -> None:
    first = given(program)
    assert refused(
        post(program, "mandates", {"reference": "user-1", "consent": CONSENT, "expires_at": LATER})
    ) == (
        409,
        "mandate_exists",
    )
    given(other)
    Mandate.objects.filter(public_id=first).update(expires_at=datetime.now(UTC) - timedelta(days=1))
    second = given(program)
    assert second != first
    assert len({m.declarant_id for m in Mandate.objects.filter(organization=platform)}) == 1
    assert Mandate.objects.get(public_id=first).why == Mandate.Why.RENEWED


def test_only_who_was_vetted_speaks_for_others(
    program: Client, platform: Organization, alice: Declarant
) -> None:
    mandate = given(program)
    asked = {"reference": "user-2", "consent": CONSENT, "expires_at": LATER}
    assert refused(post(client_of(alice.organization), "mandates", asked)) == (403, "may_not_vouch")
    stop_vouching(organization=platform, by=SYSTEM)
    assert refused(post(program, "mandates", asked)) == (403, "may_not_vouch")
    assert refused(register(program, mandate, {"url": "https://x.example/"})) == (403, "may_not_vouch")
    assert not Statement.objects.exists()


def test_a_vendors_key_registers_nothing_and_a_creators_key_screens_nothing(
    vendor: Client, program: Client
) -> None:
    mandate = given(program)
    for path in ("mandates", "registrations", f"mandates/{mandate}/end", f"mandates/{mandate}/handover"):
        assert refused(post(vendor, path)) == (403, "creator_key_needed")
    assert refused(vendor.get(f"/v1/mandates/{mandate}")) == (403, "creator_key_needed")
    for path in ("lookups", "jobs", "confirm"):
        assert refused(post(program, path)) == (403, "vendor_key_needed")
    for path in ("jobs", "snapshots"):
        assert refused(program.get(f"/v1/{path}")) == (403, "vendor_key_needed")
    assert program.get("/v1/status?url=https://x.example/").status_code == 200


def test_every_kind_of_item_is_registered_and_found(program: Client) -> None:
    mandate = given(program)
    answered = register(
        program,
        mandate,
        {"url": "https://a.example/harbour.jpg"},
        {"account": "weibo:1669879400"},
        {"path": "https://www.lofter.com/x/"},
        {"path": "https://b.example/users/1/"},
        {"sha256": DIGEST},
        {"host": "jane.example"},
        {"domain": "jane.example.org"},
    )
    assert answered.status_code == 200
    results = answered.json()["results"]
    assert results[2]["error"]["code"] == "scope_path_too_broad"
    good = results[:2] + results[3:]
    assert {result["state"] for result in good} == {"registered"}
    assert all(statement.vouched for statement in Statement.objects.all())
    assert {(p.level, p.method) for p in Authorization.objects.all()} == {(Assurance.L5, "voucher")}
    for url in (
        *("https://a.example/harbour.jpg", "https://b.example/users/1/x.jpg"),
        *("https://jane.example/x.jpg", "https://sub.jane.example.org/x.jpg"),
    ):
        assert outcome(url=url) is Outcome.DENY
    assert outcome(sha256=DIGEST) is Outcome.DENY
    assert Asset.objects.get().state == Asset.State.FINGERPRINTED


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"url": "nonsense"}, "url_invalid"),
        ({"url": "https://x.example/\0"}, "item_malformed"),
        ({"sha256": "abc"}, "fingerprint_malformed"),
        ({"host": "lofter.com"}, "scope_is_shared_host"),
        ({"domain": "co.uk"}, "scope_is_public_suffix"),
        ({"account": "nowhere:1"}, "account_unknown_platform"),
        ({"planet": "earth"}, "item_malformed"),
        ({"url": 3}, "item_malformed"),
        ({"url": "https://x.example/", "host": "x.example"}, "item_malformed"),
        ("https://x.example/", "item_malformed"),
    ],
)
def test_one_bad_item_does_not_sink_the_others(program: Client, item: Any, code: str) -> None:
    results = register(program, given(program), {"url": "https://x.example/"}, item).json()["results"]
    assert results[0]["state"] == "registered"
    assert results[1]["error"]["code"] == code
    assert Statement.objects.count() == 1


def test_the_same_said_twice_is_one_statement(program: Client) -> None:
    mandate = given(program)
    items = [{"url": "https://x.example/a"}, {"url": "https://X.example/a#b"}, {"sha256": DIGEST}]
    first = register(program, mandate, *items).json()["results"]
    again = register(program, mandate, *items).json()["results"]
    assert first[0]["id"] == first[1]["id"]
    assert {result["state"] for result in again} == {"known"}
    assert [r["statement"] for r in again] == [r["statement"] for r in first]
    assert Statement.objects.count() == Authorization.objects.count() == 2


def test_a_retry_with_the_same_key_is_answered_again(program: Client) -> None:
    mandate = given(program)
    header = {"HTTP_IDEMPOTENCY_KEY": "once"}
    first = register(program, mandate, {"sha256": DIGEST}, **header)
    again = register(program, mandate, {"sha256": DIGEST}, **header)
    assert again.content == first.content
    assert again["Idempotent-Replayed"] == "true"
    other = register(program, mandate, {"sha256": "00" * 32}, **header)
    assert refused(other) == (422, "idempotency_key_reused")


def test_a_thousand_items_take_as_many_queries_as_ten(program: Client) -> None:
    counts = []
    for number, size in enumerate((10, 500)):
        mandate = given(program, f"user-{number}")
        items = [{"url": f"https://x.example/{number}/{i}"} for i in range(size)]
        items += [{"sha256": f"{number}{i:063x}"} for i in range(size)]
        with CaptureQueriesContext(connection) as queries:
            assert register(program, mandate, *items).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert counts[0] < 60


def test_more_than_a_thousand_items_are_refused(program: Client) -> None:
    items = [{"url": f"https://x.example/{i}"} for i in range(1_001)]
    assert refused(register(program, given(program), *items)) == (422, "too_many_items")
    assert refused(register(program, given(program, "user-2"))) == (422, "no_items")


@pytest.mark.parametrize(
    "said", ["open", "licence-first", "research-ok", {"train_gen": "deny", "search": "allow"}, {}]
)
def test_for_its_users_a_platform_permits_nothing_own_act_needed(program: Client, said: Any) -> None:
    answered = register(program, given(program), {"url": "https://x.example/"}, said=said)
    assert refused(answered) == (403, "own_act_needed")
    assert not Statement.objects.exists()
    assert not Locator.objects.exists()


@pytest.mark.parametrize(
    "said",
    [
        "no-generative-ai",
        {"train_gen": "unset"},
        {"train_gen": "conditional", "train_other": "deny", "ai_input": "deny", "tdm": "deny"},
    ],
)
def test_for_its_users_a_platform_loosens_nothing_own_act_needed(program: Client, said: Any) -> None:
    mandate = given(program)
    register(program, mandate, {"url": "https://x.example/"}, {"sha256": DIGEST})
    for item in ({"url": "https://x.example/"}, {"sha256": DIGEST}):
        answered = register(program, mandate, {"url": "https://new.example/"}, item, said=said)
        assert refused(answered) == (403, "own_act_needed")
    assert Statement.objects.count() == 2


def test_for_its_users_a_platform_may_restrict_more(program: Client) -> None:
    mandate = given(program)
    register(program, mandate, {"url": "https://x.example/"}, said="no-generative-ai")
    answered = register(program, mandate, {"url": "https://x.example/"}, said="no-ai")
    assert answered.json()["results"][0]["state"] == "registered"
    assert Statement.objects.filter(superseded_by=None).get().tdm == "deny"


def test_no_organisations_key_grants_anything_own_act_needed(
    program: Client, vendor: Client, alice: Declarant
) -> None:
    for client in (program, vendor, client_of(alice.organization)):
        assert refused(post(client, "grants", {"anything": "at all"})) == (403, "own_act_needed")


def test_no_way_round_the_api_lets_a_platform_loosen_own_act_needed(
    program: Client, platform: Organization
) -> None:
    register(program, given(program), {"sha256": DIGEST}, {"host": "jane.example"})
    work, place = Work.objects.get(), Locator.objects.get()
    for subject in (work, place):
        for preferences, vouched in ((OPEN, False), (OPEN, True), ({}, True), (NO_AI, False)):
            with pytest.raises(NotPermitted, match="own_act_needed"):
                declare(
                    declarant=subject.declarant, subject=subject, preferences=preferences, vouched=vouched
                )
    with pytest.raises(NotPermitted, match="own_act_needed"):
        take_back(work=work)
    assert list(works_of(platform)) == []
    assert list(places_of(platform)) == []
    assert default_declarant(organization=platform) != work.declarant


def test_beyond_its_kinds_a_mandate_says_nothing(program: Client) -> None:
    mandate = given(program, kinds=["url", "sha256"])
    answered = register(program, mandate, {"url": "https://x.example/"}, {"host": "x.example"})
    assert refused(answered) == (403, "beyond_mandate")
    assert not Statement.objects.exists()


@pytest.mark.parametrize("how", ["ended", "expired"])
def test_when_a_mandate_ends_its_statements_stand_and_nothing_new_is_said(program: Client, how: str) -> None:
    mandate = given(program)
    register(program, mandate, {"url": "https://x.example/"})
    if how == "ended":
        post(program, f"mandates/{mandate}/end")
    else:
        Mandate.objects.update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert program.get(f"/v1/mandates/{mandate}").json()["state"] == how
    assert refused(register(program, mandate, {"url": "https://y.example/"})) == (403, "mandate_ended")
    assert outcome(url="https://x.example/") is Outcome.DENY
    assert Statement.objects.count() == 1


def proven(platform: Organization, host: str, extent: Extent) -> Locator:
    """The platform's own host, by a code that was found there."""
    now = datetime.now(UTC)
    place = claim_place(declarant=default_declarant(organization=platform), typed=host, extent=extent)
    authorize(challenge=challenge_for(locator=place, now=now), method=Method.DNS, where="", now=now)
    return place


def test_on_its_own_proven_host_a_platform_registers_its_users_places(
    program: Client, platform: Organization, other: Client
) -> None:
    proven(platform, "lofter.com", Extent.DOMAIN)
    items = ({"path": "https://www.lofter.com/x/jane/"}, {"host": "www.lofter.com"}, {"domain": "lofter.com"})
    results = register(program, given(program), *items, {"path": "https://www.lofter.com/"}).json()["results"]
    assert [r.get("state") or r["error"]["code"] for r in results] == [
        *("registered", "registered", "scope_is_shared_host", "scope_path_too_broad"),
    ]
    (result,) = register(other, given(other), items[0]).json()["results"]
    assert result["error"]["code"] == "scope_path_too_broad"


def test_of_a_host_on_which_many_publish_its_platform_itself_says_nothing(platform: Organization) -> None:
    place = add_place(
        organization=platform, typed="lofter.com", extent=Extent.HOST, preferences=OPEN, terms_url=""
    )
    assert not hasattr(place, "intention")
    proven(platform, "lofter.com", Extent.HOST)
    assert not Statement.objects.exists()
    assert Locator.objects.get().key == place.key


def test_one_who_may_not_vouch_claims_no_shared_host(alice: Declarant) -> None:
    with pytest.raises(NotPermitted, match="scope_is_shared_host"):
        claim_place(declarant=alice, typed="lofter.com")


def taken_over(program: Client, mandate: str) -> Organization:
    ann = personal_organization(user=person("ann@example.com"))
    code = post(program, f"mandates/{mandate}/handover").json()["code"]
    hand_over(code=f" {code[:5].upper()}-{code[5:]} ", to=ann, by=SYSTEM, now=datetime.now(UTC))
    return ann


def test_who_takes_over_may_change_permit_and_withdraw(program: Client, platform: Organization) -> None:
    mandate = given(program)
    items = ({"sha256": DIGEST}, {"url": "https://x.example/a.jpg"}, {"host": "jane.example"})
    register(program, mandate, *items)
    ann = taken_over(program, mandate)
    work, (host, url) = works_of(ann).get(), places_of(ann)
    assert (work.organization, host.declarant.organization) == (ann, ann)
    assert outcome(url="https://jane.example/x.jpg") is Outcome.DENY
    declare(declarant=host.declarant, subject=host, preferences=OPEN)
    declare(declarant=url.declarant, subject=url, preferences={})
    say(work=work, preferences=OPEN, terms_url="")
    assert outcome(url="https://jane.example/x.jpg") is Outcome.ALLOW
    assert outcome(url="https://x.example/a.jpg") is Outcome.UNKNOWN
    assert outcome(sha256=DIGEST) is Outcome.ALLOW
    take_back(work=work)
    said = current_statement(work)
    assert said is not None
    assert not said.vouched


def test_after_the_hand_over_nothing_names_the_platform_and_its_key_finds_nothing(
    program: Client, platform: Organization
) -> None:
    mandate = given(program)
    register(program, mandate, {"sha256": DIGEST}, {"host": "jane.example"})
    ann = taken_over(program, mandate)
    for answered in (
        program.get(f"/v1/mandates/{mandate}"),
        post(program, f"mandates/{mandate}/end"),
        post(program, f"mandates/{mandate}/handover"),
        register(program, mandate, {"sha256": DIGEST}),
    ):
        assert refused(answered) == (404, "mandate_unknown")
    for rows in (Declarant.objects, Work.objects, Mandate.objects):
        assert not rows.filter(organization=platform).exists()
    assert mandate_of(ann, mandate).why == Mandate.Why.HANDED_OVER
    with pytest.raises(NotFound):
        work_of(platform, Work.objects.get().public_id)
    with pytest.raises(NotFound):
        place_of(platform, Locator.objects.get().public_id)
    settle()
    types = list(LogEntry.objects.order_by("index").values_list("entry_type", flat=True))
    assert types[-2:] == ["mandate_end", "handover"]
    event = AuditEvent.objects.get(what="system:mandate:handed_over")
    assert (event.organization, event.details) == (platform.public_id, {"to": ann.public_id})


def test_a_code_hands_over_once_and_for_thirty_days(program: Client) -> None:
    mandate = given(program)
    path = f"mandates/{mandate}/handover"
    old, code = (post(program, path).json()["code"] for _ in range(2))
    assert code not in str(Mandate.objects.values())
    ann = personal_organization(user=person("ann@example.com"))
    now = datetime.now(UTC)
    for wrong, at in ((old, now), ("", now), (code, now + timedelta(days=30, seconds=1))):
        with pytest.raises(NotFound, match="handover_unknown"):
            hand_over(code=wrong, to=ann, by=SYSTEM, now=at)
    hand_over(code=code, to=ann, by=SYSTEM, now=now)
    with pytest.raises(NotFound, match="handover_unknown"):
        hand_over(code=code, to=ann, by=SYSTEM, now=now)


def test_what_an_ended_mandate_said_can_be_taken_over_too(program: Client) -> None:
    mandate = given(program)
    register(program, mandate, {"sha256": DIGEST})
    post(program, f"mandates/{mandate}/end")
    ann = taken_over(program, mandate)
    assert works_of(ann).count() == 1


def test_anothers_mandate_is_not_there(program: Client, other: Client) -> None:
    mandate = given(program)
    for answered in (
        other.get(f"/v1/mandates/{mandate}"),
        post(other, f"mandates/{mandate}/end"),
        post(other, f"mandates/{mandate}/handover"),
        register(other, mandate, {"sha256": DIGEST}),
    ):
        assert refused(answered) == (404, "mandate_unknown")
