"""Panes: the rectangles of a picture that are fingerprinted each by itself.

    whole     the first frame; always the first pane
    window    of a picture longer than 2:1 (a comic strip): overlapping parts along its long side
    frame     another frame of an animation
    content   what is left of a picture without its empty margins (`rectangles.content`)
    rectangle found inside a query (`rectangles.rectangles`)

A code of a long strip as a whole says little, and nobody posts the whole strip. Windows are half as long
again as the picture is broad and overlap by half, which takes 16 of them up to 12.75:1; of longer pictures
there are 16, spread evenly, and from 24:1 on there are gaps between them.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

from PIL import Image

from holdout.fingerprints.picture import Box, PaneKind

MAX_WINDOWS: Final = 16
_ELONGATED: Final = 2.0
_LENGTH: Final = 1.5
_STEP: Final = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """A pane to be looked at: what it is, where it lies in the upright picture, and in which kept frame."""

    kind: PaneKind
    box: Box
    frame: int = 0


def plans(*, width: int, height: int, frames: int) -> list[Plan]:
    """The panes of a picture of that size of which `frames` frames were kept, the whole first."""
    whole = (0, 0, width, height)
    return [
        Plan(PaneKind.WHOLE, whole),
        *(Plan(PaneKind.WINDOW, box) for box in _windows(width, height)),
        *(Plan(PaneKind.FRAME, whole, frame) for frame in range(1, frames)),
    ]


def longest_pane_side(width: int, height: int) -> float:
    """Longest side, in pixels, of what a picture of that size has to be seen in: a window or the whole."""
    short, long = sorted((width, height))
    return _LENGTH * short if long > _ELONGATED * short else long


def pane_pixels(copy: Image.Image, box: Box, *, width: int, height: int) -> Image.Image:
    """The pixels of `box`, given in pixels of the upright picture, from its working copy; at least 1 x 1."""
    if box == (0, 0, width, height):
        return copy
    across, down = copy.width / width, copy.height / height
    left, top = min(int(box[0] * across), copy.width - 1), min(int(box[1] * down), copy.height - 1)
    right, bottom = max(left + 1, round(box[2] * across)), max(top + 1, round(box[3] * down))
    return copy.crop((left, top, min(right, copy.width), min(bottom, copy.height)))


def _windows(width: int, height: int) -> list[Box]:
    short, long = sorted((width, height))
    if long <= _ELONGATED * short:
        return []
    length = max(1, round(_LENGTH * short))
    count = min(MAX_WINDOWS, ceil((long - length) / (_STEP * length)) + 1)
    starts = [round(i * (long - length) / (count - 1)) for i in range(count)]
    if width > height:
        return [(start, 0, start + length, height) for start in starts]
    return [(0, start, width, start + length) for start in starts]
