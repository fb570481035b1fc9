"""Rectangles inside a picture: its content, a picture in a frame, a screenshot, a collage. For the child.

Their sides are straight, upright and long. Where a side is one of the picture's own borders it needs no line.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MOST: Final = 12
"""Rectangles of one picture."""

_SIDE: Final = 400
"""Longest side of the picture that is looked at."""
_NARROW: Final = 40
"""Pixels of that: pictures whose shorter side has fewer are looked at as a whole alone."""
_EDGE: Final = 10
"""Grey levels from one side of a line to the other."""
_SHORTEST: Final = 0.11
"""Of the longest side: rectangles whose sides are shorter show too little to be recognised."""
_WHOLE: Final = 0.92
"""Of the picture's area: what is larger is the picture itself."""
_SUPPORT: Final = 0.8
"""Of a rectangle's circumference that must be line or border, each side for itself at least"""
_SIDE_SUPPORT: Final = 0.6
_EMPTY: Final = 8
"""Grey levels between the lightest and the darkest pixel of an empty row."""
_DEPTH: Final = 4
_CERTAIN: Final = 2.0
"""Counts for more than the best supported of the others."""
_NEAR: Final = 3
"""Pixels by which a line may stand beside the side that it is."""
_LINES: Final = 28
"""Lines in each direction that are combined, the longest first."""
_LOOKED_AT: Final = 300
_ALIKE: Final = 0.85
"""Rectangles that share more of their union are one."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom lie outside."""


def rectangles(grey: NDArray[np.uint8]) -> list[Box]:
    """Rectangles in a grey picture (height, width), best supported first, `MOST` at most."""
    height, width = grey.shape
    shrink = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    if min(size) < _NARROW:
        return []
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.int16)
    across = _lines(np.abs(np.diff(small, axis=0)))
    down = _lines(np.ascontiguousarray(np.abs(np.diff(small, axis=1)).T))
    found = np.concatenate([_blocks(small), _boxed(across, down, shape=small.shape)])
    scale = np.array([width / size[0], height / size[1]] * 2)
    limit = np.array([width, height] * 2)
    return [tuple(np.minimum(np.round(box * scale), limit).astype(int).tolist()) for box in _best(found)]


def content(grey: NDArray[np.uint8]) -> Box | None:
    """What is left of a grey picture (height, width) without empty margins, if that is clearly less."""
    rows, columns = (np.flatnonzero(np.ptp(grey, axis=axis) > _EMPTY) for axis in (1, 0))
    if not len(rows) or not len(columns):
        return None
    left, top, right, bottom = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    if (right - left) * (bottom - top) > _WHOLE * grey.size:
        return None
    return int(left), int(top), int(right), int(bottom)


def _blocks(grey: NDArray[np.int16]) -> NDArray[np.float64]:
    """What empty rows and columns cut the picture into (recursive XY-cut), as `_boxed` gives it."""
    least = _SHORTEST * max(grey.shape)
    waiting, found = [(0, 0, grey.shape[1], grey.shape[0], 0)], list[tuple[float, ...]]()
    while waiting and len(found) < 4 * MOST:
        left, top, right, bottom, depth = waiting.pop(0)
        part = grey[top:bottom, left:right]
        rows, columns = _runs(np.ptp(part, axis=1) > _EMPTY), _runs(np.ptp(part, axis=0) > _EMPTY)
        parts = [
            (left + x0, top + y0, left + x1, top + y1, depth + 1)
            for y0, y1 in rows
            for x0, x1 in columns
            if min(y1 - y0, x1 - x0) >= least
        ]
        if parts != [(left, top, right, bottom, depth + 1)] and depth < _DEPTH:
            waiting += parts
        elif depth and (right - left) * (bottom - top) <= _WHOLE * grey.size:
            found.append((left, top, right, bottom, _CERTAIN))
    return np.array(found, dtype=np.float64).reshape(-1, 5)


def _runs(filled: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Where it is filled: [start, end) of each run."""
    steps = np.flatnonzero(np.diff(np.concatenate([[0], filled.astype(np.int8), [0]])))
    return list(zip(steps[::2].tolist(), steps[1::2].tolist(), strict=True))


class _Lines:
    """Straight lines of one direction: the picture with line pixels marked, and the offsets worth trying."""

    def __init__(self, marked: NDArray[np.bool_], offsets: list[int]) -> None:
        self.offsets = np.array(offsets, dtype=np.int64)
        spread = cv2.dilate(marked.astype(np.uint8), np.ones((2 * _NEAR + 1, 1), np.uint8))
        spread[[0, -1]] = 1  # the picture's own borders
        self._sums = np.pad(np.cumsum(spread, axis=1, dtype=np.int32), ((0, 0), (1, 0)))

    def support(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
        """Which share of each stretch [start, end) is line, at each offset: (offsets, stretches)."""
        row = self._sums[np.minimum(self.offsets, len(self._sums) - 1)]
        share: NDArray[np.float64] = (row[:, ends] - row[:, starts]) / (ends - starts)
        return share

    def pairs(self, least: float) -> NDArray[np.int64]:
        """Which two offsets, the first and the second, lie at least so far apart: (n, 2) of their numbers."""
        first, second = np.nonzero(self.offsets[None] - self.offsets[:, None] >= least)
        return np.stack([first, second], axis=1)


def _lines(steps: NDArray[np.int16]) -> _Lines:
    """The lines along the second axis of a picture's steps (n - 1, m) from each row to the next."""
    # In texture there are steps everywhere; a line is a step between two sides that are calmer.
    largest = cv2.dilate(steps, np.ones((5, 1), np.uint8))
    edge = ((steps >= _EDGE) & (steps == largest)).astype(np.uint8)
    edge = cv2.dilate(edge, np.ones((2, 1), np.uint8))  # one that is not quite upright moves by a pixel
    length = max(8, round(_SHORTEST * max(steps.shape) * 0.6))
    closed = cv2.morphologyEx(edge, cv2.MORPH_CLOSE, np.ones((1, 5), np.uint8))
    marked = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    marked = np.concatenate([np.zeros((1, marked.shape[1]), np.uint8), marked])  # a step lies above its pixel
    weight = marked.sum(axis=1).astype(np.int64)
    offsets = [0, len(marked)]
    for at in np.argsort(-weight, kind="stable")[: 4 * _LINES].tolist():
        if weight[at] and all(abs(at - other) > _NEAR for other in offsets):
            offsets.append(at)
        if len(offsets) == _LINES + 2:
            break
    return _Lines(marked.astype(np.bool_), sorted(offsets))


def _boxed(across: _Lines, down: _Lines, *, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Every rectangle between lines that its sides bear out: rows of left, top, right, bottom, support."""
    height, width = shape
    least = _SHORTEST * max(shape)
    rows, columns = across.pairs(least), down.pairs(least)
    if not len(rows) or not len(columns):
        return np.empty((0, 5))
    top, bottom = across.offsets[rows].T
    left, right = down.offsets[columns].T
    along, beside = across.support(left, right), down.support(top, bottom)
    # By pair of rows and pair of columns.
    upper, lower = along[rows[:, 0]], along[rows[:, 1]]
    before, after = beside[columns[:, 0]].T, beside[columns[:, 1]].T
    wide, tall = (right - left)[None], (bottom - top)[:, None]
    support = (wide * (upper + lower) + tall * (before + after)) / (2 * (wide + tall))
    each = np.minimum(np.minimum(upper, lower), np.minimum(before, after))
    good = (support >= _SUPPORT) & (each >= _SIDE_SUPPORT) & (wide * tall <= _WHOLE * height * width)
    i, j = np.nonzero(good)
    return np.stack([left[j], top[i], right[j], bottom[i], support[i, j]], axis=1)


def _best(found: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The best supported of those that are not nearly the same."""
    kept: list[NDArray[np.float64]] = []
    areas = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
    # Between equals the smaller one: the larger one is made of several.
    for k in np.lexsort((areas, -np.round(found[:, 4], 1)))[:_LOOKED_AT].tolist():
        box = found[k, :4]
        if all(_overlap(box, other) < _ALIKE for other in kept):
            kept.append(box)
        if len(kept) == MOST:
            break
    return kept


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union."""
    wide, tall = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    if wide <= 0 or tall <= 0:
        return 0.0
    both = wide * tall
    total = np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - both
    return float(both / total)
