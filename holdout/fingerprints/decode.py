"""From bytes to a working copy, once, with every check before the decoder that can be made before it.

For the sandbox's child: an allow-list is not a sandbox (Pillow 13.0.0 fixed a heap overflow in the JPEG
decoder itself, CVE-2026-112403).
"""

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from PIL import Image, UnidentifiedImageError

from holdout.errors import UnreadablePicture
from holdout.fingerprints.animation import further_frames
from holdout.fingerprints.formats import sniff
from holdout.fingerprints.limits import MAX_BYTES, MAX_DECODED_BYTES, MAX_PIXELS, MAX_PIXELS_DECODED
from holdout.fingerprints.refusals import refusal
from holdout.fingerprints.upright import Upright, orientation, turned
from holdout.fingerprints.working_copy import working_copy, working_size

_SPARE: Final = 2
"""A scaled JPEG is still so many times as large as its working copy: the decoder's own filter is poor."""


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """A picture as far as it is kept.

    `width` and `height` are those of the upright first frame as the file has them, `pixels` is its
    `pixels-sha256/1`, None where the picture was decoded scaled. `frames` are working copies, upright and
    RGB: the first frame and, of an animation, a sample of the further ones, all of one size.
    """

    width: int
    height: int
    format: str
    pixels: bytes | None
    frames: tuple[Image.Image, ...]


def decode(data: bytes) -> Decoded:
    """Decode a picture.

    Raises UnreadablePicture, in this order: `picture_too_large`, `picture_format_unsupported`,
    `picture_too_many_pixels` (from the header), `picture_damaged`. Nothing else leaves, no warning either.
    """
    if len(data) > MAX_BYTES:
        raise refusal("picture_too_large")
    found = sniff(data)
    if found is None:
        raise refusal("picture_format_unsupported")
    with warnings.catch_warnings(), _bomb_limit(MAX_PIXELS[found]):
        warnings.simplefilter("ignore")
        try:
            return _decode(data, found)
        except UnreadablePicture:
            raise
        except (MemoryError, Image.DecompressionBombError) as error:
            raise refusal("picture_too_many_pixels") from error
        except UnidentifiedImageError as error:
            raise refusal("picture_damaged") from error
        except Exception as error:
            # Pillow's plugins let out whatever a broken file makes them stumble over: SyntaxError,
            # struct.error, KeyError, ZeroDivisionError...
            raise refusal("picture_damaged") from error


def _decode(data: bytes, found: str) -> Decoded:
    with Image.open(io.BytesIO(data), formats=[found]) as picture:
        _check_size(picture, found)
        turn = orientation(picture)
        width, height = turned(picture.size, turn)
        size = working_size(width, height)
        scaled = found == "JPEG" and _scale(picture, turned(size, turn))
        picture.load()
        _check_size(picture, found)
        if not scaled:
            # Pillow may find a GIF's or a WebP's true size only now.
            width, height = turned(picture.size, turn)
            size = working_size(width, height)
        digest = hashlib.sha256(b"%d %d\n" % (width, height))
        first = working_copy(Upright(picture, turn), size, digest=None if scaled else digest)
        further: Iterator[Image.Image] = iter(())
        if found != "JPEG":
            further = further_frames(
                picture, data, first=first, copy=lambda: working_copy(Upright(picture, turn), size)
            )
        return Decoded(
            width=width,
            height=height,
            format=found,
            pixels=None if scaled else digest.digest(),
            frames=(first, *further),
        )


@contextmanager
def _bomb_limit(pixels: int) -> Iterator[None]:
    """Let Pillow refuse what we refuse: some plugins allocate before they say the picture's size."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = pixels // 2  # it warns beyond this and refuses beyond twice as much
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _check_size(picture: Image.Image, found: str) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise refusal("picture_damaged")
    if width * height > MAX_PIXELS[found]:
        raise refusal("picture_too_many_pixels")


def _scale(picture: Any, size: tuple[int, int]) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 if it is too large to be decoded whole; whether it is.

    `size` is that of its working copy. Raises `picture_too_many_pixels` if not even 1/8 fits.
    """
    width, height = picture.size
    kept = _coefficient_bytes(picture)
    if width * height <= MAX_PIXELS_DECODED and kept + 4 * width * height <= MAX_DECODED_BYTES:
        return False
    fitting = [s for s in (2, 4, 8) if width * height / s**2 <= MAX_PIXELS_DECODED]
    fitting = [s for s in fitting if kept + 4 * width * height / s**2 <= MAX_DECODED_BYTES]
    if not fitting:
        raise refusal("picture_too_many_pixels")
    good = [s for s in fitting if min(width / size[0], height / size[1]) >= _SPARE * s]
    scale = good[-1] if good else fitting[0]
    picture.draft(None, (max(1, width // scale), max(1, height // scale)))
    return True


def _coefficient_bytes(picture: Any) -> int:
    """What libjpeg keeps of a progressive JPEG until its last scan: two bytes for each sample."""
    if not picture.info.get("progressive"):
        return 0
    width, height = picture.size
    across, down = max(part[1] for part in picture.layer), max(part[2] for part in picture.layer)
    samples = sum(width * part[1] / across * (height * part[2] / down) for part in picture.layer)
    return int(2 * samples)
