"""The loops of `holdout.index.codes`, compiled. Codes are four words here, of sixteen chunks of 16 bits.

Chunk j of a code is word[j // 4], from the top: the order of codes as numbers is that of their chunks. What a
loop is told of a table is trusted: `CodeTable.sound` has seen that it leads nowhere else.
"""

from collections.abc import Callable
from typing import Any, Final, TypeAlias, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from holdout._words import address_of, inlined, inner, ones, zeros_below

CHUNKS: Final = 16
CHUNK_BITS: Final = 16
VALUES: Final = 1 << CHUNK_BITS
BUDGET: Final = 2
"""What a chunk may differ by, plus one; times CHUNKS, the first distance that is not found."""

DISTANCE_SHIFT: Final = 32
QUERY_SHIFT: Final = 38
"""A hit is one number: query, distance, the caller's number, from the top. So hits sort as is wanted."""
MAX_QUERIES: Final = 1 << 12
"""Queries searched at a time: enough that each chunk's list passes through the processor's cache once for
many of them, few enough that their own words stay there."""

Number: TypeAlias = int | np.int64

_declared: Final[Any] = cgutils.get_or_insert_function
_LANES: Final = 32
_SUSPECTS: Final = 1 << 14
"""Suspects looked at together: their cache misses overlap."""
_SUSPECT_SHIFT: Final = 32


def _tag_mask() -> Callable[[int, Number, int], int]:
    """A compiled function of an address, a tag and a number: bit i of its result says whether the i-th of the
    32 tags there differs from that one in at most so many bits. LLVM's own vectors, as in `holdout._words`.
    """
    lane = ir.IntType(16)
    lanes = ir.VectorType(lane, _LANES)

    @intrinsic
    def mask(_typing: Any, _address: Any, _tag: Any, _most: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            def splat(value: Any) -> Any:
                vector = ir.Constant(lanes, ir.Undefined)
                first = ir.Constant(ir.IntType(32), 0)
                vector = builder.insert_element(vector, builder.trunc(value, lane), first)
                zeros = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
                return builder.shuffle_vector(vector, ir.Constant(lanes, ir.Undefined), zeros)

            address, tag, most = arguments
            block = builder.load(builder.inttoptr(address, lanes.as_pointer()), align=2)
            count = _declared(builder.module, ir.FunctionType(lanes, [lanes]), f"llvm.ctpop.v{_LANES}i16")
            differing = builder.call(count, [builder.xor(block, splat(tag))])
            near = builder.icmp_unsigned("<=", differing, splat(most))
            return builder.zext(builder.bitcast(near, ir.IntType(_LANES)), ir.IntType(64))

        return types.uint64(types.int64, types.int64, types.int64), generate

    compiled: Any = mask
    return cast(Callable[[int, Number, int], int], compiled)


_near_tags: Final = _tag_mask()


@inlined
def _chunk(codes: NDArray[np.uint64], i: Number, j: Number) -> np.int64:
    return np.int64(codes[i, j >> 2] >> np.uint64(48 - 16 * (j & 3)) & np.uint64(0xFFFF))


@inlined
def _distance(left: NDArray[np.uint64], i: Number, right: NDArray[np.uint64], k: Number) -> int:
    return (
        ones(left[i, 0] ^ right[k, 0])
        + ones(left[i, 1] ^ right[k, 1])
        + ones(left[i, 2] ^ right[k, 2])
        + ones(left[i, 3] ^ right[k, 3])
    )


@njit(cache=True, nogil=True)
def permuted(words: NDArray[np.uint64], source: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Codes (n, 4) with their bits moved: bit i, counted from the first word's top, is bit `source[i]`."""
    moved = np.zeros(words.shape, np.uint64)
    for k in range(words.shape[0]):
        for w in range(4):
            word = np.uint64(0)
            for i in range(64):
                at = np.int64(source[64 * w + i])
                word = word << np.uint64(1) | words[k, at >> 6] >> np.uint64(63 - (at & 63)) & np.uint64(1)
            moved[k, w] = word
    return moved


@njit(cache=True, nogil=True)
def fill_lists(
    code: NDArray[np.uint64], start: NDArray[np.uint32], tag: NDArray[np.uint16], at: NDArray[np.uint32]
) -> None:
    """Write the lists of every chunk, for codes in order: see `CodeTable`."""
    n = code.shape[0]
    following = np.empty(VALUES, np.int64)
    for j in range(CHUNKS):
        following[:] = 0
        for i in range(n):
            following[_chunk(code, i, j)] += 1
        total = 0
        for value in range(VALUES):
            start[j, value] = total
            total += following[value]
            following[value] = start[j, value]
        start[j, VALUES] = total
        for i in range(n):
            bucket = _chunk(code, i, j)
            k = following[bucket]
            following[bucket] = k + 1
            tag[j, k] = _chunk(code, i, (j + 1) % CHUNKS)
            if j:
                at[j - 1, k] = i


@njit(cache=True, nogil=True)
def scan(
    asked: NDArray[np.uint64],
    radius: int,
    limit: int,
    code: NDArray[np.uint64],
    number: NDArray[np.uint32],
) -> NDArray[np.uint64]:
    """The hits of at most MAX_QUERIES queries among codes without lists; in no order, all that are wanted."""
    hits = np.empty(1 << 10, np.uint64)
    rows = np.empty(1 << 10, np.int64)
    count = 0
    for q in range(asked.shape[0]):
        start = 0
        while start < code.shape[0]:
            start, found = _near_rows(asked, q, radius, code, start, rows)
            for r in range(found):
                if count == hits.shape[0]:
                    hits, count = _room(hits, limit)
                hits[count] = _hit(q, _distance(asked, q, code, rows[r]), number[rows[r]])
                count += 1
    return hits[:count]


@inner
def _near_rows(
    asked: NDArray[np.uint64],
    q: int,
    radius: int,
    code: NDArray[np.uint64],
    start: int,
    rows: NDArray[np.int64],
) -> tuple[int, int]:
    """Fill `rows` with those near a query, from `start` on: where it stopped, and how many there are.

    By itself, because in `scan` this loop takes five times as long: LLVM then keeps nothing in registers.
    """
    first, second, third, fourth = asked[q, 0], asked[q, 1], asked[q, 2], asked[q, 3]
    found = 0
    for i in range(start, code.shape[0]):
        # Half a code refuses nearly every stranger.
        distance = ones(first ^ code[i, 0]) + ones(second ^ code[i, 1])
        if distance > radius:
            continue
        distance += ones(third ^ code[i, 2]) + ones(fourth ^ code[i, 3])
        if distance <= radius:
            rows[found] = i
            found += 1
            if found == rows.shape[0]:
                return i + 1, found
    return code.shape[0], found


@njit(cache=True, nogil=True)
def search(
    asked: NDArray[np.uint64],
    radius: int,
    limit: int,
    code: NDArray[np.uint64],
    number: NDArray[np.uint32],
    start: NDArray[np.uint32],
    tag: NDArray[np.uint16],
    at: NDArray[np.uint32],
) -> NDArray[np.uint64]:
    """The same with lists; `radius` is less than BUDGET * CHUNKS, and there are 32 codes or more.

    One chunk after the other, for all queries: what the processor's cache and its table of pages have to hold
    at a time is one list of tags, not sixteen and the codes.
    """
    suspects = np.empty(_SUSPECTS, np.uint64)
    hits = np.empty(1 << 10, np.uint64)
    count = 0
    for j in range(CHUNKS):
        q, probe, k = 0, 0, 0
        while q < asked.shape[0]:
            q, probe, k, pending = _suspected(asked, j, start, tag, q, probe, k, suspects)
            hits, count = _checked(suspects, pending, j, asked, radius, limit, code, number, at, hits, count)
    return hits[:count]


@inner
def _suspected(
    asked: NDArray[np.uint64],
    j: int,
    start: NDArray[np.uint32],
    tag: NDArray[np.uint16],
    q: int,
    probe: int,
    k: int,
    suspects: NDArray[np.uint64],
) -> tuple[int, int, int, int]:
    """Fill `suspects` with those of chunk j, query and place in the lists, that get past their tags.

    It goes on at (q, probe, k) and returns where it stops, and how many there are; q is the number of queries
    when it has seen all. By itself for the reason given at `_near_rows`.
    """
    n = tag.shape[1]
    tags = address_of(tag) + 2 * n * j
    pending = 0
    while q < asked.shape[0]:
        value, wanted = _chunk(asked, q, j), _chunk(asked, q, (j + 1) % CHUNKS)
        query = np.uint64(q) << np.uint64(_SUSPECT_SHIFT)
        while probe <= CHUNK_BITS:
            # The last probe is the value itself: 1 << 16 is outside of it.
            bucket = value ^ (1 << probe & (VALUES - 1))
            most = 2 * BUDGET - 1 - (probe < CHUNK_BITS)
            k, end = max(k, int(start[j, bucket])), int(start[j, bucket + 1])
            while k < end:
                if pending > _SUSPECTS - _LANES:
                    return q, probe, k, pending
                # A block that would end behind the lists begins earlier.
                first = min(k, n - _LANES)
                near = _near_tags(tags + 2 * first, wanted, most) >> np.uint64(k - first)
                if end - k < _LANES:
                    near &= (np.uint64(1) << np.uint64(end - k)) - np.uint64(1)
                while near:
                    suspects[pending] = query | np.uint64(k + zeros_below(near))
                    pending += 1
                    near &= near - np.uint64(1)
                k = first + _LANES
            k = 0
            probe += 1
        probe = 0
        q += 1
    return q, probe, k, pending


@inner
def _checked(
    suspects: NDArray[np.uint64],
    pending: int,
    j: int,
    asked: NDArray[np.uint64],
    radius: int,
    limit: int,
    code: NDArray[np.uint64],
    number: NDArray[np.uint32],
    at: NDArray[np.uint32],
    hits: NDArray[np.uint64],
    count: int,
) -> tuple[NDArray[np.uint64], int]:
    """Add the hits among the suspects of chunk j, each pair in the first chunk that finds it."""
    low = np.uint64(0xFFFFFFFF)
    if j:
        for s in range(pending):
            suspect = suspects[s]
            suspects[s] = suspect & ~low | np.uint64(at[j - 1, np.int64(suspect & low)])
    for s in range(pending):
        q, i = np.int64(suspects[s] >> np.uint64(_SUSPECT_SHIFT)), np.int64(suspects[s] & low)
        distance = _distance(asked, q, code, i)
        if distance <= radius and _first_found(asked, q, code, i) == j:
            if count == hits.shape[0]:
                hits, count = _room(hits, limit)
            hits[count] = _hit(q, distance, number[i])
            count += 1
    return hits, count


@inner
def _first_found(asked: NDArray[np.uint64], q: Number, code: NDArray[np.uint64], i: Number) -> int:
    """The first chunk by which a search finds this pair; the last where there is none."""
    last = CHUNKS - 1
    for j in range(last):
        here = ones(np.uint64(_chunk(asked, q, j) ^ _chunk(code, i, j)))
        there = ones(np.uint64(_chunk(asked, q, j + 1) ^ _chunk(code, i, j + 1)))
        if here < BUDGET and here + there < 2 * BUDGET:
            return j
    return last


@inlined
def _hit(q: Number, distance: int, number: np.uint32) -> np.uint64:
    return (
        np.uint64(q) << np.uint64(QUERY_SHIFT)
        | np.uint64(distance) << np.uint64(DISTANCE_SHIFT)
        | np.uint64(number)
    )


@inner
def _room(hits: NDArray[np.uint64], limit: int) -> tuple[NDArray[np.uint64], int]:
    """The hits that are kept, `limit` of each query at most, how many they are, and room for more."""
    hits.sort()
    count = 0
    query, taken = np.uint64(0), 0
    for h in range(hits.shape[0]):
        if hits[h] >> np.uint64(QUERY_SHIFT) != query:
            query, taken = hits[h] >> np.uint64(QUERY_SHIFT), 0
        if taken < limit:
            hits[count] = hits[h]
            count += 1
            taken += 1
    if 2 * count > hits.shape[0]:
        wider = np.empty(2 * hits.shape[0], np.uint64)
        wider[:count] = hits[:count]
        return wider, count
    return hits, count
