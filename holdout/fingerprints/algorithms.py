"""The fingerprint algorithms that are live, and how a code is written.

An algorithm's id carries its version: a changed result is a new algorithm, since old codes outlive their
pictures. `vectors.json` pins what each yields.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from holdout.errors import InvalidInput


class Kind(StrEnum):
    """Exact codes are equal or not; perceptual codes are near or far; local ones are compared by geometry."""

    EXACT = "exact"
    PERCEPTUAL = "perceptual"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to turn a picture into a code of `bits` bits; 0 bits where its length varies (local ones).

    Codes within `radius` bits of each other (inclusive; 0 for all but perceptual ones) are candidates, never
    verdicts.
    """

    id: str
    kind: Kind
    bits: int
    radius: int


SHA256: Final = Algorithm(id="sha256", kind=Kind.EXACT, bits=256, radius=0)
"""SHA-256 of the file's bytes as they stand."""

PIXELS_SHA256: Final = Algorithm(id="pixels-sha256/1", kind=Kind.EXACT, bits=256, radius=0)
"""SHA-256 of the picture's size in ASCII, `"{width} {height}\\n"`, and the first frame's pixels: decoded,
upright, 8-bit RGB on white. The same whatever a lossless format, a comment or an EXIF block did to the file.
"""

PHASH_256: Final = Algorithm(id="phash-256/1", kind=Kind.PERCEPTUAL, bits=256, radius=31)
"""`imagehash.phash(pane, hash_size=16)` of a pane of the working copy; imagehash's bit order.

The radius is the one that PDQ's authors publish for 256-bit codes (facebook/ThreatExchange pdq/README.md).
"""

PDQ_256: Final = Algorithm(id="pdq-256/1", kind=Kind.PERCEPTUAL, bits=256, radius=31)
"""PDQ (facebook/ThreatExchange pdq/) of a pane of the working copy, in the order of the reference's hex."""

ISCC_IMAGE: Final = Algorithm(id="iscc-image-256/1", kind=Kind.PERCEPTUAL, bits=256, radius=31)
"""The 256-bit body of the ISCC Image-Code (ISO 24138) of the working copy. Kept for those who speak
ISCC; no index searches it."""

ISCC_INSTANCE: Final = Algorithm(id="iscc-instance-256/1", kind=Kind.EXACT, bits=256, radius=0)
"""The 256-bit body of the ISCC Instance-Code (ISO 24138): BLAKE3 of the file's bytes."""

KEYPOINTS: Final = Algorithm(id="keypoints/1", kind=Kind.LOCAL, bits=0, radius=0)
"""Local features of a pane; `holdout.fingerprints.local` says how they are written and compared."""

ALGORITHMS: Final = MappingProxyType(
    {
        algorithm.id: algorithm
        for algorithm in (
            SHA256,
            PIXELS_SHA256,
            PHASH_256,
            PDQ_256,
            ISCC_IMAGE,
            ISCC_INSTANCE,
            KEYPOINTS,
        )
    }
)

_SHORT_NAMES: Final = re.compile(
    r"([adpw]|crop-resistant-)?hash([-_]?64)?(/\d+)?|(pdq|iscc-image)[-_]?64(/\d+)?"
)
_HEX: Final = re.compile(r"[0-9a-fA-F]*")
_SHORT_DIGITS: Final = 16


def parse_code(algorithm: str, hex_text: str) -> bytes:
    """The code that `hex_text` (either case, no separators) spells in the algorithm of that id.

    Raises InvalidInput: `fingerprint_algorithm_unknown`, `fingerprint_too_short` for a 64-bit perceptual
    hash by name or by length, `fingerprint_malformed` for anything else that is not a code, which includes
    whatever is given for a local algorithm: its features are no code.
    """
    if _SHORT_NAMES.fullmatch(algorithm.strip().lower()):
        raise _too_short()
    known = ALGORITHMS.get(algorithm)
    if known is None:
        raise InvalidInput(
            "fingerprint_algorithm_unknown", f"Known fingerprint algorithms: {', '.join(ALGORITHMS)}."
        )
    if known.kind is Kind.LOCAL:
        raise InvalidInput("fingerprint_malformed", f"A {known.id} fingerprint is not written as a code.")
    digits = known.bits // 4
    if _HEX.fullmatch(hex_text):
        if len(hex_text) == digits:
            return bytes.fromhex(hex_text)
        if known.kind is Kind.PERCEPTUAL and len(hex_text) == _SHORT_DIGITS:
            raise _too_short()
    raise InvalidInput("fingerprint_malformed", f"A {known.id} fingerprint is {digits} hexadecimal digits.")


def _too_short() -> InvalidInput:
    return InvalidInput(
        "fingerprint_too_short",
        "64-bit perceptual hashes are not accepted: among ten million works one of them finds about sixty "
        f"unrelated pictures. Send 256 bits ({PHASH_256.id}: imagehash.phash with hash_size=16; "
        f"{PDQ_256.id}).",
    )
