"""What others' codes of whole pictures find: pHash at 64 and 256 bits, PDQ, ISCC, and imagehash's segments.

Each as its own documents have it: PDQ with its eight orientations and a quality of 50 at least.
"""

from collections.abc import Sequence
from typing import Final

import imagehash
import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints import iscc, pdq
from holdout.fingerprints.decode import decode

WHOLE: Final = ("phash_64", "phash_256", "iscc_256", "pdq_dihedral")
SEGMENTS: Final = "segments_64"
_PDQ_QUALITY: Final = 50
_FALSE: Final = 1e-3
_FAR: Final = 257
"""Further than any code: of a picture that has none."""
_AT_ONCE: Final = 256

Codes = dict[str, list[str]]
"""Of one picture, by algorithm, in hexadecimal."""


def codes(data: bytes) -> Codes:
    """The codes of a file's picture as a whole, the upright one first. Raises UnreadablePicture."""
    image = decode(data).frames[0]
    seen = pdq.look(image)
    return {
        "phash_64": [str(imagehash.phash(image))],
        "phash_256": [str(imagehash.phash(image, hash_size=16))],
        "iscc_256": [iscc.image_code(image).hex()],
        "pdq_dihedral": [c.hex() for c in seen.orientations()] if seen.quality() >= _PDQ_QUALITY else [],
    }


def segments(data: bytes) -> Codes:
    """imagehash's `crop_resistant_hash`: a difference hash of 64 bits of each segment."""
    found = imagehash.crop_resistant_hash(decode(data).frames[0])
    return {SEGMENTS: [str(one) for one in found.segment_hashes]}


def upright(picture: Codes) -> Codes:
    """As a registry keeps it: one code of the whole, all segments."""
    return {name: list(found) if name == SEGMENTS else found[:1] for name, found in picture.items()}


def nearest(asked: Sequence[Codes], known: Sequence[Codes], *, name: str) -> list[tuple[int, int]]:
    """For each asked picture the distance of the nearest known one, and which that is (-1: none)."""
    table_of, table = _flat(known, name)
    rows_of, rows = _flat(asked, name)
    found = [(_FAR, -1)] * len(asked)
    for first in range(0, len(rows), _AT_ONCE):
        block = rows[first : first + _AT_ONCE]
        bits = np.zeros((len(block), len(table)), dtype=np.uint16)
        for word in range(table.shape[1]):
            bits += np.bitwise_count(block[:, word, None] ^ table[None, :, word])
        best = bits.argmin(axis=1)
        for i, (at, row) in enumerate(zip(best.tolist(), bits, strict=True)):
            q = rows_of[first + i]
            found[q] = min(found[q], (int(row[at]), table_of[at]))
    return found


def _flat(pictures: Sequence[Codes], name: str) -> tuple[list[int], NDArray[np.uint64]]:
    """Whose each code is, and all codes, (n, words)."""
    rows = [(i, code) for i, picture in enumerate(pictures) for code in picture.get(name, ())]
    words = np.frombuffer(bytes.fromhex("".join(code for _, code in rows)), dtype="<u8")
    return [i for i, _ in rows], words.reshape(len(rows), -1)


def threshold(distances: Sequence[int]) -> int:
    """The largest distance at which not more than `_FALSE` of these strangers' are that or less; 0 where more
    are even at 0.
    """
    return max(0, sorted(distances)[int(_FALSE * len(distances))] - 1)
