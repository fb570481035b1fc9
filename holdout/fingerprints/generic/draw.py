"""Draw the icons and take their fingerprints: `python -m holdout.fingerprints.generic.draw [FOLDER]`.

With a folder the pictures are written there, to be looked at. Letters are polygons, so that no font of
another machine changes them. The designs of the avatar maker are kept as pictures, as a browser draws them
(tests/browser/test_avatar.py).
"""

import io
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image, ImageDraw

from holdout.fingerprints.describe import describe
from holdout.fingerprints.generic import FILE

SIDE: Final = 512
_RED, _WHITE, _BLACK, _DARK, _GREY = (214, 32, 39), (255, 255, 255), (0, 0, 0), (24, 24, 32), (120, 120, 128)

_Colour = tuple[int, int, int]
_LETTERS: Final[Mapping[str, tuple[tuple[tuple[float, float], ...], ...]]] = {
    "A": (
        ((0.0, 1.0), (0.38, 0.0), (0.62, 0.0), (1.0, 1.0), (0.78, 1.0), (0.5, 0.22), (0.22, 1.0)),
        ((0.28, 0.62), (0.72, 0.62), (0.72, 0.78), (0.28, 0.78)),
    ),
    "I": (((0.38, 0.0), (0.62, 0.0), (0.62, 1.0), (0.38, 1.0)),),
    "N": (
        ((0.05, 0.0), (0.27, 0.0), (0.27, 1.0), (0.05, 1.0)),
        ((0.73, 0.0), (0.95, 0.0), (0.95, 1.0), (0.73, 1.0)),
        ((0.05, 0.0), (0.3, 0.0), (0.95, 1.0), (0.7, 1.0)),
    ),
}
"""Polygons in a box of one by one; O is a ring."""


def _letters(draw: ImageDraw.ImageDraw, text: str, box: tuple[int, int, int, int], colour: _Colour) -> None:
    left, top, right, bottom = box
    wide, tall = (right - left) / len(text), bottom - top
    for i, letter in enumerate(text):
        x = left + i * wide
        inner = wide * 0.86
        if letter == "O":
            draw.ellipse((x, top, x + inner, bottom), outline=colour, width=int(wide * 0.2))
        for polygon in _LETTERS.get(letter, ()):
            draw.polygon([(x + px * inner, top + py * tall) for px, py in polygon], fill=colour)


def _prohibition(draw: ImageDraw.ImageDraw, colour: _Colour, *, margin: int = 24, width: int = 44) -> None:
    draw.ellipse((margin, margin, SIDE - margin, SIDE - margin), outline=colour, width=width)
    reach = (SIDE - 2 * margin) * 0.1464 + margin + width * 0.3
    draw.line((reach, reach, SIDE - reach, SIDE - reach), fill=colour, width=width)


def _canvas(colour: _Colour) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (SIDE, SIDE), colour)
    return image, ImageDraw.Draw(image)


def _struck(ground: _Colour, ink: _Colour, sign: _Colour) -> Image.Image:
    """AI under a prohibition sign."""
    image, draw = _canvas(ground)
    _letters(draw, "AI", (130, 150, 400, 362), ink)
    _prohibition(draw, sign)
    return image


def _words(ground: _Colour, ink: _Colour) -> Image.Image:
    """NO over AI, in a frame."""
    image, draw = _canvas(ground)
    draw.rectangle((16, 16, SIDE - 17, SIDE - 17), outline=ink, width=20)
    _letters(draw, "NO", (80, 60, 450, 240), ink)
    _letters(draw, "AI", (80, 272, 450, 452), ink)
    return image


def _robot() -> Image.Image:
    """A robot's head under a prohibition sign."""
    image, draw = _canvas(_WHITE)
    draw.rounded_rectangle((150, 170, 362, 370), radius=30, fill=_GREY, outline=_BLACK, width=8)
    draw.line((256, 170, 256, 120), fill=_BLACK, width=8)
    draw.ellipse((240, 96, 272, 128), fill=_RED, outline=_BLACK, width=4)
    for x in (190, 282):
        draw.ellipse((x, 215, x + 40, 255), fill=_WHITE, outline=_BLACK, width=6)
        draw.ellipse((x + 13, 228, x + 27, 242), fill=_BLACK)
    draw.rectangle((200, 300, 312, 330), fill=_WHITE, outline=_BLACK, width=6)
    for x in range(220, 312, 20):
        draw.line((x, 300, x, 330), fill=_BLACK, width=4)
    _prohibition(draw, _RED)
    return image


def _hand() -> Image.Image:
    """A raised hand, and NO AI below it."""
    image, draw = _canvas(_RED)
    for x, top in ((166, 110), (214, 70), (262, 78), (310, 120)):
        draw.rounded_rectangle((x, top, x + 40, 260), radius=20, fill=_WHITE)
    draw.rounded_rectangle((166, 220, 350, 360), radius=50, fill=_WHITE)
    draw.polygon([(180, 330), (110, 250), (138, 226), (200, 270)], fill=_WHITE)
    _letters(draw, "NOAI", (96, 396, 430, 476), _WHITE)
    return image


def _chip() -> Image.Image:
    """A chip marked AI, struck out."""
    image, draw = _canvas(_DARK)
    for at in range(150, 380, 46):
        for box in ((at, 96, at + 16, 416), (96, at, 416, at + 16)):
            draw.rectangle(box, fill=_GREY)
    draw.rounded_rectangle((128, 128, 384, 384), radius=24, fill=_WHITE)
    _letters(draw, "AI", (170, 190, 356, 322), _DARK)
    draw.line((70, 442, 442, 70), fill=_RED, width=40)
    return image


ICONS: Final[Mapping[str, Callable[[], Image.Image]]] = {
    "struck-on-white": lambda: _struck(_WHITE, _BLACK, _RED),
    "struck-on-black": lambda: _struck(_BLACK, _WHITE, _RED),
    "struck-in-black": lambda: _struck(_WHITE, _BLACK, _BLACK),
    "words-on-white": lambda: _words(_WHITE, _RED),
    "words-on-red": lambda: _words(_RED, _WHITE),
    "words-on-black": lambda: _words(_BLACK, _WHITE),
    "robot": _robot,
    "hand": _hand,
    "chip": _chip,
}


def designs() -> dict[str, bytes]:
    """The marks of the avatar maker, each alone on white, as PNG files."""
    folder = Path(__file__).with_name("designs")
    return {f"design-{file.stem}": file.read_bytes() for file in sorted(folder.glob("*.png"))}


def drawn(image: Image.Image) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def main(arguments: list[str]) -> None:
    """Write the fingerprints, and the pictures where a folder is named."""
    files = {name: drawn(make()) for name, make in ICONS.items()} | designs()
    for name, data in files.items() if arguments else ():
        (Path(arguments[0]) / f"{name}.png").write_bytes(data)
    looks = {name: describe(data, query=False).to_bytes() for name, data in files.items()}
    Path(__file__).with_name(FILE).write_bytes(msgspec.msgpack.encode(looks))


if __name__ == "__main__":
    main(sys.argv[1:])
