"""Perceptual codes by brute force: every live code of one algorithm in an array, refreshed by log index.

Good for tens of thousands of works; the multi-index files that replace it answer the same function.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.algorithms import ALGORITHMS
from holdout.fingerprints.distance import within_radius
from registry import queries as registry


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What one process holds of an algorithm's codes, complete up to log index `watermark`."""

    watermark: int
    codes: NDArray[np.uint8]
    assets: tuple[registry.FoundAsset, ...]


@dataclass(frozen=True, slots=True)
class NearAsset:
    """A registered file whose code lies within the radius of a query's."""

    query: int
    asset: registry.FoundAsset


class CodeIndex:
    """The codes of one algorithm. Threads share it; readers always see one whole `_Loaded`."""

    def __init__(self, algorithm: str) -> None:
        self._algorithm = ALGORITHMS[algorithm]
        self._loaded = _Loaded(-1, np.empty((0, self._algorithm.bits // 8), dtype=np.uint8), ())
        self._refreshing = threading.Lock()

    def near(self, codes: Sequence[bytes], *, as_of: int) -> list[NearAsset]:
        """The registered files within the algorithm's radius of `codes[i]`, as of a log index."""
        if not codes:
            return []
        loaded = self._up_to(as_of)
        asked = np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(len(codes), -1)
        near = within_radius(codes=loaded.codes, queries=asked, radius=self._algorithm.radius)
        found = ((int(q), loaded.assets[c]) for q, c in zip(near.query_index, near.code_index, strict=True))
        return [NearAsset(q, asset) for q, asset in found if asset.logged_at <= as_of]

    def _up_to(self, as_of: int) -> _Loaded:
        if self._loaded.watermark >= as_of:
            return self._loaded
        with self._refreshing:
            loaded = self._loaded
            if loaded.watermark < as_of:
                new = registry.assets_with_code(self._algorithm.id, after=loaded.watermark, as_of=as_of)
                codes = np.frombuffer(b"".join(a.value for a in new), dtype=np.uint8)
                self._loaded = loaded = _Loaded(
                    watermark=as_of,
                    codes=np.concatenate([loaded.codes, codes.reshape(len(new), -1)])
                    if new
                    else loaded.codes,
                    assets=(*loaded.assets, *new),
                )
        return loaded


PHASH_256: Final = CodeIndex("phash-256/1")
