"""How well a file or a place is proven at a log index, in SQL: for `registry.queries` and the change feed.

Each is an expression over the row's alias (`l` a place, `a` a file, `w` its work) with `%(as_of)s`. A proof
counts from its own log index up to that of its lapse, or of the lapse of the proof that it rests on.
"""

from typing import Final

from holdout.resolution import LEAST_ASSURANCE_FOR_NEAR_DENY, Assurance

_HOLDING: Final = """
registry_authorization p
JOIN ledger_logentry proof ON proof.record_id = p.public_id AND proof.index <= %(as_of)s
WHERE NOT EXISTS (
    SELECT FROM registry_lapse x
    JOIN ledger_logentry ended ON ended.record_id = x.public_id AND ended.index <= %(as_of)s
    WHERE x.authorization_id IN (p.id, p.rests_on_id)
)
"""

OF_PLACE: Final = f"""
COALESCE((
    SELECT max(p.level) FROM {_HOLDING} AND p.locator_id = l.id AND p.declarant_id = l.declarant_id
), 0)
"""  # noqa: S608

OF_FILE: Final = f"""
COALESCE((SELECT max(p.level) FROM {_HOLDING} AND p.asset_id = a.id), 0)
"""  # noqa: S608
"""By what was shown of the file itself: with this it may permit."""

BY_PLACES: Final = f"""
CASE WHEN EXISTS (
    SELECT FROM {_HOLDING} AND p.declarant_id = w.declarant_id AND p.locator_id IS NOT NULL
    AND p.rests_on_id IS NULL AND p.level >= {int(LEAST_ASSURANCE_FOR_NEAR_DENY)}
    AND EXISTS (
        SELECT FROM registry_locator place
        WHERE place.id = p.locator_id AND place.kind IN ('path', 'host', 'domain', 'account')
    )
) THEN {int(LEAST_ASSURANCE_FOR_NEAR_DENY)} ELSE 0 END
"""  # noqa: S608
"""What an uploaded file gains from who uploaded it: somebody who controls an account or a site. It restricts
as theirs; it does not show that they made it, so it permits nothing.
"""

UPLOADED: Final = int(Assurance.L1)
"""The least proof of a file with which `BY_PLACES` adds to it."""
