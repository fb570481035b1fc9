"""Base and overlay as one table, and what is left of an overlay after that."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdout.index.records import RECORD, Records, opaque
from holdout.index.table import Table


def merged(base: Table, overlay: Table) -> Table:
    """What both say together: an entry of the overlay replaces the base's value of its key.

    Keys about which the overlay says nothing any more are gone. Beyond its arguments it takes the memory of
    the result and about 20 bytes a key and record.
    """
    if not overlay.keys:
        return base
    found = base.locate(overlay.probe, overlay.check)
    replaced = found[found >= 0]
    kept = np.ones(base.keys, dtype=np.bool_)
    kept[replaced] = False
    says = overlay.counts > 0
    bounds = base.lower_bounds(overlay.probe, overlay.check)[says]
    # An overlay's key comes after the base's kept keys that stand before it, and the overlay's own.
    place = bounds - np.searchsorted(replaced, bounds) + np.arange(len(bounds))
    new = np.zeros(base.keys - len(replaced) + len(bounds), dtype=np.bool_)
    new[place] = True
    counts = _woven(new, kept, base.counts, overlay.counts[says])
    first = np.zeros(len(new) + 1, dtype=np.uint32)
    np.cumsum(counts, out=first[1:])
    return Table.of_sorted(
        probe=_woven(new, kept, base.probe, overlay.probe[says]),
        check=_woven(new, kept, _whole(base.check), _whole(overlay.check[says]))
        .view(np.uint64)
        .reshape(-1, 2),
        first=first,
        record=_woven(
            np.repeat(new, counts),
            np.repeat(kept, base.counts),
            opaque(base.record),
            opaque(overlay.record),
        ).view(RECORD),
    )


def changed(before: Table, now: Table) -> Table:
    """The keys of `now` whose value `before` does not hold.

    With `before` an overlay that was merged into a base, and `now` a younger one of the same base, it is all
    that the new base lacks.
    """
    at = before.locate(now.probe, now.check)
    same = at >= 0
    same[same] = before.counts[at[same]] == now.counts[same]
    candidates = np.flatnonzero(same)
    counts, records = now.lines(candidates)
    _, old_records = before.lines(at[candidates])
    differs = (_octets(records) != _octets(old_records)).any(axis=1)
    same[np.repeat(candidates, counts)[differs]] = False
    left = np.flatnonzero(~same)
    counts, records = now.lines(left)
    return Table.of_sorted(
        probe=now.probe[left],
        check=now.check[left],
        first=np.append(np.zeros(1, dtype=np.int64), np.cumsum(counts)),
        record=records,
    )


def _woven(
    new: NDArray[np.bool_], kept: NDArray[np.bool_], base: NDArray[Any], overlay: NDArray[Any]
) -> NDArray[Any]:
    """A column that has the overlay's rows where `new` is set, and the base's `kept` rows elsewhere."""
    result = np.empty(len(new), dtype=base.dtype)
    if len(base):
        source = np.zeros(len(new), dtype=np.int64)
        source[~new] = np.flatnonzero(kept)
        # Straight into the result: a selection of the base would be a second copy of it.
        # "clip", because numpy buffers `out` otherwise.
        np.take(base, source, out=result, mode="clip")
    result[new] = overlay
    return result


def _octets(records: Records) -> NDArray[np.uint8]:
    return records.view(np.uint8).reshape(-1, RECORD.itemsize)


def _whole(check: NDArray[np.uint64]) -> NDArray[np.void]:
    return np.ascontiguousarray(check).view("V16").reshape(-1)
