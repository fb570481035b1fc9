"""The format of API keys. Pure.

`ho_live_` + 30 base62 characters (178 random bits) + 6 base62 characters of CRC-32 over what stands before
them, so that a scanner can tell a real key from a look-alike without asking anybody. A random key of that
length needs no slow hash: SHA-256 is stored.
"""

import hashlib
import secrets
import string
import zlib
from typing import Final

PREFIX: Final = "ho_live_"
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH: Final = 30
_CHECKSUM_LENGTH: Final = 6


def new_key() -> str:
    """A fresh key; show it once, store `digest(key)`."""
    body = PREFIX + "".join(secrets.choice(_BASE62) for _ in range(_RANDOM_LENGTH))
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether the prefix, the length and the checksum fit; says nothing about whether the key is known."""
    body, checksum = key[:-_CHECKSUM_LENGTH], key[-_CHECKSUM_LENGTH:]
    return (
        key.isascii()
        and key.startswith(PREFIX)
        and len(key) == len(PREFIX) + _RANDOM_LENGTH + _CHECKSUM_LENGTH
        and secrets.compare_digest(checksum, _checksum(body))
    )


def digest(key: str) -> bytes:
    """What is stored of a key: 32 bytes."""
    return hashlib.sha256(key.encode()).digest()


def _checksum(body: str) -> str:
    value, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM_LENGTH):
        value, digit = divmod(value, 62)
        digits = _BASE62[digit] + digits
    return digits
