"""The quality gate: pictures whose looks would say nothing stay out of every index but the exact ones.

`tiny`: a side under 32 px. `text_only`: see `text`. `flat`: flat and nearly flat pictures, plain gradients,
and a single colour under noise of up to about six grey levels; the rest of this module is about these.

The code compares the 16x16 lowest frequencies of the 64x64 grey thumbnail with their median. In a flat
picture or a gradient nearly all of them are zero but for rounding, so that the bits are noise, and any two
such pictures may meet. Three figures over the frequencies that carry detail (radius 4 and more; what lies
below is light and shade):

- detail: their typical size in grey levels (median, so that the few strong ones of stripes or a gradient do
  not count). Flat pictures have 0-2; a sketch of three hairlines 2.7; photographs 12-190.
- share of the energy: gradients, linear and radial, have 0-5 % here; photographs 16 % and more, but those of
  wide skies 2-7 %, so that it is not asked where the detail is strong.
- fall to the next finer band: none in noise (ratio 1.0), steep in a soft glow (5 and more); lines and
  photographs have 1.5 to 3. Only asked of faint pictures: grass is as even as noise but strong.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from holdout.fingerprints.perceptual import GREY_SIDE, grey_thumbnail
from holdout.fingerprints.picture import Gate
from holdout.fingerprints.text import text_only

MIN_SIDE: Final = 32
_MIN_DETAIL: Final = 2.5
_MIN_SHARE: Final = 0.08
_STRONG: Final = 12.0
_FAINT: Final = 6.0
_FALL: Final = (1.3, 4.0)


def _dct_basis() -> NDArray[np.float64]:
    """Orthonormal DCT-II, shape (64, 64): coefficients keep the pixels' unit, white noise its strength."""
    index = np.arange(GREY_SIDE)
    basis: NDArray[np.float64] = np.cos(np.pi * np.outer(index, 2 * index + 1) / (2 * GREY_SIDE)) * np.sqrt(
        2 / GREY_SIDE
    )
    basis[0] /= np.sqrt(2)
    return basis


_BASIS: Final = _dct_basis()
_RADIUS: Final = np.hypot(*np.mgrid[0:GREY_SIDE, 0:GREY_SIDE])
_CODED: Final = np.maximum(*np.mgrid[0:GREY_SIDE, 0:GREY_SIDE]) < 16
_SHADE: Final = (_RADIUS > 0) & (_RADIUS < 4)
_DETAIL: Final = _CODED & (_RADIUS >= 4)
_FINE: Final = (_RADIUS >= 18) & (_RADIUS < 30)


def gate(grey: Image.Image, *, size: tuple[int, int], thumbnail: Image.Image | None = None) -> Gate:
    """Whether a pane's looks may be compared, or why not.

    `grey` is the pane of the working copy, mode L, `size` what it measures in the picture itself, `thumbnail`
    its `grey_thumbnail`, for a caller who has it.
    """
    if min(size) < MIN_SIDE:
        return Gate.TINY
    if _flat(grey_thumbnail(grey) if thumbnail is None else thumbnail):
        return Gate.FLAT
    return Gate.TEXT_ONLY if text_only(grey) else Gate.OK


def _flat(thumbnail: Image.Image) -> bool:
    strength = np.abs(_BASIS @ np.asarray(thumbnail, dtype=np.float64) @ _BASIS.T)
    detail, fine = np.median(strength[_DETAIL]), np.median(strength[_FINE])
    detail_energy, shade_energy = np.square(strength[_DETAIL]).sum(), np.square(strength[_SHADE]).sum()
    if detail >= _STRONG:
        return False
    if detail < _MIN_DETAIL or detail_energy < _MIN_SHARE * (detail_energy + shade_energy):
        return True
    return detail < _FAINT and not _FALL[0] * fine <= detail <= _FALL[1] * fine
