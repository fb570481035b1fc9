"""Public ids: a type prefix and 128 random bits, so that neither order nor number can be read from them."""

import base64
import secrets


def new_id(prefix: str) -> str:
    """Such as `stm_3kq5...`: the prefix and 26 lower-case base32 characters."""
    return f"{prefix}_{base64.b32encode(secrets.token_bytes(16)).decode().rstrip('=').lower()}"
