"""Proofs are looked at again; what is gone is told, and lapses only after that."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail

from accounts.models import Membership, User
from holdout.receipts import verify_opening
from ledger.queries import receipt
from registry.control import challenge_for, claim_place, prove
from registry.evidence import line
from registry.models import Authorization, Declarant, Lapse
from registry.queries import locator_assurances
from registry.upkeep import PATIENCE, PATIENCE_UNREACHABLE, due, recheck
from tests.factories import settle
from tests.registry.conftest import Web

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
FILE = "https://alice.example/.well-known/holdout-verify.txt"


@pytest.fixture
def proof(alice: Declarant, web: Web) -> Authorization:
    person = User.objects.create_user("alice@mail.example")
    Membership.objects.create(organization=alice.organization, user=person)
    site = claim_place(declarant=alice, typed="alice.example")
    web(FILE, line(challenge_for(locator=site, now=NOW).code))
    found = prove(locator=site, now=NOW).authorization
    assert found is not None
    return found


def holds(proof: Authorization) -> bool:
    return bool(locator_assurances([proof.locator_id or 0]))


def test_what_stands_is_looked_at_every_month(proof: Authorization) -> None:
    assert due(now=NOW + 29 * DAY, most=9) == []
    later = NOW + 30 * DAY
    assert due(now=later, most=9) == [proof.public_id]
    attempt = recheck(authorization_id=proof.public_id, now=later)
    assert attempt is not None
    assert attempt.error == ""
    assert due(now=later + 29 * DAY, most=9) == []
    assert mail.outbox == []


def test_what_is_gone_is_told_and_lapses_after_two_weeks(proof: Authorization, web: Web) -> None:
    web(FILE, "something else")
    start = NOW + 30 * DAY
    for day in range(PATIENCE.days):
        recheck(authorization_id=proof.public_id, now=start + day * DAY)
    (warned,) = mail.outbox
    assert warned.to == ["alice@mail.example"]
    assert f"{start + PATIENCE:%Y-%m-%d}" in warned.body
    assert FILE in warned.body
    assert holds(proof)
    recheck(authorization_id=proof.public_id, now=start + PATIENCE)
    assert not holds(proof)
    assert len(mail.outbox) == 2
    settle()
    opening = receipt(Lapse.objects.get().public_id)
    verify_opening(opening)
    assert opening["record"]["authorization"] == proof.public_id
    assert due(now=start + 99 * DAY, most=9) == []
    assert recheck(authorization_id=proof.public_id, now=start + 99 * DAY) is None


def test_what_comes_back_in_time_is_as_if_nothing_had_been(proof: Authorization, web: Web) -> None:
    assert proof.challenge is not None
    web(FILE, "")
    recheck(authorization_id=proof.public_id, now=NOW + 30 * DAY)
    web(FILE, line(proof.challenge.code))
    recheck(authorization_id=proof.public_id, now=NOW + 31 * DAY)
    proof.refresh_from_db()
    assert (proof.missing_since, proof.due_at) == (None, NOW + 61 * DAY)


def test_a_site_that_is_away_is_waited_for_longer(alice: Declarant, web: Web) -> None:
    site = claim_place(declarant=alice, typed="alice.example")
    web(FILE, line(challenge_for(locator=site, now=NOW).code))
    proof = prove(locator=site, now=NOW).authorization
    assert proof is not None
    Authorization.objects.update(where="https://away.example/")
    start = NOW + 30 * DAY
    recheck(authorization_id=proof.public_id, now=start)
    recheck(authorization_id=proof.public_id, now=start + PATIENCE)
    assert holds(proof)
    recheck(authorization_id=proof.public_id, now=start + PATIENCE_UNREACHABLE)
    assert not holds(proof)


def test_a_proof_that_nobody_can_look_at_is_left_alone(proof: Authorization) -> None:
    Authorization.objects.update(due_at=None)
    assert recheck(authorization_id=proof.public_id, now=NOW) is None
    assert recheck(authorization_id="aut_unknown", now=NOW) is None
