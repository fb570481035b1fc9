"""Looking probes up in a state: the same search as the read index's, over 40 bits."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from holdout.index.kernels import fill_index, find_probes, frozen
from holdout.index.table import bucket_length, sieve_length
from holdout.snapshot.rice import PREFIX_BITS
from holdout.snapshot.state import State, prefixes_of

_BLOCK: Final = 1 << 16
"""Probes searched at a time, so that what a search writes stays in the processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Searchable:
    """A state with what a search needs; all arrays are read-only, and may lie in a mapped file.

    `bucket` and `sieve` are those of `holdout.index.kernels.fill_index`. An entry takes 8 + 1 + 2 to 4 + 1.5
    to 3 bytes.
    """

    prefix: NDArray[np.uint64]
    sieve: NDArray[np.uint64]
    bucket: NDArray[np.uint32]
    code: NDArray[np.uint8]

    @classmethod
    def of(cls, state: State) -> Self:
        prefix = frozen(state.prefix)
        bucket = np.empty(bucket_length(len(prefix)), np.uint32)
        sieve = np.zeros(sieve_length(len(prefix)), np.uint64)
        fill_index(prefix, bucket, _shift(bucket), sieve, _mask(sieve))
        return cls(prefix, frozen(sieve), frozen(bucket), frozen(state.code))

    def find(self, probe: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Which of these probes have an entry, ascending, and its code."""
        if not len(self.prefix) or not len(probe):
            return np.empty(0, np.int64), np.empty(0, np.uint8)
        parts = list(self._find(probe))
        which = np.concatenate([part for part, _ in parts])
        return which, self.code[np.concatenate([position for _, position in parts])]

    def _find(self, probe: NDArray[np.uint64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        bucket, sieve = self.bucket, self.sieve
        for start in range(0, len(probe), _BLOCK):
            asked = frozen(prefixes_of(probe[start : start + _BLOCK]))
            which, position = find_probes(asked, self.prefix, bucket, _shift(bucket), sieve, _mask(sieve))
            yield which + start, position


def _shift(bucket: NDArray[np.uint32]) -> int:
    return PREFIX_BITS - (len(bucket) - 1).bit_length() + 1


def _mask(sieve: NDArray[np.uint64]) -> int:
    return 64 * len(sieve) - 1
