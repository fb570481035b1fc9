"""From SIFT descriptors to signatures of 64 bits and to cells, by what was trained once.

RootSIFT (Arandjelovic, Zisserman, CVPR 2012), projected on the 64 strongest directions of the training
pictures' descriptors and cut at their medians. Cells: two sub-quantisers (inverted multi-index; Babenko,
Lempitsky, CVPR 2012) over the even and the odd of the 32 leading directions.
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
from numpy.typing import NDArray

WORDS: Final = 1024
CELLS: Final = WORDS * WORDS
_LEADING: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """`trained.npz`: version 1 of what `benchmarks/train_keypoints.py` makes."""

    mean: NDArray[np.float32]
    """(128,): of the training descriptors, as RootSIFT."""
    directions: NDArray[np.float32]
    """(128, 64): principal directions, the strongest first."""
    medians: NDArray[np.float32]
    """(64,): of the training descriptors along each direction."""
    words: NDArray[np.float32]
    """(2, 1024, 16): over the even and the odd of the 32 leading directions."""


@cache
def trained() -> Trained:
    """What this version of the algorithm was trained to."""
    with resources.files("holdout.fingerprints.local").joinpath("trained.npz").open("rb") as file:
        columns = np.load(file, allow_pickle=False)
        return Trained(**{name: columns[name].astype(np.float32) for name in Trained.__slots__})


def rooted(descriptor: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RootSIFT, (n, 128): the square roots of descriptors that sum to one."""
    values = descriptor.astype(np.float32)
    total: NDArray[np.float32] = np.maximum(values.sum(axis=1, keepdims=True), np.float32(1))
    root: NDArray[np.float32] = np.sqrt(values / total)
    return root


def projected(descriptor: NDArray[np.uint8], by: Trained) -> NDArray[np.float32]:
    """Descriptors (n, 128) along the trained directions, (n, 64)."""
    along: NDArray[np.float32] = np.matmul(rooted(descriptor) - by.mean, by.directions)
    return along


def signatures(along: NDArray[np.float32], by: Trained) -> NDArray[np.uint64]:
    """One bit for each direction, the first the lowest: (n, 64) to (n,)."""
    bits = np.packbits(along > by.medians, axis=1, bitorder="little")
    return np.ascontiguousarray(bits).view("<u8").reshape(-1)


def cells(along: NDArray[np.float32], by: Trained) -> NDArray[np.uint32]:
    """The cell of each descriptor, (n,): the nearest word of the even directions, and of the odd."""
    first, second = (word_distances(along, part, by).argmin(axis=1) for part in range(2))
    cell: NDArray[np.uint32] = (first * WORDS + second).astype(np.uint32)
    return cell


def word_distances(along: NDArray[np.float32], part: int, by: Trained) -> NDArray[np.float32]:
    """Squared distances to each word of a sub-quantiser, less what is the same for all: (n, 1024)."""
    words = by.words[part]
    distances: NDArray[np.float32] = np.square(words).sum(axis=1) - 2 * along[:, part:_LEADING:2] @ words.T
    return distances


def _permutations() -> NDArray[np.int64]:
    """How the 128 values (4 rows, 4 columns, 8 directions, in the keypoint's own frame) move: (4, 128)."""
    plain = np.arange(128).reshape(4, 4, 8)
    mirrored = plain[::-1][:, :, (-np.arange(8)) % 8]
    # The gradients turn round, and with them the frame.
    inverted = plain[::-1, ::-1]
    both = mirrored[::-1, ::-1]
    return np.stack([p.reshape(-1) for p in (plain, mirrored, inverted, both)])


VARIANTS: Final = 4
"""As it is; mirrored; with inverted colours; both. Bit 0 of a variant's number: mirrored, bit 1: inverted."""
_PERMUTATIONS: Final = _permutations()


def variants(descriptor: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The descriptors (n, 128) that the picture's variants would have: (4, n, 128). Nothing is detected anew.

    A mirrored keypoint has its angle mirrored, one of an inverted picture is turned by half a turn.
    """
    return np.stack([descriptor[:, permutation] for permutation in _PERMUTATIONS])
