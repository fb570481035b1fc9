"""The 256-bit perceptual code, for a picture and for its eight orientations."""

from typing import Final

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

_HASH_SIZE: Final = 16
GREY_SIDE: Final = 64
"""Side of the thumbnail that the code is computed from: imagehash's hash_size times its highfreq_factor."""


def grey_thumbnail(image: Image.Image) -> Image.Image:
    """The 64x64 grey thumbnail (mode L) that imagehash makes before it hashes; of itself it is itself."""
    return image.convert("L").resize((GREY_SIDE, GREY_SIDE), Image.Resampling.LANCZOS)


def phash_256(image: Image.Image) -> bytes:
    """`phash-256/1` of an RGB picture, or of its grey thumbnail: 32 bytes."""
    return np.packbits(imagehash.phash(image, hash_size=_HASH_SIZE).hash.flatten()).tobytes()


def phash_256_orientations(image: Image.Image) -> NDArray[np.uint8]:
    """Codes of the eight orientations, shape (8, 32).

    Row k < 4 is the picture turned k quarter turns counter-clockwise; row 4 + k the same of its mirror image.
    Row 0 equals `phash_256(image)`. Only the thumbnail is turned: shrinking the picture once is nearly all
    of the work, and imagehash's own shrinking leaves a thumbnail as it is.
    """
    grey = np.asarray(grey_thumbnail(image))
    turned = [np.rot90(side, turns) for side in (grey, np.fliplr(grey)) for turns in range(4)]
    codes = [phash_256(Image.fromarray(np.ascontiguousarray(pixels))) for pixels in turned]
    return np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(8, -1)
