"""Copies of the pictures as a scraper meets them: identical, altered, and pictures of nobody's.

Every alteration here keeps the whole picture. An upload is proven to L1, so near copies are for review,
however certain they are.
"""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from PIL import Image, ImageEnhance

from demo.pictures import Picture, registered, strangers


class Kind(StrEnum):
    """What a copy is, and therefore what must be answered."""

    IDENTICAL = "identical"
    ALTERED = "altered"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that the vendor scraped."""

    name: str
    picture: Picture
    kind: Kind
    data: bytes


def _encode(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def _scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


_MIRROR: Final = Image.Transpose.FLIP_LEFT_RIGHT
ALTERATIONS: Final = MappingProxyType[str, Callable[[Image.Image], bytes]](
    {
        "reencoded": lambda image: _encode(image, quality=60),
        "webp": lambda image: _encode(image, "WEBP", quality=75),
        "half": lambda image: _encode(_scaled(image, 0.5), quality=80),
        "thumbnail": lambda image: _encode(_scaled(image, 160 / max(image.size)), "PNG"),
        "brighter": lambda image: _encode(ImageEnhance.Brightness(image).enhance(1.1), quality=85),
        "mirrored": lambda image: _encode(image.transpose(_MIRROR), quality=80),
        "mirrored-half": lambda image: _encode(_scaled(image.transpose(_MIRROR), 0.5), quality=70),
        "quarter-turn": lambda image: _encode(image.transpose(Image.Transpose.ROTATE_90), quality=80),
        "upside-down": lambda image: _encode(image.transpose(Image.Transpose.ROTATE_180), quality=80),
    }
)


def copies() -> Iterator[Copy]:
    """Every registered picture as it is and in every alteration; every stranger as it is and re-encoded."""
    for picture in registered():
        yield Copy(f"{picture.name}.jpg", picture, Kind.IDENTICAL, picture.read())
        for name, alter in ALTERATIONS.items():
            yield Copy(f"{picture.name}-{name}", picture, Kind.ALTERED, alter(_opened(picture)))
    for picture in strangers():
        yield Copy(f"{picture.name}.jpg", picture, Kind.STRANGER, picture.read())
        reencoded = ALTERATIONS["reencoded"](_opened(picture))
        yield Copy(f"{picture.name}-reencoded", picture, Kind.STRANGER, reencoded)


def _opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.read())).convert("RGB")
