"""The staff looks at some of what is claimed without proof, and what comes of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from accounts.audit import SHELL
from accounts.models import AuditEvent
from holdout.errors import LimitReached
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from registry import samples
from registry.models import Declarant, Locator, Sample
from registry.quotas import refuse_beyond_quota
from registry.samples import MOST_WAITING, judge
from registry.services import authorize_locators, register_locators

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


class Chance:
    """Draws what it is told to."""

    def __init__(self, *drawn: float) -> None:
        self.drawn = list(drawn)

    def random(self) -> float:
        return self.drawn.pop(0) if self.drawn else 0.0


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(samples, "_CHANCE", Chance())


def add(declarant: Declarant, count: int, kind: KeyKind = KeyKind.URL) -> list[Locator]:
    return register_locators(
        declarant=declarant, targets=[(kind, f"https://example.com/{n}/") for n in range(count)]
    )


def test_a_share_of_addresses_is_drawn(alice: Declarant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "_CHANCE", Chance(0.5, 0.019, 0.9))
    _, drawn, _ = add(alice, 3)
    assert [sample.locator for sample in Sample.objects.all()] == [drawn]


def test_of_one_declarant_few_wait_at_a_time(alice: Declarant, bob: Declarant) -> None:
    add(alice, 30)
    add(bob, 1)
    assert Sample.objects.filter(locator__declarant=alice).count() == MOST_WAITING
    assert Sample.objects.filter(locator__declarant=bob).count() == 1
    judge(Sample.objects.filter(locator__declarant=alice)[0], word=Sample.Word.FINE, by=SHELL)
    register_locators(declarant=alice, targets=[(KeyKind.URL, "https://example.com/new")])
    assert Sample.objects.filter(locator__declarant=alice).count() == MOST_WAITING + 1


def test_places_that_must_be_proven_and_people_who_are_vouched_for_are_not_drawn(alice: Declarant) -> None:
    add(alice, 1, KeyKind.PATH)
    alice.spoken_for = True
    add(alice, 1)
    assert not Sample.objects.exists()


def test_who_claimed_what_seems_anothers_proves_a_place_before_adding_more(alice: Declarant) -> None:
    add(alice, 1)
    judge(Sample.objects.get(), word=Sample.Word.DOUBTFUL, by=SHELL)
    with pytest.raises(LimitReached) as refused:
        refuse_beyond_quota(declarant=alice, addresses=1, now=NOW)
    assert refused.value.code == "claims_in_doubt"
    refuse_beyond_quota(declarant=alice, works=1, now=NOW)
    places = register_locators(declarant=alice, targets=[(KeyKind.DOMAIN, "alice.example")])
    authorize_locators(declarant=alice, locators=places, level=Assurance.L3, method="operator")
    refuse_beyond_quota(declarant=alice, addresses=1, now=NOW)


def test_a_judgement_can_be_changed_and_each_is_on_record(alice: Declarant) -> None:
    add(alice, 1)
    for word in (Sample.Word.DOUBTFUL, Sample.Word.FINE):
        judge(Sample.objects.get(), word=word, by=SHELL)
    refuse_beyond_quota(declarant=alice, addresses=1, now=NOW)
    said = AuditEvent.objects.order_by("pk").values_list("what", flat=True)
    assert [what.rpartition(":")[2] for what in said] == ["found_doubtful", "found_fine"]
