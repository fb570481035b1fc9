"""How many 256-bit codes a core compares with a registry's in a second, exactly, within 31 bits.

`figures` measures `holdout.index.codes` beside faiss (`IndexBinaryFlat`, and `IndexBinaryMultiHash` set so
that it misses nothing) and beside numpy, in one run and one thread, in processor seconds, over codes that are
distributed as those of real pictures. Half of the queries are near copies of registered codes, 0 to 31 bits
away, half strangers. Every answer of a brute-force search over the first queries must be in the others'.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import results
from holdout.fingerprints.distance import within_radius
from holdout.index.codes import MAX_RADIUS, CodeTable

MODEL = Path(__file__).with_name("real_codes.npy")
"""Of each class, thresholds and directions of 256 normal variables; made by `benchmarks.codes_fit`."""
CLASSES = {"photographs": (0.5, 0.0), "drawings": (0.3, 0.2), "game_art": (0.2, 0.6)}
"""The classes of a registry: their shares of it, and which share of theirs stands in series."""
DIRECTIONS = 16

_SERIES = 8
"""Codes of one series: variants of one picture, as the frames of an animation are."""
_TURN = 0.8
"""The most that a variant differs from its picture, as an angle; pi would change every bit."""
_BLOCK = 1 << 16

_QUERIES = 4_096
_CHECKED = 64
"""Queries that are searched by brute force too."""
_SECONDS = 2.0

Pairs = set[tuple[int, int, int]]
"""Query, number, distance."""


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codes", type=int, nargs="+", default=[1_000_000, 10_000_000])
    found: dict[str, float] = {}
    for codes in parser.parse_args(argv).codes:
        found |= figures(codes)
    results.write("codes", found)
    return 0


def real_like(count: int, *, seed: int) -> NDArray[np.uint8]:
    """Codes (count, 32) distributed as `phash-256` of a registry's pictures, by the shares of `CLASSES`."""
    chance = np.random.Generator(np.random.SFC64(seed))
    model = np.load(MODEL).astype(np.float32)
    share = np.array([share for share, _ in CLASSES.values()])
    parts = []
    for first in range(0, count, _BLOCK):
        counts = chance.multinomial(min(_BLOCK, count - first), share)
        block = [
            _class_codes(chance, fitted, int(wanted), in_series)
            for fitted, wanted, (_, in_series) in zip(model, counts, CLASSES.values(), strict=True)
        ]
        parts.append(chance.permutation(np.concatenate(block), axis=0))
    return np.concatenate(parts)


def _class_codes(
    chance: np.random.Generator, fitted: NDArray[np.float32], count: int, in_series: float
) -> NDArray[np.uint8]:
    thresholds, directions = fitted[0], fitted[1:]
    own = np.sqrt(1 - np.square(directions).sum(axis=0))

    def drawn(rows: int) -> NDArray[np.float32]:
        common = chance.standard_normal((rows, DIRECTIONS), dtype=np.float32) @ directions
        noise = chance.standard_normal((rows, 256), dtype=np.float32)
        noise *= own
        noise += common
        return noise

    variables = drawn(count)
    series = int(count * in_series) // _SERIES
    for variant in range(1, _SERIES):
        angle = chance.uniform(0, _TURN, (series, 1)).astype(np.float32)
        rows = slice(variant * series, (variant + 1) * series)
        variables[rows] = np.cos(angle) * variables[:series] + np.sin(angle) * variables[rows]
    return np.packbits(variables > -thresholds, axis=1)


def questions(codes: NDArray[np.uint8], count: int, *, seed: int) -> NDArray[np.uint8]:
    """Queries (count, 32): the even ones are codes with 0 to 31 bits flipped, the odd ones strangers."""
    chance = np.random.Generator(np.random.SFC64(seed))
    asked = real_like(count, seed=seed + 1)
    near = codes[chance.integers(0, len(codes), (count + 1) // 2)]
    bits = np.argsort(chance.random((len(near), 256)), axis=1) < chance.integers(0, 32, (len(near), 1))
    asked[::2] = near ^ np.packbits(bits, axis=1)
    return asked


def figures(count: int) -> dict[str, float]:
    """Queries a core-second of each way to search among so many codes, recall, and bytes a code."""
    codes = real_like(count, seed=1)
    asked = questions(codes, _QUERIES, seed=2)
    name = f"{count // 1_000_000}m" if count >= 1_000_000 else str(count)
    found: dict[str, float] = {}
    began = time.process_time()
    exact = _pairs(*within_radius(codes=codes, queries=asked[:_CHECKED], radius=MAX_RADIUS))
    found[f"numpy_{name}_queries_per_core_s"] = _CHECKED / (time.process_time() - began)

    began = time.process_time()
    table = CodeTable.build(codes, np.arange(count, dtype=np.uint32))
    found[f"holdout_{name}_build_core_s"] = time.process_time() - began
    found[f"holdout_{name}_code_bytes"] = table.nbytes / count
    found[f"holdout_{name}_recall_ratio"] = _recall(_pairs(*table.within(asked[:_CHECKED])), exact)
    found[f"holdout_{name}_queries_per_core_s"] = _speed(table.within, asked)
    found[f"holdout_{name}_single_queries_per_core_s"] = _speed(_one_by_one(table), asked[:512])
    del table
    for label, index in _faiss_indexes(codes):
        found[f"{label}_{name}_recall_ratio"] = _recall(_faiss_pairs(index, asked[:_CHECKED]), exact)
        search = partial(index.range_search, thresh=MAX_RADIUS + 1)
        found[f"{label}_{name}_queries_per_core_s"] = _speed(search, asked)
        del index, search
    return found


def _one_by_one(table: CodeTable) -> Callable[[NDArray[np.uint8]], object]:
    return lambda queries: [table.within(queries[i : i + 1]) for i in range(len(queries))]


def _faiss_indexes(codes: NDArray[np.uint8]) -> Any:
    """faiss's indexes that find all within 31 bits, one after the other so that only one takes memory."""
    faiss = import_module("faiss")  # without types, and nothing but this needs it
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexBinaryFlat(256)
    flat.add(codes)
    yield "faiss_flat", flat
    del flat
    # 16 hashes of 16 bits, of which each may have one flipped: by the pigeonhole principle exact to 31 bits.
    hashed = faiss.IndexBinaryMultiHash(256, 16, 16)
    hashed.nflip = 1
    hashed.add(codes)
    yield "faiss_multihash", hashed


def _speed(search: Callable[[NDArray[np.uint8]], object], asked: NDArray[np.uint8]) -> float:
    """Queries a core-second: as many as take a quarter of `_SECONDS`, or all, again and again."""
    search(asked[:1])  # compiled, and its memory touched
    count = 8
    while True:
        began = time.process_time()
        search(asked[:count])
        spent = time.process_time() - began
        if spent > _SECONDS / 4:
            return count / spent
        if count == len(asked):
            break
        count = min(4 * count, len(asked))
    rounds = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < _SECONDS:
        search(asked)
        rounds += 1
    return rounds * len(asked) / spent


def _pairs(query: NDArray[Any], number: NDArray[Any], distance: NDArray[Any]) -> Pairs:
    return set(zip(query.tolist(), number.tolist(), distance.tolist(), strict=True))


def _faiss_pairs(index: Any, queries: NDArray[np.uint8]) -> Pairs:
    bounds, distances, numbers = index.range_search(queries, MAX_RADIUS + 1)
    query = np.repeat(np.arange(len(queries)), np.diff(bounds.astype(np.int64)))
    return _pairs(query, numbers, distances.astype(np.int64))


def _recall(found: Pairs, exact: Pairs) -> float:
    """The share of the pairs that was found; SystemExit where one was found that is none."""
    if found - exact:
        raise SystemExit(f"{len(found - exact)} pairs are none")
    return len(found & exact) / len(exact)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
