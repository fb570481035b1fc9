"""How much one declarant may register in a day: the better they are proven, the more."""

from datetime import datetime, timedelta
from typing import Final

from holdout.errors import LimitReached
from holdout.resolution import Assurance
from registry.models import Declarant, Locator, Work
from registry.queries import holding_authorizations
from registry.samples import refuse_the_doubtful

A_DAY: Final = {
    Assurance.L0: 1_000,
    Assurance.L2: 50_000,
    Assurance.L5: 1_000_000,
}
"""Works, and addresses, of a declarant whose best proven place or voucher has at least this level."""


def refuse_beyond_quota(*, declarant: Declarant, works: int = 0, addresses: int = 0, now: datetime) -> None:
    """Raise LimitReached (`daily_limit`) where that many more would be too many within 24 hours.

    And as `registry.samples.refuse_the_doubtful` does, where addresses are to be added.
    """
    if addresses:
        refuse_the_doubtful(declarant)
    most = A_DAY[max(level for level in A_DAY if level <= _level(declarant))]
    since = now - timedelta(days=1)
    for more, made in (
        (works, Work.objects.filter(declarant=declarant)),
        (addresses, Locator.objects.filter(declarant=declarant)),
    ):
        if more and made.filter(created_at__gt=since)[: most + 1].count() + more > most:
            raise LimitReached(
                "daily_limit", f"At most {most:,} a day; with a proven account or site it is more."
            )


def _level(declarant: Declarant) -> Assurance:
    if declarant.mandates.filter(ended_at=None).exists():
        return Assurance.L5
    of_places = holding_authorizations().filter(declarant=declarant, locator__isnull=False, rests_on=None)
    best = of_places.order_by("-level").values_list("level", flat=True).first()
    return Assurance(best or 0)
