"""One sorted table of the index: keys, and for each key the records of the statements about it.

    probe    uint64[n]      ascending; equal probes stand next to each other
    check    uint64[n, 2]   the key's check as two little-endian words; ascending within equal probes
    first    uint32[n + 1]  the records of key i are record[first[i]:first[i + 1]], possibly none
    record   RECORD[m]
    bucket   uint32[2^b + 1]  where the probes with given top bits begin, one or two keys a bucket
    sieve    uint64[2^s]    a bit for the low bits of each probe, 12 to 24 bits a key: a miss ends there

A key costs 8 + 16 + 4 + 2 to 4 + 1.5 to 3 bytes, and 48 for each record.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from holdout.index.kernels import fill_index, find_probes, frozen, lower_bounds
from holdout.index.records import RECORD, Records, opaque

MAX_LENGTH: Final = 2**32 - 1
"""Keys, and records, that one table can hold."""

_SIEVE_BITS: Final = 12
"""The least a key. With 12 to 24, 4 to 8 % of the misses pass (measured best at 200k, 1M and 10M keys)."""
_BLOCK: Final = 1 << 16
"""Probes searched at a time, so that what a search writes stays in the processor's cache."""

Words = Callable[[NDArray[np.int64]], NDArray[np.uint64]]
"""Gives the checks (k, 2) of those asked keys whose numbers it is given."""


class Hits(NamedTuple):
    """Asked keys that are in a table: their numbers, ascending, and where they stand."""

    which: NDArray[np.int64]
    position: NDArray[np.int64]

    def where(self, kept: NDArray[np.bool_]) -> "Hits":
        """The hits for which `kept` is set."""
        return self if kept.all() else Hits(self.which[kept], self.position[kept])


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """See the head of this module. Made by `build`, `of_sorted` or `holdout.index.files`; never changed."""

    probe: NDArray[np.uint64]
    check: NDArray[np.uint64]
    first: NDArray[np.uint32]
    record: Records
    bucket: NDArray[np.uint32]
    sieve: NDArray[np.uint64]

    @classmethod
    def build(
        cls, *, probes: NDArray[np.uint64], checks: NDArray[Any], counts: NDArray[Any], records: Records
    ) -> Self:
        """A table of keys in any order; key i has the next `counts[i]` of `records`, which may be none.

        `checks` is V16[n] or uint8[n, 16]. A key that stands there several times has the records of all of
        them, in that order. ValueError for lengths that do not fit together or are too many.
        """
        check = check_words(checks)
        total = int(np.sum(counts, dtype=np.int64))
        if not len(probes) == len(check) == len(counts) or total != len(records) or records.dtype != RECORD:
            raise ValueError(f"{len(probes)} probes, {len(check)} checks, {total} of {len(records)} records")
        counts = np.asarray(counts, dtype=np.int64)
        order = _sorted(probes, check)
        starts = (np.cumsum(counts) - counts)[order]
        probes, check, counts = probes[order], check[order], counts[order]
        distinct = np.ones(len(probes), dtype=np.bool_)
        distinct[1:] = (probes[1:] != probes[:-1]) | (check[1:] != check[:-1]).any(axis=1)
        ends = np.append(np.zeros(1, dtype=np.int64), np.cumsum(counts))
        return cls.of_sorted(
            probe=probes[distinct],
            check=check[distinct],
            first=ends[np.append(np.flatnonzero(distinct), len(probes))],
            record=opaque(np.ascontiguousarray(records))[spread(starts, counts)].view(RECORD),
        )

    @classmethod
    def of_sorted(
        cls, *, probe: NDArray[np.uint64], check: NDArray[np.uint64], first: NDArray[Any], record: Records
    ) -> Self:
        """The table with these columns, each key once and in order; makes what a search needs."""
        if max(len(probe), len(record)) > MAX_LENGTH:
            raise ValueError(f"a table holds at most {MAX_LENGTH} keys and records")
        bucket = np.empty(bucket_length(len(probe)), dtype=np.uint32)
        sieve = np.zeros(sieve_length(len(probe)), dtype=np.uint64)
        fill_index(frozen(probe), bucket, _shift(bucket), sieve, _mask(sieve))
        first = first.astype(np.uint32, copy=False)
        return cls(*map(frozen, (probe, check, first, record, bucket, sieve)))

    @classmethod
    def nothing(cls) -> Self:
        """A table without keys."""
        return cls.of_sorted(
            probe=np.empty(0, dtype=np.uint64),
            check=np.empty((0, 2), dtype=np.uint64),
            first=np.zeros(1, dtype=np.uint32),
            record=np.empty(0, dtype=RECORD),
        )

    @property
    def keys(self) -> int:
        """How many keys there are."""
        return len(self.probe)

    @property
    def counts(self) -> NDArray[np.uint32]:
        """How many records each key has."""
        return self.first[1:] - self.first[:-1]

    def find(self, probes: NDArray[np.uint64]) -> Hits:
        """Which of these probes are here, and the position of the first key with that probe.

        A probe is no key yet: `exact` compares checks too.
        """
        if not self.keys:
            return _NO_HITS
        parts = [self._find(probes[start : start + _BLOCK]) for start in range(0, len(probes), _BLOCK)]
        if len(parts) == 1:
            return parts[0]
        offset = [part.which + _BLOCK * i for i, part in enumerate(parts)]
        return Hits(_joined(offset), _joined([part.position for part in parts]))

    def _find(self, probes: NDArray[np.uint64]) -> Hits:
        bucket, sieve = self.bucket, self.sieve
        return Hits(*find_probes(frozen(probes), self.probe, bucket, _shift(bucket), sieve, _mask(sieve)))

    def exact(self, probes: NDArray[np.uint64], checks_of: Words) -> Hits:
        """The keys that are here; the check is asked for only where the probe is found."""
        which, _ = self.find(probes)
        if not len(which):
            return _NO_HITS
        position = self.locate(probes[which], checks_of(which))
        return Hits(which, position).where(position >= 0)

    def locate(self, probes: NDArray[np.uint64], checks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The position of each key, or -1 where it is not here."""
        position = self.lower_bounds(probes, checks)
        if not self.keys:
            return position - 1
        at = np.minimum(position, self.keys - 1)
        here = (position < self.keys) & (self.probe[at] == probes) & (self.check[at] == checks).all(axis=1)
        return np.where(here, position, -1)

    def lower_bounds(self, probes: NDArray[np.uint64], checks: NDArray[np.uint64]) -> NDArray[np.int64]:
        """For each key, how many keys of this table stand before it in the order."""
        bucket = self.bucket
        bounds: NDArray[np.int64] = lower_bounds(
            frozen(probes), frozen(checks), self.probe, self.check, bucket, _shift(bucket)
        )
        return bounds

    def half(self, probes: NDArray[np.uint64], halves: NDArray[np.uint64]) -> Hits:
        """The keys of which the probe and the first word of the check are given, (n,).

        All of them, where several keys share both. Ordered by `which`.
        """
        which, _ = self.find(probes)
        if not len(which):
            return _NO_HITS
        checks = np.zeros((len(which), 2), dtype=np.uint64)
        checks[:, 0] = halves[which]
        hits = Hits(which, self.lower_bounds(probes[which], checks))
        found = []
        while len(hits.which):
            at = np.minimum(hits.position, self.keys - 1)
            same = (self.probe[at] == probes[hits.which]) & (self.check[at, 0] == halves[hits.which])
            hits = hits.where(same & (hits.position < self.keys))
            found.append(hits)
            hits = Hits(hits.which, hits.position + 1)
        hits = Hits(*map(_joined, zip(*found, strict=True)))
        order = np.argsort(hits.which, kind="stable")
        return Hits(hits.which[order], hits.position[order])

    def counts_of(self, position: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many records each of the keys at these positions has."""
        return self.first[position + 1].astype(np.int64) - self.first[position]

    def lines(self, position: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.void]]:
        """The records of the keys at these positions, one after the other, and how many each has."""
        start, counts = self.first[position].astype(np.int64), self.counts_of(position)
        return counts, opaque(self.record)[spread(start, counts)].view(RECORD)


def check_words(checks: NDArray[Any]) -> NDArray[np.uint64]:
    """Checks, V16[n] or uint8[n, 16], as the words (n, 2) that a table keeps."""
    if checks.dtype.itemsize * int(np.prod(checks.shape[1:])) != 16:
        raise ValueError(f"checks have 16 bytes each, got {checks.dtype} {checks.shape}")
    return np.ascontiguousarray(checks).view(np.uint64).reshape(-1, 2)


def spread(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers starts[i] to starts[i] + counts[i] - 1, for one i after the other."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.repeat(starts - ends + counts, counts) + np.arange(total)


def bucket_length(keys: int) -> int:
    """The length of `bucket` for so many keys: one or two keys a bucket."""
    return (1 << max(1, keys.bit_length() - 1)) + 1


def sieve_length(keys: int) -> int:
    """The length of `sieve`, in words, for so many keys."""
    return max(1, 1 << (_SIEVE_BITS * keys - 1).bit_length() >> 6) if keys else 1


def _shift(bucket: NDArray[np.uint32]) -> int:
    return 64 - (len(bucket) - 1).bit_length() + 1


def _mask(sieve: NDArray[np.uint64]) -> int:
    return 64 * len(sieve) - 1


def _sorted(probes: NDArray[np.uint64], check: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The order by probe, check, and where both are equal the order given."""
    order = np.argsort(probes)
    ordered = probes[order]
    same = np.zeros(len(probes) + 1, dtype=np.bool_)
    same[1:-1] = ordered[1:] == ordered[:-1]
    tied = same[1:] | same[:-1]
    if tied.any():
        # Only where probes are equal: sorting ten million keys by three columns takes ten times as long.
        group = order[tied]
        order[tied] = group[np.lexsort((group, check[group, 1], check[group, 0], probes[group]))]
    return order


def _joined(parts: Any) -> NDArray[np.int64]:
    joined: NDArray[np.int64] = np.concatenate([_NONE, *parts])
    return joined


_NONE: Final = np.empty(0, dtype=np.int64)
_NO_HITS: Final = Hits(_NONE, _NONE)
