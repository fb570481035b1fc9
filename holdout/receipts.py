"""How a record becomes a log entry, and how anybody checks that it did. Pure; needs no server.

A log entry says only a type, a time and a salted commitment: HMAC-SHA-256(salt, RFC 8785 bytes of the
record). Erasing the salt erases the record while proofs over the entry keep holding. Leaf hashes are
those of RFC 9162 section 2.1.1.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any

import rfc8785

from holdout.errors import InvalidInput
from holdout.signing import PublicKey, SigningKey, key_named

RECEIPT_VERSION = 1
_OBSERVATION = "observation"


def canonical_bytes(record: Mapping[str, Any]) -> bytes:
    """The RFC 8785 bytes of a JSON object; the only way in which Holdout serialises what it hashes."""
    return rfc8785.dumps(dict(record))


def commitment(*, salt: bytes, record: Mapping[str, Any]) -> bytes:
    """The 32 bytes that stand in the log for `record`."""
    return hmac.new(salt, canonical_bytes(record), hashlib.sha256).digest()


def entry_bytes(*, entry_type: str, time_ms: int, committed: bytes) -> bytes:
    """The bytes of a log entry."""
    return canonical_bytes({"commitment": committed.hex(), "time_ms": time_ms, "type": entry_type})


def leaf_hash(entry: bytes) -> bytes:
    """RFC 9162 section 2.1.1: SHA-256(0x00 || entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def verify_opening(receipt: Mapping[str, Any]) -> None:
    """Check that the record and salt in a registration receipt open the log entry in it.

    This shows that the entry speaks of this record and no other. That the entry stands in the log is what
    an inclusion proof shows; receipts of version 1 carry none. Raises `InvalidInput` (`receipt_malformed`,
    `receipt_does_not_match`).
    """
    try:
        entry = receipt["entry"]
        committed = commitment(salt=bytes.fromhex(receipt["salt"]), record=receipt["record"])
        leaf = leaf_hash(entry_bytes(entry_type=entry["type"], time_ms=entry["time_ms"], committed=committed))
        said = bytes.fromhex(entry["leaf_hash"])
    except (KeyError, TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise InvalidInput("receipt_malformed", f"This is not a receipt of Holdout ({error!r}).") from error
    if not hmac.compare_digest(leaf, said):
        raise InvalidInput("receipt_does_not_match", "The record in this receipt is not the one in the log.")


def sign_observation(record: Mapping[str, Any], key: SigningKey) -> bytes:
    """The registry's signature over the record of an observation."""
    return key.sign(canonical_bytes(record), purpose=_OBSERVATION)


def verify_observation(signed: Mapping[str, Any], keys: Iterable[PublicKey]) -> None:
    """Check an observation's file: a known key signed its record, and its log entry commits to that record.

    `keys` are those that the registry publishes (`/.well-known/holdout-keys.json`). Raises `InvalidInput`
    (`receipt_malformed`, `receipt_does_not_match`, `signature_unknown_key`, `signature_invalid`).
    """
    try:
        key = key_named(signed["signature"]["key"], keys)
        signature = bytes.fromhex(signed["signature"]["ed25519"])
        message = canonical_bytes(signed["opening"]["record"])
    except (KeyError, TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise InvalidInput("receipt_malformed", f"This is no signed observation ({error!r}).") from error
    if key is None:
        raise InvalidInput("signature_unknown_key", "None of the given keys has made this signature.")
    if not key.verifies(signature, message, purpose=_OBSERVATION):
        raise InvalidInput("signature_invalid", "The signature is not over this record.")
    verify_opening(signed["opening"])
