"""From bytes to one upright RGB picture, with every check before the decoder that can be made before it.

For the sandbox's child: an allow-list is not a sandbox (Pillow 13.0.0 fixed a heap overflow in the JPEG
decoder itself, CVE-2026-112403).
"""

import io
import warnings
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from holdout.errors import UnreadablePicture
from holdout.fingerprints.limits import MAX_BYTES, MAX_PIXELS
from holdout.fingerprints.refusals import refusal

_ORIENTATION_TAG: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FTYP_BRANDS_END: Final = 256


def sniff(data: bytes) -> str | None:
    """The format that the first bytes announce, one of `limits.FORMATS`, or None for every other."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and _brands(data) & {b"avif", b"avis"}:
        return "AVIF"
    return None


def open_picture(data: bytes) -> Image.Image:
    """The first frame: upright, mode RGB, transparency flattened on white, fully decoded.

    Raises UnreadablePicture, in this order: `picture_too_large`, `picture_format_unsupported`,
    `picture_too_many_pixels` (from the header), `picture_damaged`. Nothing else leaves, no warning either.
    """
    if len(data) > MAX_BYTES:
        raise refusal("picture_too_large")
    found = sniff(data)
    if found is None:
        raise refusal("picture_format_unsupported")
    with warnings.catch_warnings():
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


def _brands(data: bytes) -> set[bytes]:
    """The brands of an ISO media file: a HEIC file has the same shape and other brands."""
    end = min(int.from_bytes(data[:4], "big"), len(data), _FTYP_BRANDS_END)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}


def _decode(data: bytes, found: str) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=[found]) as picture:
        _check_size(picture)
        orientation = _orientation(picture)
        picture.load()
        _check_size(picture)
        flat = _flatten(picture)
    del picture  # turning needs its memory
    turn = _UPRIGHT.get(orientation)
    return flat if turn is None else flat.transpose(turn)


def _check_size(picture: Image.Image) -> None:
    width, height = picture.size
    if width < 1 or height < 1:
        raise refusal("picture_damaged")
    if width * height > MAX_PIXELS:
        raise refusal("picture_too_many_pixels")


def _orientation(picture: Image.Image) -> int:
    """EXIF orientation 1-8; broken EXIF is no reason to refuse the picture and counts as upright."""
    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG)
    except Exception:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _flatten(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I"):
        # Pillow clips 16 bits to 8 instead of scaling them.
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    layer = picture.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(layer, mask=layer)
    return white
