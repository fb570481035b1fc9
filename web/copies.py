"""Near copies of a creator's picture, drawn: where what somebody asked about lies on it."""

from dataclasses import dataclass
from typing import Final

from lookup.hits import SeenCopy
from web.words import copy_words

_HEIGHT: Final = 100.0
_FARTHEST: Final = 4.0
"""Sides of the picture, on each side of it: what lies farther is cut off."""
_MARGIN: Final = 4.0


@dataclass(frozen=True, slots=True)
class DrawnCopy:
    """One near copy. `view`, `width` and `points` are attributes of an SVG; the picture is 100 high."""

    copy: SeenCopy
    words: str
    view: str
    width: str
    points: str


def drawn(copy: SeenCopy) -> DrawnCopy:
    """The picture as a rectangle from 0, 0, and what was asked about as a polygon on it."""
    sides = _HEIGHT * copy.aspect, _HEIGHT
    corners = [[share * side for share, side in zip(corner, sides, strict=True)] for corner in copy.outline]
    low, high = [], []
    for at, side in enumerate(sides):
        along = [corner[at] for corner in corners]
        low.append(max(min(0.0, *along), -_FARTHEST * side) - _MARGIN)
        high.append(min(max(side, *along), (1 + _FARTHEST) * side) + _MARGIN)
    return DrawnCopy(
        copy=copy,
        words=copy_words(copy),
        view=" ".join(f"{v:.1f}" for v in (*low, high[0] - low[0], high[1] - low[1])),
        width=f"{sides[0]:.1f}",
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in corners),
    )
