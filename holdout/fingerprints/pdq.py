"""PDQ: a 256-bit perceptual code and a quality score, after facebook/ThreatExchange pdq/ (hashing.pdf).

Luma, a tent filter as two passes of a box along each side, 64 x 64 samples, the 16 x 16 lowest frequencies
but the constant ones, each a bit: above the median or not. Filter and sampling are linear and separable, so
both passes are one matrix for the rows and one for the columns. The codes are those of the reference for the
same pixels, but for its rounding to float32, which matters in flat pictures alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_SIDE: Final = 512
"""A picture with a longer side is made a square of this, as the reference does; by area averages, where the
reference picks single pixels."""

_SAMPLES: Final = 64
_FREQUENCIES: Final = 16
_LUMA: Final = np.array([0.299, 0.587, 0.114])


def _dct_basis() -> NDArray[np.float64]:
    """DCT-II without its constant row, shape (16, 64)."""
    frequency, sample = np.arange(1, _FREQUENCIES + 1), np.arange(_SAMPLES)
    basis: NDArray[np.float64] = np.sqrt(2 / _SAMPLES) * np.cos(
        np.pi / (2 * _SAMPLES) * np.outer(frequency, 2 * sample + 1)
    )
    return basis


_BASIS: Final = _dct_basis()


@dataclass(frozen=True, slots=True, eq=False)
class Pdq:
    """What PDQ sees in one picture: `luma` (height, width), at most 512 x 512, and its `samples` (64, 64)."""

    luma: NDArray[np.float64]
    samples: NDArray[np.float64]

    def code(self) -> bytes:
        """`pdq-256/1`: 32 bytes, in the order of the reference's hex."""
        return _bits(_frequencies(self.samples))

    def orientations(self) -> tuple[bytes, ...]:
        """The codes of the eight orientations, the picture's own first.

        Item k < 4 is the picture turned k quarter turns counter-clockwise; 4 + k the same of its mirror
        image. Each is the code that the turned picture has. The reference derives its dihedral codes from one
        set of frequencies instead, and since its filter of an even width lies half a pixel to one side, those
        are off by 15 bits in the mean and up to 30: half of the radius, before anybody altered anything.
        """
        height, width = self.luma.shape
        # To turn the matrix is to turn the picture.
        columns = self.luma @ _sampling(width, turned=True).T
        plain, side = _frequencies(self.samples), _frequencies(_sampling(height) @ columns)
        top = _frequencies(_sampling(height, turned=True) @ (self.luma @ _sampling(width).T))
        both = _frequencies(_sampling(height, turned=True) @ columns)
        return tuple(map(_bits, (plain, side.T, both, top.T, side, plain.T, top, both.T)))

    def quality(self) -> int:
        """The reference's measure, 0 to 100; it recommends to leave out what has less than 50.

        Strong steps between neighbours, in percent of the range, each cut to whole ones.
        """
        steps = sum(np.abs(np.trunc(np.diff(self.samples, axis=axis) * 100 / 255)).sum() for axis in (0, 1))
        return min(100, int(steps) // 90)


def look(image: Image.Image) -> Pdq:
    """Look at an RGB picture, both sides at least one pixel."""
    if max(image.size) > MAX_SIDE:
        image = image.resize((MAX_SIDE, MAX_SIDE), Image.Resampling.BOX)
    luma: NDArray[np.float64] = np.asarray(image, dtype=np.float64) @ _LUMA
    height, width = luma.shape
    return Pdq(luma, _sampling(height) @ (luma @ _sampling(width).T))


@lru_cache(maxsize=64)
def _sampling(length: int, *, turned: bool = False) -> NDArray[np.float64]:
    """Two passes of the reference's box filter along `length` pixels, and 64 samples of it: (64, length).

    `turned` is for the same pixels read from the other end.
    """
    if turned:
        return np.ascontiguousarray(_sampling(length)[:, ::-1])
    window = -(-length // (2 * _SAMPLES))
    place = np.arange(length)
    ahead = (window + 2) // 2 - 1
    first, last = place - (window - 1 - ahead), place + ahead
    box = ((place >= first[:, None]) & (place <= last[:, None])).astype(np.float64)
    box /= box.sum(axis=1, keepdims=True)
    sampled = ((np.arange(_SAMPLES) + 0.5) * length / _SAMPLES).astype(np.int64)
    both: NDArray[np.float64] = box[sampled] @ box
    return both


def _frequencies(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """The lowest ones, (16, 16), down and across."""
    return _BASIS @ samples @ _BASIS.T


def _bits(frequencies: NDArray[np.float64]) -> bytes:
    flat = frequencies.ravel()
    median = np.partition(flat, flat.size // 2 - 1)[
        flat.size // 2 - 1
    ]  # the lower one, as the reference takes
    # The reference numbers its bits from the last one that it prints.
    return np.packbits(flat[::-1] > median).tobytes()
