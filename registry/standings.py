"""Writing what an asset's looks may lead to: the row, and its record in line for the log."""

from ledger.models import Log
from ledger.services import append
from registry.models import Asset, Standing
from registry.queries import last_standings
from registry.records import standing_record


def say_standing(asset: Asset, word: Standing.Word, reason: Standing.Reason) -> Standing | None:
    """Write a standing, inside the caller's transaction; None where just that was said of the asset last."""
    Asset.objects.select_for_update().get(pk=asset.pk)
    if last_standings([asset.pk]).get(asset.pk) == (word, reason):
        return None
    standing = Standing.objects.create(asset=asset, standing=word, reason=reason)
    append(
        log=Log.DECLARATIONS,
        entry_type="standing",
        record_id=standing.public_id,
        record=standing_record(standing),
    )
    return standing
