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
    """Exact codes are equal or not; perceptual codes are near or far."""

    EXACT = "exact"
    PERCEPTUAL = "perceptual"


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to turn a picture into a code of `bits` bits.

    Codes within `radius` bits of each other (inclusive; 0 for exact ones) are candidates, never verdicts.
    """

    id: str
    kind: Kind
    bits: int
    radius: int


SHA256: Final = Algorithm(id="sha256", kind=Kind.EXACT, bits=256, radius=0)
"""SHA-256 of the file's bytes as they stand."""

PHASH_256: Final = Algorithm(id="phash-256/1", kind=Kind.PERCEPTUAL, bits=256, radius=31)
"""`imagehash.phash(picture, hash_size=16)` of the decoded, upright, flattened picture; imagehash's bit order.

The radius is the one that PDQ's authors publish for 256-bit codes (facebook/ThreatExchange pdq/README.md).
"""

ALGORITHMS: Final = MappingProxyType({algorithm.id: algorithm for algorithm in (SHA256, PHASH_256)})

_SHORT_NAMES: Final = re.compile(r"([adpw]|crop-resistant-)?hash([-_]?64)?(/\d+)?")
_HEX: Final = re.compile(r"[0-9a-fA-F]*")
_SHORT_DIGITS: Final = 16


def parse_code(algorithm: str, hex_text: str) -> bytes:
    """The code that `hex_text` (either case, no separators) spells in the algorithm of that id.

    Raises InvalidInput: `fingerprint_algorithm_unknown`, `fingerprint_too_short` for a 64-bit perceptual
    hash by name or by length, `fingerprint_malformed` for anything else that is not a code.
    """
    if _SHORT_NAMES.fullmatch(algorithm.strip().lower()):
        raise _too_short()
    known = ALGORITHMS.get(algorithm)
    if known is None:
        raise InvalidInput(
            "fingerprint_algorithm_unknown", f"Known fingerprint algorithms: {', '.join(ALGORITHMS)}."
        )
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
        f"unrelated pictures. Send 256 bits ({PHASH_256.id}: imagehash.phash with hash_size=16).",
    )
