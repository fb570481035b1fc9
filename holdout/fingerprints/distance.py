"""Hamming distance between 256-bit codes: the brute-force reference that every index is tested against."""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_CODE_BYTES: Final = 32
_WORDS: Final = 4
_BLOCK: Final = 16_384
"""Codes compared at a time: their four columns and the counts stay in the processor's cache."""


class Neighbours(NamedTuple):
    """Pairs within a radius, three arrays of one length, ordered by query, then by code."""

    query_index: NDArray[np.int64]
    code_index: NDArray[np.int64]
    distance: NDArray[np.uint16]


def distance(left: bytes, right: bytes) -> int:
    """Bits in which two codes of equal length differ; ValueError if the lengths differ."""
    if len(left) != len(right):
        raise ValueError("codes of different lengths have no distance")
    return (int.from_bytes(left, "big") ^ int.from_bytes(right, "big")).bit_count()


def hamming(*, codes: NDArray[np.uint8], queries: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Distances of every query (q, 32) to every code (n, 32), shape (q, n): two bytes for each pair."""
    columns, wanted = _words(codes).T, _words(queries)
    result = np.empty((len(wanted), columns.shape[1]), dtype=np.uint16)
    for start in range(0, columns.shape[1], _BLOCK):
        block = np.ascontiguousarray(columns[:, start : start + _BLOCK])
        for row, query in enumerate(wanted):
            result[row, start : start + _BLOCK] = _block_distances(block, query)
    return result


def within_radius(*, codes: NDArray[np.uint8], queries: NDArray[np.uint8], radius: int) -> Neighbours:
    """Every pair of a query (q, 32) and a code (n, 32) at most `radius` bits apart.

    Memory beyond the arguments and the answer is a few hundred kilobytes, whatever their size.
    """
    columns, wanted = _words(codes).T, _words(queries)
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]] = []
    for start in range(0, columns.shape[1], _BLOCK):
        block = np.ascontiguousarray(columns[:, start : start + _BLOCK])
        for row, query in enumerate(wanted):
            distances = _block_distances(block, query)
            near = np.flatnonzero(distances <= radius)
            if near.size:
                found.append((np.full(near.size, row), near + start, distances[near]))
    if not found:
        return Neighbours(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint16))
    rows, near, distances = (np.concatenate(part) for part in zip(*found, strict=True))
    order = np.lexsort((near, rows))
    return Neighbours(rows[order], near[order], distances[order])


def _words(codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The codes as (n, 4) words; ValueError unless they are uint8 of shape (n, 32)."""
    if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != _CODE_BYTES:
        raise ValueError(f"codes must be uint8 of shape (n, {_CODE_BYTES}), got {codes.dtype} {codes.shape}")
    return np.ascontiguousarray(codes).view(np.uint64)


def _block_distances(block: NDArray[np.uint64], query: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Distances (n,) of a block of columns (4, n) to one query (4,)."""
    # Counts of one word fit a byte, their sum does not: 256 bits may all differ.
    total: NDArray[np.uint16] = np.bitwise_count(block[0] ^ query[0]).astype(np.uint16)
    for word in range(1, _WORDS):
        total += np.bitwise_count(block[word] ^ query[word])
    return total
