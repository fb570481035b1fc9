"""A creator's places: claim, prove, say, take back."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.audit import Actor, Source
from accounts.models import User
from consent.intentions import fulfil_intentions
from consent.models import Intention, Statement
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from registry.control import challenge_for, saw_code
from registry.evidence import line
from registry.models import Locator
from tests.factories import settle
from tests.registry.conftest import Web, records, web
from tests.web.conftest import person, signed_in

__all__ = ["records", "web"]
pytestmark = pytest.mark.django_db
PROFILE = "https://www.xiaohongshu.com/user/profile/5c1234567890abcdef123456"


@pytest.fixture
def ann(db: None) -> Client:
    return signed_in(person("ann"), client=Client(raise_request_exception=False))


def add(browser: Client, address: str, **more: str) -> str:
    """Adds a place and returns the address of its page."""
    said = {"address": address, "extent": "host", "preset": "no-ai"} | more
    answered = browser.post("/places/new", said)
    assert answered.status_code == 302, answered.content.decode()
    return str(answered["Location"])


def code_on(browser: Client, page: str) -> str:
    found = re.search("holdout-verify=([a-z2-7]{26})", browser.get(page).content.decode())
    assert found
    return found[1]


def outcome(url: str) -> Outcome:
    settle()
    (verdict,) = answer([Query(url=url)])
    return verdict.uses[UsageCategory.TRAIN_GEN]


def test_a_profile_is_proven_and_spoken_of_with_one_press(ann: Client, web: Web) -> None:
    page = add(ann, "alice.lofter.com")
    assert b"Not proven yet" in ann.get(page).content
    assert b"did not find it" in ann.post(f"{page}proof").content
    assert outcome("https://alice.lofter.com/x.jpg") is Outcome.UNKNOWN
    code = code_on(ann, page)
    web("https://alice.lofter.com/", f'<meta name="description" content="{line(code)}">')
    answered = ann.post(f"{page}proof", follow=True).content.decode()
    assert "Proven. What you chose is said now." in answered
    assert outcome("https://alice.lofter.com/x.jpg") is Outcome.DENY
    mark = ann.get(f"/p/{code}")
    assert '<a rel="me nofollow" href="https://alice.lofter.com/">' in mark.content.decode()
    assert Client().get("/p/aaaa").status_code == 404


def test_where_strangers_see_nothing_the_staff_looks_and_what_was_chosen_is_said(ann: Client) -> None:
    page = add(ann, PROFILE, preset="no-generative-ai")
    place = Locator.objects.get(belongs_to=None)
    challenge = challenge_for(locator=place, now=datetime.now(UTC))
    for staff in (1, 2):
        assert f"So far: {staff - 1} of 2" in ann.get(page).content.decode()
        assert fulfil_intentions(now=datetime.now(UTC)) == 0
        saw_code(challenge=challenge, by=Actor(Source.STAFF, staff), now=datetime.now(UTC))
    assert fulfil_intentions(now=datetime.now(UTC)) == 1
    assert fulfil_intentions(now=datetime.now(UTC)) == 0
    assert outcome(f"{PROFILE}/1.jpg") is Outcome.DENY
    assert "No generative AI" in ann.get(page).content.decode()


def test_what_is_said_can_be_changed_and_taken_back(
    ann: Client, records: dict[str, list[str]], web: Web
) -> None:
    page = add(ann, "ann.example", extent="domain")
    records["_holdout.ann.example"] = [line(code_on(ann, page))]
    ann.post(f"{page}proof")
    assert outcome("https://a.ann.example/x.jpg") is Outcome.DENY
    ann.post(page, {"preset": "licence-first", "terms_url": "https://ann.example/terms"})
    assert outcome("https://a.ann.example/x.jpg") is Outcome.CONDITIONAL
    assert b"Withdraw what you said?" in ann.get(f"{page}withdraw").content
    ann.post(f"{page}withdraw")
    assert outcome("https://a.ann.example/x.jpg") is Outcome.UNKNOWN
    assert ann.post(f"{page}withdraw").status_code == 409
    assert Statement.objects.count() == 3
    assert ann.get(page).content.count(b"Log entry") == 3


def test_what_is_said_of_a_place_can_change_on_a_day(
    ann: Client, records: dict[str, list[str]], web: Web
) -> None:
    page = add(ann, "ann.example", extent="domain")
    records["_holdout.ann.example"] = [line(code_on(ann, page))]
    ann.post(f"{page}proof")
    day = datetime.now(UTC) + timedelta(days=9)
    on = day.date().isoformat()
    shown = ann.post(page, {"preset": "licence-first", "starts_on": on}, follow=True).content.decode()
    assert f"From {on} on you will say: Licence first" in shown
    assert outcome("https://a.ann.example/x.jpg") is Outcome.DENY
    assert fulfil_intentions(now=day) == 1
    assert outcome("https://a.ann.example/x.jpg") is Outcome.CONDITIONAL
    ann.post(page, {"preset": "no-ai", "starts_on": on})
    assert "goes on" in ann.post(f"{page}keep", follow=True).content.decode()
    assert fulfil_intentions(now=day) == 0


def test_an_unproven_place_keeps_what_is_chosen_and_can_be_removed(ann: Client) -> None:
    page = add(ann, "ann.example")
    ann.post(page, {"preset": "licence-first", "terms_url": ""})
    assert Intention.objects.get().preferences["train_gen"] == "conditional"
    assert Statement.objects.count() == 0
    ann.post(f"{page}remove")
    assert not Locator.objects.exists()
    assert ann.get(page).status_code == 404


def test_what_was_proven_is_not_removed(ann: Client, records: dict[str, list[str]], web: Web) -> None:
    page = add(ann, "ann.example", extent="domain")
    records["_holdout.ann.example"] = [line(code_on(ann, page))]
    ann.post(f"{page}proof")
    assert ann.post(f"{page}remove").status_code == 409


@pytest.mark.parametrize(
    ("said", "status", "words"),
    [
        ({"address": ""}, 422, "This field is required"),
        ({"address": "a b"}, 422, "no complete web address"),
        ({"address": "https://weibo.com/"}, 403, "Give the address of your own profile there"),
        ({"address": "co.uk"}, 403, "Anybody can have a name below this one"),
        ({"address": "127.0.0.1"}, 403, "no name that one party"),
        ({"address": "ann.example", "extent": "planet"}, 422, "Select a valid choice"),
        ({"address": "ann.example", "preset": "open"}, 422, "Select a valid choice"),
    ],
)
def test_a_claim_that_cannot_be_comes_back_with_the_reason(
    ann: Client, said: dict[str, str], status: int, words: str
) -> None:
    answered = ann.post("/places/new", {"extent": "host", "preset": "no-ai"} | said)
    assert answered.status_code == status
    assert words in answered.content.decode()
    assert not Locator.objects.exists()


def test_a_page_elsewhere_is_refused_with_the_reason(ann: Client) -> None:
    page = add(ann, PROFILE)
    answered = ann.post(f"{page}proof", {"page": "https://www.xiaohongshu.com/explore/1"})
    assert answered.status_code == 422
    assert "Name a post within your account" in answered.content.decode()


def test_the_list_tells_what_is_proven(ann: Client, web: Web) -> None:
    assert b"Say it once, for all of it" in ann.get("/places/").content
    page = add(ann, "alice.lofter.com")
    assert b"Waits for the proof" in ann.get("/places/").content
    web("https://alice.lofter.com/", f"<title>{code_on(ann, page)}</title>")
    ann.post(f"{page}proof")
    listed = ann.get("/places/").content.decode()
    assert "Proven: L2" in listed
    assert "No AI" in listed


def test_the_list_costs_the_same_however_long_it_is(ann: Client, django_assert_max_num_queries) -> None:  # type: ignore[no-untyped-def]
    for i in range(20):
        add(ann, f"site{i}.example")
    with django_assert_max_num_queries(12):
        assert ann.get("/places/").content.count(b"Waits for the proof") == 20


def test_withdrawing_asks_who_it_is_when_signing_in_was_long_ago(
    ann: Client, records: dict[str, list[str]], web: Web
) -> None:
    page = add(ann, "ann.example", extent="domain")
    records["_holdout.ann.example"] = [line(code_on(ann, page))]
    ann.post(f"{page}proof")
    long_ago = signed_in(User.objects.get(), seconds_ago=3_600)
    assert "/accounts/confirm/" in long_ago.post(f"{page}withdraw")["Location"]
    assert outcome("https://ann.example/x.jpg") is Outcome.DENY
