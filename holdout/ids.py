"""Public ids: a type prefix and 128 random bits, so that neither order nor number can be read from them."""

import base64
import re
import secrets
from typing import Final

from holdout.errors import InvalidInput

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


_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_MISREAD: Final = str.maketrans("018", "OIB")
_NUMBER_LETTERS: Final = 10


def registration_number(public_id: str) -> str:
    """A statement's id as a person types it: its first 50 bits and a letter that tells most slips apart.

    Such as `K7QF3-M2XAB-T`. Among 40 million statements two share them with even odds.
    """
    letters = public_id.partition("_")[2][:_NUMBER_LETTERS].upper()
    return f"{letters[:5]}-{letters[5:]}-{_check(letters)}"


def number_letters(typed: str) -> str:
    """The letters with which the statement's id goes on after its prefix, in lower case.

    Case, blanks and dashes do not matter; 0, 1 and 8, which no number has, are read as O, I and B. Raises
    `InvalidInput` (`number_malformed`).
    """
    bare = "".join(c for c in typed.upper() if c.isalnum()).translate(_MISREAD)
    letters, check = bare[:_NUMBER_LETTERS], bare[_NUMBER_LETTERS:]
    if len(bare) != _NUMBER_LETTERS + 1 or not set(bare) <= set(_LETTERS) or _check(letters) != check:
        raise InvalidInput("number_malformed", "This is no registration number; look for a slip in typing.")
    return letters.lower()


def _check(letters: str) -> str:
    """Weighted by position: no single letter mistaken for another goes unnoticed, and no two exchanged, but
    A for 7.
    """
    return _LETTERS[sum(at * _LETTERS.index(letter) for at, letter in enumerate(letters, 1)) % 31]
