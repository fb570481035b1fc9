"""Further frames of an animation: a few, spread evenly, and only those that show something else.

Frames can only be reached through the ones before them, so what a hostile file can cost is bounded: by frames
and by pixels. Of a longer animation the beginning is sampled.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MAX_FURTHER_FRAMES: Final = 3
_MAX_SEEKS: Final = 100
_MAX_PIXELS: Final = 30_000_000
"""Of all frames on the way together: about a second of decoding."""
_VISIBLE: Final = 8.0
"""Mean difference, in grey levels of 32 x 32 thumbnails, from which on two frames show different things."""
_IMAGE: Final = 0x2C
_EXTENSION: Final = 0x21
_MAX_BLOCKS: Final = 200_000
"""More blocks than an honest GIF of the largest size has."""


def further_frames(
    picture: Image.Image, data: bytes, *, first: Image.Image, copy: Callable[[], Image.Image]
) -> Iterator[Image.Image]:
    """Working copies of up to three further frames of `picture`, opened from `data` and showing its first.

    `copy` makes the working copy of the frame that the picture shows, `first` is the first one's. A frame
    that cannot be decoded ends the sample: the first frame is enough for a picture.
    """
    size = picture.size
    count = _gif_frames(data) if picture.format == "GIF" else getattr(picture, "n_frames", 1)
    reach = min(count, 1 + _MAX_SEEKS, 1 + _MAX_PIXELS // (size[0] * size[1]))
    wanted = sorted({i * reach // (1 + MAX_FURTHER_FRAMES) for i in range(1 + MAX_FURTHER_FRAMES)} - {0})
    seen = [_thumbnail(first)]
    with contextlib.suppress(Exception):
        for index in wanted:
            picture.seek(index)
            picture.load()
            if picture.size != size:
                return
            frame = copy()
            thumbnail = _thumbnail(frame)
            if all(np.abs(thumbnail - other).mean() > _VISIBLE for other in seen):
                seen.append(thumbnail)
                yield frame


def _thumbnail(image: Image.Image) -> NDArray[np.int16]:
    return np.asarray(image.resize((32, 32), Image.Resampling.BOX).convert("L"), dtype=np.int16)


def _gif_frames(data: bytes) -> int:
    """Frames of a GIF, as far as `_MAX_SEEKS` needs to know: Pillow itself would visit every one of them."""
    at, frames, inside = 13 + _table(data[10]), 0, False
    for _ in range(_MAX_BLOCKS):
        if at >= len(data) or frames > _MAX_SEEKS:
            break
        block = data[at]
        if inside:  # a run of sub-blocks, which one of length 0 ends
            at, inside = at + 1 + block, block != 0
        elif block == _IMAGE and at + 9 < len(data):
            at, inside, frames = at + 11 + _table(data[at + 9]), True, frames + 1
        elif block == _EXTENSION:
            at, inside = at + 2, True
        else:
            break
    return max(1, frames)


def _table(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
