"""Small pictures in every form that can be marked, with all that must survive the marking."""

import io
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from PIL import Image, PngImagePlugin

_NOISE: Final = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 81, 3), dtype=np.uint8))


def saved(form: str, *, image: Image.Image = _NOISE, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def _with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x013B] = "Qing Tuanzi"
    return saved("JPEG", quality=85, exif=exif, icc_profile=b"profile" * 20, comment=b"a comment")


def _with_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "Tide")
    return saved("PNG", pnginfo=text, dpi=(300, 300))


def _animated(form: str) -> bytes:
    return saved(form, save_all=True, append_images=[_NOISE.rotate(90), _NOISE.rotate(180)], duration=100)


MARKABLE: Final[dict[str, Callable[[], bytes]]] = {
    "jpeg": lambda: saved("JPEG", quality=80),
    "jpeg with exif": _with_exif,
    "progressive jpeg": lambda: saved("JPEG", progressive=True),
    "cmyk jpeg": lambda: saved("JPEG", image=_NOISE.convert("CMYK")),
    "png": lambda: saved("PNG"),
    "png with text": _with_text,
    "palette png": lambda: saved("PNG", image=_NOISE.convert("P")),
    "animated png": lambda: _animated("PNG"),
    "webp": lambda: saved("WEBP", quality=60),
    "lossless webp": lambda: saved("WEBP", lossless=True),
    "lossless webp with alpha": lambda: saved("WEBP", lossless=True, image=_NOISE.convert("RGBA")),
    "animated webp": lambda: _animated("WEBP"),
    "webp with exif": lambda: saved("WEBP", exif=Image.Exif().tobytes(), icc_profile=b"p" * 31),
}


def frames(file: bytes) -> list[bytes]:
    """Every frame's pixels."""
    with Image.open(io.BytesIO(file)) as image:
        found = []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(image.convert("RGBA").tobytes())
        return found
