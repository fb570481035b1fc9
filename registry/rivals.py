"""Rival claims: what three or more equally proven parties say is theirs is at most for review by its looks.

No stranger's act lowers what is claimed at a higher level than the stranger's, nor what staff has decided.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Final

from django.db import connection

from holdout.errors import Unavailable
from holdout.fingerprints.algorithms import PIXELS_SHA256, SHA256
from holdout.fingerprints.picture import PictureFingerprints
from holdout.index.looks import Kind, likenesses
from holdout.resolution import Assurance
from registry.models import Asset, Standing
from registry.queries import Claim, claims_of, last_standings
from registry.read_index import current_view
from registry.standings import say_standing

logger = logging.getLogger(__name__)

RIVALS: Final = 3
_LOCK: Final = 0x526976616C73


def same_pictures(asked: PictureFingerprints) -> list[bytes]:
    """The digests of the registered files that show this picture, as far as the read index knows.

    Without an index nothing is found: a registration does not wait for it, and exact copies are compared
    without it.
    """
    try:
        tables = current_view().pictures
    except Unavailable as error:
        logger.warning("looks are not compared", extra={"code": error.code})
        return []
    found = likenesses(asked.panes[:1], tables, quarantine=False)
    return [likeness.digest for likeness in found if likeness.kind is Kind.SAME_PICTURE]


def quarantine_rivals(taken: PictureFingerprints, *, same: Collection[bytes]) -> None:
    """Quarantine a picture that rivals claim, with its copies; in the transaction that registers it.

    `same` are the digests of its near copies.
    """
    with connection.cursor() as cursor:
        # Two claims at once would not see each other.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    digests = {SHA256.id: [taken.sha256, *same]}
    if taken.pixels is not None:
        digests[PIXELS_SHA256.id] = [taken.pixels]
    claims = claims_of(digests)
    if not _are_rivals(claims):
        return
    assets = Asset.objects.filter(pk__in=[claim.asset for claim in claims]).order_by("pk")
    said = last_standings([claim.asset for claim in claims])
    if (Standing.Word.LIVE, Standing.Reason.STAFF) in said.values():
        return
    for asset in assets:
        if asset.pk not in said:
            say_standing(asset, Standing.Word.QUARANTINED, Standing.Reason.RIVAL_CLAIMS)


def _are_rivals(claims: Iterable[Claim]) -> bool:
    """Whether enough organisations are at the level of the best claimant."""
    best: dict[int, Assurance] = defaultdict(lambda: Assurance.L0)
    for claim in claims:
        best[claim.organization] = max(best[claim.organization], claim.level)
    highest = max(best.values())
    return sum(level == highest for level in best.values()) >= RIVALS
