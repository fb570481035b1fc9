"""Ed25519 signatures, each made for one purpose: what signs a snapshot can be shown as nothing else.

What is signed is not the message alone but `holdout/` + purpose + NUL + message.
"""

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from holdout.errors import InvalidInput

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What checks signatures. Its text is the base64 of its 32 bytes."""

    raw: bytes

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Raises `InvalidInput` (`public_key_malformed`)."""
        raw = _from_base64(text)
        if raw is None:
            raise InvalidInput("public_key_malformed", "A public key is 32 bytes in base64.")
        return cls(raw)

    @property
    def text(self) -> str:
        return base64.b64encode(self.raw).decode()

    @property
    def id(self) -> str:
        """16 hex digits by which a signature names its key."""
        return sha256(self.raw).hexdigest()[:16]

    def verifies(self, signature: bytes, message: bytes, *, purpose: str) -> bool:
        """Whether `signature` was made with this key, for this purpose, over exactly this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, _signed(message, purpose))
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """What makes signatures. Its text is the base64 of its 32 random bytes, and secret."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Raises `InvalidInput` (`signing_key_malformed`), and shows nothing of the text."""
        seed = _from_base64(text)
        if seed is None:
            raise InvalidInput("signing_key_malformed", "A signing key is 32 random bytes in base64.")
        return cls(seed)

    def sign(self, message: bytes, *, purpose: str) -> bytes:
        """64 bytes."""
        return self._key.sign(_signed(message, purpose))


def key_named(key_id: str, keys: Iterable[PublicKey]) -> PublicKey | None:
    """The key with that id."""
    return next((key for key in keys if key.id == key_id), None)


def _signed(message: bytes, purpose: str) -> bytes:
    return b"holdout/" + purpose.encode("ascii") + b"\x00" + message


def _from_base64(text: str) -> bytes | None:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == KEY_BYTES else None
