"""The working copy: the upright picture, small enough for every later step, made while it is read once.

Whole blocks of f x f pixels are averaged (`Image.reduce`), f being how often the copy goes into the picture,
and the rest, less than a factor of two, is a Lanczos filter.
"""

from math import ceil, sqrt
from typing import Final, Protocol

from PIL import Image

from holdout.fingerprints.limits import MAX_DECODED_BYTES
from holdout.fingerprints.panes import longest_pane_side
from holdout.fingerprints.upright import Upright

WORKING_SIDE: Final = 1024
"""Longest side of a pane in the working copy, in pixels."""

WORKING_PIXELS: Final = 8_000_000
"""Pixels of a working copy; only pictures longer than about 8:1 come near it."""

_STRIP_PIXELS: Final = 500_000
_ROOM_PIXELS: Final = MAX_DECODED_BYTES // 4


class Digest(Protocol):
    """What takes bytes: a hash of `hashlib`."""

    def update(self, data: bytes, /) -> None: ...


def working_size(width: int, height: int) -> tuple[int, int]:
    """Size of the working copy of a picture of that size; nothing is enlarged."""
    scale = max(1.0, longest_pane_side(width, height) / WORKING_SIDE, sqrt(width * height / WORKING_PIXELS))
    return max(1, round(width / scale)), max(1, round(height / scale))


def working_copy(picture: Upright, size: tuple[int, int], *, digest: Digest | None = None) -> Image.Image:
    """An RGB copy of `size`, or of the picture's own size where that is smaller.

    `digest` is given every row's RGB bytes, from the top. Where picture, averages and copy would take more
    than a child has, the copy is smaller: the averages are the copy.
    """
    width, height = picture.size
    factor = max(1, min(width // size[0], height // size[1]))
    while width * height + _beside(width, height, size, factor) > _ROOM_PIXELS:
        factor += 1
    reduced = Image.new("RGB", (ceil(width / factor), ceil(height / factor)))
    step = max(1, _STRIP_PIXELS // width // factor) * factor
    for top in range(0, height, step):
        strip = picture.rows(top, min(top + step, height))
        if digest is not None:
            digest.update(strip.tobytes())
        reduced.paste(strip.reduce(factor) if factor > 1 else strip, (0, top // factor))
    if reduced.width <= size[0] and reduced.height <= size[1]:
        return reduced
    return reduced.resize(size, Image.Resampling.LANCZOS)


def _beside(width: int, height: int, size: tuple[int, int], factor: int) -> int:
    """Pixels of the averages of `factor` and, where they are larger than it, of the copy of `size`."""
    across, down = ceil(width / factor), ceil(height / factor)
    return across * down + (size[0] * size[1] if across > size[0] or down > size[1] else 0)
