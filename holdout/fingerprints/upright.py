"""A decoded picture the right way up, 8-bit RGB on white: read in strips, so that no second copy is made."""

from typing import Final

import numpy as np
from PIL import Image

_ORIENTATION_TAG: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS: Final = {5, 6, 7, 8}
_FROM_THE_END: Final = {3, 4, 7, 8}
"""Orientations whose first upright row is stored last."""


def orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; broken EXIF is no reason to refuse the picture and counts as upright (1)."""
    try:
        found = picture.getexif().get(_ORIENTATION_TAG)
    except Exception:
        return 1
    return found if isinstance(found, int) and found in _TURNS else 1


def turned(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height of a stored `size` once it stands upright."""
    width, height = size
    return (height, width) if orientation in _SIDEWAYS else (width, height)


class Upright:
    """The current frame of a loaded picture, by upright rows."""

    def __init__(self, picture: Image.Image, orientation: int) -> None:
        self._picture = picture
        self._orientation = orientation
        self.size = turned(picture.size, orientation)

    def rows(self, top: int, bottom: int) -> Image.Image:
        """Rows `top` to `bottom` (exclusive), mode RGB, transparency flattened on white.

        Of 16 bits the upper eight are kept. Colours are taken as sRGB, whatever profile is embedded.
        """
        width, height = self._picture.size
        along = width if self._orientation in _SIDEWAYS else height
        if self._orientation in _FROM_THE_END:
            top, bottom = along - bottom, along - top
        box = (top, 0, bottom, height) if self._orientation in _SIDEWAYS else (0, top, width, bottom)
        strip = _flat(self._picture.crop(box))
        turn = _TURNS.get(self._orientation)
        return strip if turn is None else strip.transpose(turn)


def _flat(strip: Image.Image) -> Image.Image:
    if strip.mode.startswith("I"):
        # Pillow clips 16 bits to 8 instead of scaling them.
        return Image.fromarray((np.asarray(strip) >> 8).astype(np.uint8)).convert("RGB")
    if not strip.has_transparency_data:
        return strip if strip.mode == "RGB" else strip.convert("RGB")
    layer = strip.convert("RGBA")
    white = Image.new("RGB", strip.size, "white")
    white.paste(layer, mask=layer)
    return white
