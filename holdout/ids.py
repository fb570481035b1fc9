"""Public ids: a type prefix and 128 random bits, so that neither order nor number can be read from them."""

import base64
import re
import secrets
from typing import Final

_PUBLIC_ID: Final = re.compile(r"[a-z]{3}_[a-z2-7]{26}")


def new_id(prefix: str) -> str:
    """Such as `stm_3kq5...`: the prefix and 26 lower-case base32 characters."""
    return id_text(prefix, secrets.token_bytes(16))


def id_text(prefix: str, bits: bytes) -> str:
    """The public id with these 128 bits, as 16 bytes."""
    return f"{prefix}_{base64.b32encode(bits).decode().rstrip('=').lower()}"


def id_bits(public_id: str) -> bytes:
    """The 16 bytes behind a public id; ValueError for what `id_text` never gives."""
    prefix, _, letters = public_id.partition("_")
    bits = base64.b32decode(f"{letters}======".upper())
    # The last letter has two bits to spare, which decoding ignores.
    if id_text(prefix, bits) != public_id:
        raise ValueError(f"{public_id} is no public id")
    return bits


def is_public_id(text: str) -> bool:
    """Whether `text` could be one. What could not is not looked up: a NUL would fail in the database."""
    return _PUBLIC_ID.fullmatch(text) is not None
