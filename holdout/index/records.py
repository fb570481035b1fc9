"""What the index holds for one key: a record for each statement about it."""

from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

RECORD: Final[np.dtype[np.void]] = np.dtype(
    {
        "names": ["statement", "declarant", "declared_at", "said", "assurance", "flags", "kind"],
        "formats": ["V16", "V16", "<i8", "<u2", "u1", "u1", "u1"],
        "offsets": [0, 16, 32, 40, 42, 43, 44],
        "itemsize": 48,
    }
)
"""One statement about one key, 48 bytes.

`statement` and `declarant` are the random bits of public ids (`holdout.ids`), `declared_at` is a log index,
`said` what `holdout.index.said` makes of the preferences, `assurance` that of the declarant for this key,
`flags` are `VOUCHED` and `DISPUTED`, `kind` is the `Kind` of the key, the same in all its records.
"""

GRANT: Final[np.dtype[np.void]] = np.dtype(
    {
        "names": ["grant", "declarant", "expires", "uses", "kind"],
        "formats": ["V16", "V16", "<i8", "<u2", "u1"],
        "offsets": [0, 16, 32, 40, 44],
        "itemsize": RECORD.itemsize,
    }
)
"""What the table of grants keeps in the same 48 bytes: one grant to one organisation.

`grant` and `declarant` are the random bits of public ids, `expires` is in unix seconds, `uses` has a bit for
each granted use in the order of `UsageCategory`, the first use lowest.
"""

VOUCHED: Final = 1
"""Flag: may only restrict: declared for somebody else, or on a file that is not proven well enough."""
DISPUTED: Final = 2
"""Flag: keeps its restrictions and loses its permissions."""

Records = NDArray[np.void]
"""An array of `RECORD`."""


class Kind(IntEnum):
    """What a key is, as one byte."""

    URL = 0
    PATH = 1
    HOST = 2
    DOMAIN = 3
    PICTURE = 4
    """A picture of a known image host, whatever its size or signature."""
    ACCOUNT = 5
    """An account on a platform."""
    FILE = 6
    """The SHA-256 of a file's bytes."""
    GRANTEE = 7
    """An organisation to which something is granted; no picture has such a key."""


TAGS: Final = (b"u ", b"p ", b"h ", b"d ", b"k ", b"a ")
"""By kind: what a key's text begins with. A file and a grantee have no text."""

RANKS: Final[NDArray[np.int64]] = np.zeros(256, dtype=np.int64)
"""By kind: how specific it is among the keys of one URL, larger is more; the longer text decides equals."""
RANKS[[Kind.DOMAIN, Kind.HOST, Kind.ACCOUNT, Kind.PATH]] = [0, 1, 2, 3]
RANKS[[Kind.URL, Kind.PICTURE, Kind.FILE]] = 4
RANKS.setflags(write=False)

_ALPHABET: Final = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)
_FIVE_BITS: Final = np.array([16, 8, 4, 2, 1], dtype=np.uint8)


def opaque(array: NDArray[Any]) -> NDArray[np.void]:
    """The same memory as elements without fields: numpy moves those ten times faster than records."""
    return array.view(f"V{array.dtype.itemsize}")


def public_ids(prefix: str, bits: NDArray[np.void]) -> list[str]:
    """The public ids behind the 16 random bytes each of a `statement` or `declarant` column.

    What `holdout.ids.id_text` gives one by one.
    """
    octets = np.ascontiguousarray(bits).view(np.uint8).reshape(-1, 16)
    unpacked = np.zeros((len(octets), 130), dtype=np.uint8)
    unpacked[:, :128] = np.unpackbits(octets, axis=1)
    letters = _ALPHABET[unpacked.reshape(-1, 26, 5) @ _FIVE_BITS]
    text = letters.tobytes().decode()
    return [f"{prefix}_{text[i : i + 26]}" for i in range(0, len(text), 26)]
