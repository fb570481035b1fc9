"""Declared places are looked at, dated by the log, and their people are told what is gone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client

from accounts.models import Membership, User
from holdout.doctor import visit
from holdout.errors import FetchFailed, InvalidInput
from holdout.fetch import Fetched
from holdout.receipts import verify_observation, verify_opening
from holdout.resolution import Assurance
from holdout.signing import SigningKey
from ledger.models import LogEntry
from ledger.queries import receipt
from registry import tasks
from registry.models import Declarant, Locator, Observation
from registry.observing import AGAIN, EVERY, due, observe, signed_observation
from tests.factories import reserve_place, settle

pytestmark = pytest.mark.django_db
URL = "https://alice.example/x.jpg"
NOW = datetime.now(UTC)
Says = Callable[..., None]


@pytest.fixture
def place(alice: Declarant) -> Locator:
    person = User.objects.create_user("alice@alice.example")
    Membership.objects.create(organization=alice.organization, user=person)
    reserve_place(alice, URL)
    return Locator.objects.get()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Says:
    def says(*headers: tuple[str, str], status: int = 200) -> None:
        def fetch(url: str, **_: object) -> Fetched:
            if status == 0:
                raise FetchFailed("connect_failed", "")
            found = url == URL
            return Fetched(
                url, status if found else 404, headers if found else (), b"picture" if found else b""
            )

        monkeypatch.setattr(visit, "fetch", fetch)

    return says


def look(place: Locator) -> Observation:
    seen = observe(locator_id=place.public_id)
    assert seen is not None
    return seen


def test_what_stood_there_is_dated_by_the_log_and_can_be_proven(place: Locator, site: Says) -> None:
    site(("x-robots-tag", "noai"), ("tdm-reservation", "1"))
    seen = look(place)
    assert seen.signals == [["noai", "header X-Robots-Tag"], ["tdmrep", "header tdm-reservation"]]
    settle()
    opening = receipt(seen.public_id)
    verify_opening(opening)
    record = opening["record"]
    assert (opening["entry"]["type"], record["url"], record["uses"]["tdm"]) == ("observation", URL, "deny")
    assert all(len(signal["sha256"]) == 64 and signal["revision"] for signal in record["signals"])


def test_an_observation_is_signed_and_no_other_says_the_same(place: Locator, site: Says) -> None:
    site(("x-robots-tag", "noai"))
    seen = look(place)
    settle()
    signed = signed_observation(seen)
    keys = [SigningKey.from_text(settings.HOLDOUT_SNAPSHOT_SIGNING_KEY).public]
    verify_observation(signed, keys)
    with pytest.raises(InvalidInput, match="signature_unknown_key"):
        verify_observation(signed, [])
    for change in (
        {
            "opening": signed["opening"]
            | {"record": signed["opening"]["record"] | {"url": "https://b.example/"}}
        },
        {"signature": signed["signature"] | {"ed25519": "00" * 64}},
    ):
        with pytest.raises(InvalidInput, match="signature_invalid"):
            verify_observation(signed | change, keys)
    with pytest.raises(InvalidInput, match="receipt_does_not_match"):
        verify_observation(signed | {"opening": signed["opening"] | {"salt": "00" * 32}}, keys)
    for rubbish in ({}, {"opening": 1, "signature": 2}, signed | {"signature": {"key": [], "ed25519": "x"}}):
        with pytest.raises(InvalidInput, match="receipt_malformed"):
            verify_observation(rubbish, keys)


def test_a_signal_that_is_gone_is_told_once(place: Locator, site: Says) -> None:
    site(("x-robots-tag", "noai"), ("tdm-reservation", "1"))
    look(place)
    assert mail.outbox == []
    site(("tdm-reservation", "1"))
    assert look(place).missing == [["noai", "header X-Robots-Tag"]]
    assert look(place).missing == []
    (told,) = mail.outbox
    assert told.to == ["alice@alice.example"]
    assert "noai: header X-Robots-Tag" in told.body
    assert "声明" in told.body


def test_a_place_that_does_not_answer_is_no_evidence_and_no_loss(place: Locator, site: Says) -> None:
    site(("x-robots-tag", "noai"))
    look(place)
    entries = LogEntry.objects.count()
    site(status=0)
    assert look(place).error == "connect_failed"
    settle()
    assert LogEntry.objects.filter(entry_type="observation").count() == 1
    assert LogEntry.objects.count() == entries + 1
    site(("x-robots-tag", "noai"))
    assert look(place).missing == []
    assert mail.outbox == []


def test_places_are_looked_at_weekly_and_sooner_after_a_failure(place: Locator, site: Says) -> None:
    assert due(now=NOW, most=5) == [place.public_id]
    site(("x-robots-tag", "noai"))
    look(place)
    later = datetime.now(UTC)
    assert due(now=later, most=5) == []
    assert due(now=later + EVERY + timedelta(minutes=1), most=5) == [place.public_id]
    site(status=0)
    look(place)
    assert due(now=later + timedelta(minutes=1), most=5) == []
    assert due(now=datetime.now(UTC) + AGAIN + timedelta(minutes=1), most=5) == [place.public_id]


def test_nobody_sends_us_to_a_place_that_is_not_proven(alice: Declarant) -> None:
    reserve_place(alice, "https://somebody.example/x.jpg", level=Assurance.L0)
    assert due(now=NOW, most=5) == []


def test_an_observation_changes_no_answer(place: Locator, site: Says, client: Client) -> None:
    before = client.get("/v1/status", {"url": URL}).json()["uses"]
    site(("content-usage", "train-ai=y"))
    look(place)
    settle()
    assert client.get("/v1/status", {"url": URL}).json()["uses"] == before


def test_beat_sends_somebody_to_every_place_that_is_due(
    place: Locator, site: Says, monkeypatch: pytest.MonkeyPatch
) -> None:
    site(("x-robots-tag", "noai"))
    monkeypatch.setattr(tasks.observe, "apply_async", lambda kwargs, expires: tasks.observe(**kwargs))
    tasks.observe_places()
    assert Observation.objects.get().locator == place


def test_an_unknown_place_is_passed_over() -> None:
    assert observe(locator_id="loc_nothing") is None
