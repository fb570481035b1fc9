"""Public ids: a type prefix and 128 random bits, so that neither order nor number can be read from them."""

import base64
import re
import secrets
from typing import Final

_PUBLIC_ID: Final = re.compile(r"[a-z]{3}_[a-z2-7]{26}")


def new_id(prefix: str) -> str:
    """Such as `stm_3kq5...`: the prefix and 26 lower-case base32 characters."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(16)).decode().rstrip('=').lower()}"


def is_public_id(text: str) -> bool:
    """Whether `text` could be one. What could not is not looked up: a NUL would fail in the database."""
    return _PUBLIC_ID.fullmatch(text) is not None
