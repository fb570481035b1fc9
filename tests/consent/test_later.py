"""What is to begin on a day: until then the old holds, from then on the new, whoever is away meanwhile."""

from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest

from consent import intentions, registration
from consent.intentions import forget, fulfil_intentions
from consent.models import Intention, Statement
from consent.places import say_of_place
from consent.registration import say, say_later, say_of_all, take_back
from consent.services import declare, declare_many
from holdout.errors import Conflict
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from registry.models import Declarant, Work
from registry.services import authorize_locators, register_locators
from tests.factories import NO_AI, OPEN, settle

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
DAY = NOW + timedelta(days=30)
AFTER = DAY + timedelta(seconds=1)


def works(declarant: Declarant, count: int = 1) -> list[Work]:
    made = [
        Work.objects.create(organization=declarant.organization, declarant=declarant) for _ in range(count)
    ]
    for work in made:
        declare(declarant=declarant, subject=work, preferences=NO_AI)
    settle()
    return made


def said_of(work: Work) -> str:
    return Statement.objects.get(work=work, superseded_by=None).train_gen


def test_what_is_said_of_a_work_changes_on_its_day_and_once(alice: Declarant) -> None:
    (work,) = works(alice)
    say_later(work=work, preferences=OPEN, terms_url="", starts_at=DAY)
    assert fulfil_intentions(now=DAY - timedelta(seconds=1)) == 0
    assert said_of(work) == "deny"
    assert fulfil_intentions(now=AFTER) == 1
    assert fulfil_intentions(now=AFTER) == 0
    assert said_of(work) == "allow"


def test_the_last_choice_for_later_counts(alice: Declarant) -> None:
    (work,) = works(alice)
    say_later(work=work, preferences=OPEN, terms_url="", starts_at=DAY)
    say_later(work=work, preferences=NO_AI, terms_url="", starts_at=DAY + timedelta(days=1))
    assert Intention.objects.get().starts_at == DAY + timedelta(days=1)
    assert fulfil_intentions(now=AFTER) == 0


def test_forgotten_is_not_said(alice: Declarant) -> None:
    (work,) = works(alice)
    say_later(work=work, preferences=OPEN, terms_url="", starts_at=DAY)
    assert forget([work]) == 1
    assert fulfil_intentions(now=AFTER) == 0
    assert said_of(work) == "deny"


def test_what_is_said_or_withdrawn_now_takes_the_place_of_what_was_to_come(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "wait_for_entry", lambda **_: None)
    spoken, withdrawn = works(alice, 2)
    for work in (spoken, withdrawn):
        say_later(work=work, preferences=OPEN, terms_url="", starts_at=DAY)
    say(work=spoken, preferences=NO_AI, terms_url="")
    take_back(work=withdrawn)
    assert not Intention.objects.exists()
    assert fulfil_intentions(now=AFTER) == 0


def test_of_everything_at_once_in_one_declaration(alice: Declarant, bob: Declarant) -> None:
    works(alice, 7)
    (his,) = works(bob)
    done = say_of_all(organization=alice.organization, preferences=OPEN, terms_url="", starts_at=DAY)
    assert (done.said, done.later) == (0, 7)
    with patch.object(intentions, "declare_many", wraps=declare_many) as declared:
        assert fulfil_intentions(now=AFTER) == 7
    assert declared.call_count == 1
    assert said_of(his) == "deny"


def test_of_very_many_it_is_said_by_the_clock_and_only_where_something_else_was(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registration, "_MOST_AT_ONCE", 3)
    first, *_ = works(alice, 4)
    declare(declarant=alice, subject=first, preferences=OPEN)
    done = say_of_all(organization=alice.organization, preferences=OPEN, terms_url="")
    assert (done.said, done.later) == (0, 4)
    assert fulfil_intentions(now=NOW) == 4
    assert not Intention.objects.exists()
    assert Statement.objects.filter(superseded_by=None, train_gen="allow").count() == 4
    assert first.statements.count() == 2


def test_one_that_cannot_be_said_holds_up_no_other(alice: Declarant, bob: Declarant) -> None:
    (hers,), (his,) = works(alice), works(bob)
    for work in (hers, his):
        say_later(work=work, preferences=OPEN, terms_url="", starts_at=DAY)

    def refusing(**said: object) -> object:
        if said["declarant"] == alice:
            raise Conflict("said_meanwhile", "")
        return declare_many(**said)  # type: ignore[arg-type]

    with patch.object(intentions, "declare_many", refusing):
        assert fulfil_intentions(now=AFTER) == 1
    assert (said_of(hers), said_of(his)) == ("deny", "allow")
    assert fulfil_intentions(now=AFTER) == 1
    assert said_of(hers) == "allow"


def test_of_a_proven_place_from_its_day_on(alice: Declarant) -> None:
    (place,) = register_locators(declarant=alice, targets=[(KeyKind.DOMAIN, "alice.example")])
    authorize_locators(declarant=alice, locators=[place], level=Assurance.L3, method="operator")
    assert say_of_place(place=place, preferences=NO_AI, terms_url="", starts_at=DAY) is None
    assert not place.statements.exists()
    assert fulfil_intentions(now=DAY - timedelta(days=1)) == 0
    assert fulfil_intentions(now=AFTER) == 1
    assert place.statements.get().train_gen == "deny"


def test_a_day_that_comes_before_the_proof_waits_for_it(alice: Declarant) -> None:
    (place,) = register_locators(declarant=alice, targets=[(KeyKind.DOMAIN, "alice.example")])
    say_of_place(place=place, preferences=NO_AI, terms_url="", starts_at=DAY)
    assert fulfil_intentions(now=AFTER) == 0
    authorize_locators(declarant=alice, locators=[place], level=Assurance.L3, method="operator")
    assert fulfil_intentions(now=AFTER) == 1
