"""Some unproven claims are looked at by the staff: disputes alone find few of the false ones.

Pictures are deleted once they are read, so that only addresses can be looked at.
"""

import random
from collections.abc import Iterable
from typing import Final

from django.db import transaction

from accounts.audit import Actor
from accounts.services import record
from holdout.errors import LimitReached
from holdout.resolution import LEAST_ASSURANCE_TO_ALLOW
from holdout.urls import KeyKind
from registry.models import Declarant, Locator, Sample
from registry.queries import holding_authorizations

SHARE: Final = 0.02
MOST_WAITING: Final = 5
"""Of one declarant: a long list is no reason to look at nothing else."""
_SAMPLED: Final = frozenset({KeyKind.URL, KeyKind.PICTURE})
_CHANCE: Final = random.SystemRandom()


def draw(places: Iterable[Locator], *, declarant: Declarant) -> None:
    """Put a share of a declarant's addresses aside for the staff; not of those who are vouched for."""
    drawn = [p for p in places if p.kind in _SAMPLED and _CHANCE.random() < SHARE]
    if not drawn or declarant.spoken_for:
        return
    waiting = Sample.objects.filter(locator__declarant=declarant, word=Sample.Word.WAITING).count()
    Sample.objects.bulk_create(
        [Sample(locator=place) for place in drawn[: max(0, MOST_WAITING - waiting)]], ignore_conflicts=True
    )


def judge(sample: Sample, *, word: Sample.Word, by: Actor) -> None:
    """Say what came of looking."""
    with transaction.atomic():
        Sample.objects.filter(pk=sample.pk).update(word=word)
        record(
            by=by,
            subject="sample",
            action=f"found_{word}",
            object_id=sample.public_id,
            organization=sample.locator.declarant.organization,
        )


def refuse_the_doubtful(declarant: Declarant) -> None:
    """Raise LimitReached (`claims_in_doubt`) for who claimed doubtful addresses and has proven no place."""
    doubtful = Sample.objects.filter(locator__declarant=declarant, word=Sample.Word.DOUBTFUL)
    proven = holding_authorizations().filter(
        declarant=declarant, locator__isnull=False, rests_on=None, level__gte=LEAST_ASSURANCE_TO_ALLOW
    )
    if doubtful.exists() and not proven.exists():
        raise LimitReached(
            "claims_in_doubt", "Prove an account or a site of yours before you add more addresses."
        )
