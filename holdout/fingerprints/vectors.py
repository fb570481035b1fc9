"""Golden vectors: generated pictures and the codes that every implementation must find for them.

The pictures are integer arithmetic from end to end and travel as PNG, so that no JPEG library, random
generator or rounding of another machine can change them. `vectors.json` holds what they gave when the
version was fixed.
"""

import io
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from holdout.fingerprints.algorithms import (
    ISCC_IMAGE,
    ISCC_INSTANCE,
    PDQ_256,
    PHASH_256,
    PIXELS_SHA256,
    SHA256,
)
from holdout.fingerprints.describe import describe
from holdout.fingerprints.distance import distance
from holdout.fingerprints.exact import sha256
from holdout.fingerprints.iscc import instance_code

_WIDTH, _HEIGHT = 192, 144
_TEXTS: Final = ("", "abc", "holdout")


def stored() -> dict[str, Any]:
    """The vectors as they were fixed."""
    text = resources.files("holdout.fingerprints").joinpath("vectors.json").read_text(encoding="utf-8")
    vectors: dict[str, Any] = json.loads(text)
    return vectors


def computed() -> dict[str, Any]:
    """The same as this installation finds them."""
    files = {name: png(make()) for name, make in PICTURES.items()}
    asked = {name: describe(data, query=True) for name, data in files.items()}
    kept = {name: describe(data, query=False) for name, data in files.items()}
    phash = {name: [code.hex() for code in found.panes[0].phash] for name, found in asked.items()}
    pdq = {name: [code.hex() for code in found.panes[0].pdq] for name, found in asked.items()}
    return {
        SHA256.id: {text: sha256(text.encode()).hex() for text in _TEXTS},
        ISCC_INSTANCE.id: {text: instance_code(text.encode()).hex() for text in _TEXTS},
        PIXELS_SHA256.id: {name: _hex(found.pixels) for name, found in asked.items()},
        ISCC_IMAGE.id: {name: _hex(found.iscc_image) for name, found in kept.items()},
        PHASH_256.id: {"orientations": _or_none(phash), "distances": _distances(phash)},
        PDQ_256.id: {
            "orientations": _or_none(pdq),
            "distances": _distances(pdq),
            "quality": {name: found.panes[0].quality for name, found in asked.items()},
        },
        "panes": {
            name: [
                [pane.kind, list(pane.box), pane.gate, [code.hex() for code in pane.pdq]]
                for pane in found.panes
            ]
            for name, found in kept.items()
        },
    }


def _hex(code: bytes | None) -> str | None:
    return None if code is None else code.hex()


def _or_none(codes: dict[str, list[str]]) -> dict[str, list[str] | None]:
    """None for the pictures that the gate refuses."""
    return {name: found or None for name, found in codes.items()}


def _distances(codes: dict[str, list[str]]) -> dict[str, int]:
    return {
        f"{left} {right}": distance(bytes.fromhex(codes[left][0]), bytes.fromhex(codes[right][0]))
        for left, right in PAIRS
    }


def png(image: Image.Image) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def texture(*, seed: int, width: int = _WIDTH, height: int = _HEIGHT, cell: int = 64) -> NDArray[np.uint8]:
    """A cloudy grey picture, shape (height, width), with the falling spectrum of a photograph.

    Its largest clouds are `cell` pixels apart, a power of two.
    """
    total = np.zeros((height, width), dtype=np.int64)
    for octave in range(5):
        total += _lattice(seed=seed * 8 + octave, cell=cell >> octave, width=width, height=height) >> octave
    low, high = total.min(), total.max()
    levels: NDArray[np.uint8] = ((total - low) * 255 // (high - low)).astype(np.uint8)
    return levels


def _lattice(*, seed: int, cell: int, width: int, height: int) -> NDArray[np.int64]:
    """Hashed values 0-255 every `cell` pixels and straight lines between them."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    column, right, row, down = x // cell, x % cell, y // cell, y % cell
    above = _hashed(column, row, seed) * (cell - right) + _hashed(column + 1, row, seed) * right
    below = _hashed(column, row + 1, seed) * (cell - right) + _hashed(column + 1, row + 1, seed) * right
    blend: NDArray[np.int64] = (above * (cell - down) + below * down) // (cell * cell)
    return blend


def _hashed(column: NDArray[np.int64], row: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    value = (column * 374761393 + row * 668265263 + seed * 1442695041) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 1274126177) & 0xFFFFFFFF
    result: NDArray[np.int64] = (value ^ (value >> 16)) & 0xFF
    return result


def _landscape() -> Image.Image:
    return Image.fromarray(np.dstack([texture(seed=seed) for seed in (1, 2, 3)]))


def _stranger() -> Image.Image:
    return Image.fromarray(np.dstack([texture(seed=seed) for seed in (4, 5, 6)]))


def _landscape_small() -> Image.Image:
    return Image.fromarray(np.asarray(_landscape())[::2, ::2])


def _landscape_signed() -> Image.Image:
    pixels = np.array(_landscape())
    pixels[-20:-8, -60:-8] = 255
    return Image.fromarray(pixels)


def _drawing() -> Image.Image:
    """Two broken rings and a few strokes, black on white."""
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.int64)
    ink = np.zeros((_HEIGHT, _WIDTH), dtype=bool)
    for centre_x, centre_y, radius in ((60, 50, 34), (120, 96, 27)):
        from_centre = (x - centre_x) ** 2 + (y - centre_y) ** 2
        ink |= (abs(from_centre - radius**2) < 2 * radius) & (x - centre_x < y - centre_y + radius // 2)
    for slope, offset in ((3, 40), (-2, 300), (1, -25)):
        ink |= (abs(2 * y - slope * x - offset) < 4) & (x > 30) & (x < 150)
    return Image.fromarray(np.where(ink, 0, 255).astype(np.uint8))


def _see_through() -> Image.Image:
    """RGBA: transparent where another texture is bright, to be flattened on white."""
    alpha = texture(seed=7)
    return Image.fromarray(np.dstack([texture(seed=1), texture(seed=2), texture(seed=3), alpha]))


def _sixteen_bits() -> Image.Image:
    return Image.fromarray(texture(seed=8).astype(np.uint16) * 257)


def _large() -> Image.Image:
    """Larger than a working copy, and no multiple of it."""
    return Image.fromarray(texture(seed=10, width=1500, height=1130, cell=256))


def _strip() -> Image.Image:
    """A comic strip's shape: windows beside the whole."""
    return Image.fromarray(texture(seed=11, width=120, height=560))


def _palette() -> Image.Image:
    """Eight greys by index, one of them transparent."""
    image = Image.fromarray(texture(seed=9) // 32)
    image.putpalette([level for index in range(8) for level in [index * 30] * 3])
    image.info["transparency"] = 2
    return image


def _flat() -> Image.Image:
    return Image.new("RGB", (_WIDTH, _HEIGHT), (120, 130, 140))


def _linear_gradient() -> Image.Image:
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    return Image.fromarray(((2 * x + y) * 255 // (2 * _WIDTH + _HEIGHT)).astype(np.uint8))


def _round_gradient() -> Image.Image:
    y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH]
    from_centre = (x - 80) ** 2 + (y - 70) ** 2
    return Image.fromarray((255 - from_centre * 255 // from_centre.max()).astype(np.uint8))


PICTURES: Final[Mapping[str, Callable[[], Image.Image]]] = {
    "landscape": _landscape,
    "landscape-small": _landscape_small,
    "landscape-signed": _landscape_signed,
    "stranger": _stranger,
    "drawing": _drawing,
    "see-through": _see_through,
    "sixteen-bits": _sixteen_bits,
    "palette": _palette,
    "large": _large,
    "strip": _strip,
    "flat": _flat,
    "linear-gradient": _linear_gradient,
    "round-gradient": _round_gradient,
}
PAIRS: Final = (
    ("landscape", "landscape"),
    ("landscape", "landscape-small"),
    ("landscape", "landscape-signed"),
    ("landscape", "stranger"),
    ("landscape", "see-through"),
    ("landscape", "drawing"),
)
