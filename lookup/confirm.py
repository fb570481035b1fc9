"""What is said of all keys in a range, for vendors that do not tell which key they mean.

A range is as wide as it takes to hold 50 keys or more, on average; the caller finds its own key in it by
itself, and has named all keys of its URLs, so that an exception between two places shows here as well
(`lookup.key_codes`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.errors import InvalidInput
from holdout.index.files import OF_PICTURES, TableName
from holdout.index.records import RECORD, Records, opaque, public_ids
from holdout.index.view import View
from holdout.snapshot.ranges import MAX_BITS, Range, range_bounds
from lookup.grants import NOTHING_GRANTED, Granted
from lookup.key_codes import Said, key_codes

MAX_PREFIXES: Final = 256
KEYS_AT_LEAST: Final = 50
"""On average, so many keys lie in one range: among them nobody sees which was meant."""
KEYS_AT_MOST: Final = 4096
"""Probes can be chosen: a range that somebody filled beyond this is refused, and its pictures held back."""


def range_bits(keys: int) -> int:
    """How many bits the prefixes of a registry with so many keys have at most."""
    return min(MAX_BITS, max(0, (keys // KEYS_AT_LEAST).bit_length() - 1))


def confirm(
    view: View,
    prefixes: Sequence[str],
    *,
    bits: int,
    most_bits: int,
    granted: Granted = NOTHING_GRANTED,
) -> list[Range]:
    """What is said of every key in these ranges, in their order, to who was granted that; keys of which
    nothing is said are left out.

    Prefixes have `most_bits` or, for who heard of them a while ago, one bit less. Raises `InvalidInput`:
    `confirm_bits` for others, `confirm_prefix_malformed`, `no_queries` and `too_many_queries`.
    """
    if not max(0, most_bits - 1) <= bits <= most_bits:
        raise InvalidInput("confirm_bits", f"Ask by prefixes of {most_bits} bits, as GET /v1/snapshots says.")
    if not prefixes:
        raise InvalidInput("no_queries", "Send at least one prefix.")
    if len(prefixes) > MAX_PREFIXES:
        raise InvalidInput("too_many_queries", f"Send at most {MAX_PREFIXES} prefixes a call.")
    found = [list(_found(view, *range_bounds(prefix, bits=bits))) for prefix in prefixes]
    sizes = [sum(len(part.key) for part in parts) for parts in found]
    kept = [parts if size <= KEYS_AT_MOST else [] for parts, size in zip(found, sizes, strict=True)]
    ends = np.cumsum([sum(len(part.key) for part in parts) for parts in kept]).tolist()
    whole = _Part.together([part for parts in kept for part in parts])
    (codes,) = key_codes([Said(whole.first, whole.record)], granted=granted)
    return [
        Range(prefix, error="range_too_full")
        if size > KEYS_AT_MOST
        else _range(prefix, whole, codes, start, end)
        for prefix, size, start, end in zip(prefixes, sizes, [0, *ends[:-1]], ends, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Part:
    """Keys with their records."""

    key: NDArray[np.uint8]
    """Packed, (n, 16)."""
    first: NDArray[np.uint32]
    record: Records

    @classmethod
    def together(cls, parts: Sequence["_Part"]) -> "_Part":
        key = np.concatenate([np.empty((0, 16), np.uint8), *(part.key for part in parts)])
        counts = np.concatenate(
            [np.empty(0, np.int64), *(np.diff(part.first.astype(np.int64)) for part in parts)]
        )
        record = np.concatenate(
            [np.empty(0, opaque(np.empty(0, RECORD)).dtype), *(opaque(p.record) for p in parts)]
        )
        return cls(key, np.append(0, np.cumsum(counts)).astype(np.uint32), record.view(RECORD))


def _found(view: View, low: int, high: int) -> Iterator[_Part]:
    """The keys of each table whose probes lie in [low, high], in the overlay or not replaced by it."""
    for name in OF_PICTURES:
        yield from _found_in(view, name, np.uint64(low), np.uint64(high))


def _found_in(view: View, name: TableName, low: np.uint64, high: np.uint64) -> Iterator[_Part]:
    base, overlay = getattr(view.base, name), getattr(view.overlay, name)
    for table in (overlay, base):
        start, end = np.searchsorted(table.probe, low), np.searchsorted(table.probe, high, side="right")
        position = np.arange(start, end)
        if table is base:
            position = position[overlay.locate(base.probe[position], base.check[position]) < 0]
        counts, record = table.lines(position)
        probe = table.probe[position].astype(">u8").view(np.uint8).reshape(-1, 8)
        check = np.ascontiguousarray(table.check[position, 0]).view(np.uint8).reshape(-1, 8)
        yield _Part(
            np.concatenate([probe, check], axis=1), np.append(0, np.cumsum(counts)).astype(np.uint32), record
        )


def _range(prefix: str, part: _Part, codes: NDArray[np.uint8], start: int, end: int) -> Range:
    """The range whose keys are those from `start` to `end`."""
    first = part.first[start : end + 1].tolist()
    ids = public_ids("stm", part.record["statement"][first[0] : first[-1]])
    says = np.flatnonzero(codes[start:end])
    return Range(
        prefix,
        part.key[start:end][says].tobytes(),
        tuple(codes[start:end][says].tolist()),
        tuple(tuple(ids[first[i] - first[0] : first[i + 1] - first[0]]) for i in says.tolist()),
    )
