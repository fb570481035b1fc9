"""Perceptual codes by brute force: every live code of one algorithm in an array, refreshed by log index.

Good for tens of thousands of works; the multi-index files that replace it answer the same function.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.algorithms import ALGORITHMS, PHASH_256
from holdout.fingerprints.distance import within_radius
from ledger.queries import leaf_hash_at
from registry import queries as registry


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What one process holds of an algorithm's codes, complete up to log index `watermark`.

    `leaf_hash` is that of the entry at the watermark: a log that was restored from an older copy and grew
    again has another one there.
    """

    watermark: int
    leaf_hash: bytes
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
        self._nothing = _Loaded(-1, b"", np.empty((0, self._algorithm.bits // 8), dtype=np.uint8), ())
        self._loaded = self._nothing
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
        if self._is_of_this_log(self._loaded) and self._loaded.watermark >= as_of:
            return self._loaded
        with self._refreshing:
            loaded = self._loaded if self._is_of_this_log(self._loaded) else self._nothing
            if loaded.watermark < as_of:
                loaded = self._extended(loaded, as_of)
            self._loaded = loaded
        return loaded

    @staticmethod
    def _is_of_this_log(loaded: _Loaded) -> bool:
        return leaf_hash_at(loaded.watermark) == loaded.leaf_hash

    def _extended(self, loaded: _Loaded, as_of: int) -> _Loaded:
        new = registry.assets_with_code(self._algorithm.id, after=loaded.watermark, as_of=as_of)
        codes = np.frombuffer(b"".join(asset.value for asset in new), dtype=np.uint8)
        return _Loaded(
            watermark=as_of,
            leaf_hash=leaf_hash_at(as_of),
            codes=np.concatenate([loaded.codes, codes.reshape(len(new), -1)]) if new else loaded.codes,
            assets=(*loaded.assets, *new),
        )


PHASH_256_INDEX: Final = CodeIndex(PHASH_256.id)
