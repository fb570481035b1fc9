"""ISCC's Image-Code and Instance-Code (ISO 24138) at 256 bits, by iscc-lib.

Their bodies alone: 32 bytes without the header that says which code it is. `iscc_lib.encode_component` puts
it back.
"""

from typing import Final

import iscc_lib
from PIL import Image, ImageChops

_BITS: Final = 256
_SIDE: Final = 32


def image_code(image: Image.Image) -> bytes:
    """`iscc-image-256/1` of an upright RGB picture without transparency, both sides at least one pixel.

    The picture is prepared as the standard's own software does (iscc-sdk `image_normalize`): a border of one
    colour is cut off, then grey, then 32 x 32 by a bicubic filter.
    """
    grey = _trimmed(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    body: bytes = iscc_lib.iscc_decode(iscc_lib.gen_image_code_v0(grey.tobytes(), bits=_BITS)["iscc"])[4]
    return body


def instance_code(data: bytes) -> bytes:
    """`iscc-instance-256/1` of a file's bytes."""
    body: bytes = iscc_lib.iscc_decode(iscc_lib.gen_instance_code_v0(data, bits=_BITS)["iscc"])[4]
    return body


def _trimmed(image: Image.Image) -> Image.Image:
    corner = image.getpixel((0, 0))
    ground = Image.new(image.mode, image.size, corner)
    inside = ImageChops.difference(image, ground).getbbox()
    return image.crop(inside) if inside else image
