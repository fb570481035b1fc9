"""Is there nothing but writing in a picture? A page of text looks like every other page of text.

Found by what writing is: one even ground; small shapes that stand in rows with neighbours of their own
height; rows with empty ground between them; shapes that differ in area and proportions, which the dots of a
pattern do not. All of it has to hold, for a drawing that is taken for text cannot be found by its looks any
more.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE: Final = 512
_SAME: Final = 24
"""Grey levels within which a pixel belongs to the ground."""
_MIN_GROUND: Final = 0.6
_MIN_SHAPES: Final = 16
_MAX_HEIGHT: Final = 0.12
"""Of the typical shape, as a share of the picture's."""
_SMALL: Final = 2.5
"""A shape of more than so many typical heights is no letter, and no word."""
_MAX_OTHER_INK: Final = 0.08
_MIN_NEIGHBOURED: Final = 0.8
_MIN_PROPORTIONS: Final = 0.2
_GAP: Final = 2.0
"""Heights to the next shape of the row, at most; a blank between words is less than one."""
_ASKED: Final = 400
"""Shapes of which it is asked whether they have a neighbour: a full page has thousands."""
_SPARSE: Final = 0.15
_MIN_SPARSE_ROWS: Final = 0.2
_MIN_VARIETY: Final = 0.3


def text_only(grey: Image.Image) -> bool:
    """Whether a grey picture (mode L) shows writing on an even ground and nothing else."""
    longest = max(grey.size)
    if longest > _SIDE:
        width, height = (max(1, round(side * _SIDE / longest)) for side in grey.size)
        grey = grey.resize((width, height), Image.Resampling.BOX)
    pixels = np.asarray(grey)
    ground = int(np.bincount(pixels.ravel(), minlength=256).argmax())
    ink = np.abs(pixels.astype(np.int16) - ground) > _SAME
    if ink.mean() > 1 - _MIN_GROUND:
        return False
    return _written(ink) or _written(ink.T)


def _written(ink: NDArray[np.bool_]) -> bool:
    """Whether ink, bool (height, width), is rows of small shapes and nothing else."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(ink, dtype=np.uint8), connectivity=8
    )
    left, top, width, height, area = stats[1:].T.astype(np.float64)
    seen = (area > 2) & (height > 1)  # a full stop or a speck says nothing
    if seen.sum() < _MIN_SHAPES:
        return False
    typical = float(np.median(height[seen]))
    small = height <= _SMALL * typical
    if typical > _MAX_HEIGHT * ink.shape[0] or area[~small].sum() > _MAX_OTHER_INK * area.sum():
        return False
    kept = seen & small
    varied = area[kept].std() >= _MIN_VARIETY * area[kept].mean()
    if not varied or np.log(width[kept] / height[kept]).std() < _MIN_PROPORTIONS:
        return False
    return _in_rows(left[kept], top[kept], width[kept], height[kept]) and _rows_apart(ink)


def _in_rows(
    left: NDArray[np.float64],
    top: NDArray[np.float64],
    width: NDArray[np.float64],
    height: NDArray[np.float64],
) -> bool:
    """Whether nearly every shape has a neighbour of about its height beside it."""
    asked = np.linspace(0, len(left) - 1, min(_ASKED, len(left))).astype(np.int64)
    right, bottom = left + width, top + height
    shared = np.minimum(bottom[asked, None], bottom) - np.maximum(top[asked, None], top)
    lower, higher = np.minimum(height[asked, None], height), np.maximum(height[asked, None], height)
    gap = np.maximum(left[asked, None], left) - np.minimum(right[asked, None], right)
    beside = (2 * shared >= lower) & (higher <= _SMALL * lower) & (gap <= _GAP * higher)
    beside[np.arange(len(asked)), asked] = False
    return bool(beside.any(axis=1).mean() >= _MIN_NEIGHBOURED)


def _rows_apart(ink: NDArray[np.bool_]) -> bool:
    """Whether there is more than one row, and little ink between them."""
    profile = ink.sum(axis=1)
    inked = np.flatnonzero(profile)
    profile = profile[inked[0] : inked[-1] + 1]
    sparse = profile <= _SPARSE * np.percentile(profile, 90)
    rows = int(np.count_nonzero(np.diff(sparse.astype(np.int8)) == -1)) + (not sparse[0])
    return rows > 1 and bool(sparse.mean() >= _MIN_SPARSE_ROWS)
