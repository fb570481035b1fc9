"""How the index knows a key: by a probe that is searched, and by a check that a hit must equal.

A key with a text (a URL, a place, a picture, an account): probe = xxh3-64 of the text, check = the first 16
bytes of its SHA-256. A file: bytes 0 to 7 of its SHA-256 as a big-endian number, and bytes 8 to 23. A
grantee: likewise of the SHA-256 of its public id behind a name of their own. Probes collide, and can be made
to; only the check says that a key is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from holdout.index.records import TAGS, Kind

_OF_GRANTEES: Final = b"holdout grantee "
"""Stands before the id in what is hashed: no file's or text's key comes out of it."""
_KINDS: Final = {tag: kind for kind, tag in enumerate(TAGS)}


@dataclass(frozen=True, slots=True)
class IndexKeys:
    """Some keys as the index knows them."""

    probe: NDArray[np.uint64]
    check: NDArray[np.uint8]
    """Shape (n, 16)."""
    kind: NDArray[np.uint8]


def text_keys(texts: Sequence[bytes]) -> IndexKeys:
    """The keys with these texts in UTF-8, tag included. KeyError for a text without a known tag."""
    count = len(texts)
    digests = np.frombuffer(b"".join([sha256(text).digest() for text in texts]), dtype=np.uint8)
    return IndexKeys(
        probe=np.fromiter(map(xxh3_64_intdigest, texts), dtype=np.uint64, count=count),
        check=np.ascontiguousarray(digests.reshape(count, 32)[:, :16]),
        kind=np.fromiter((_KINDS[text[:2]] for text in texts), dtype=np.uint8, count=count),
    )


def file_keys(digests: NDArray[np.uint8]) -> IndexKeys:
    """The keys of the files with these SHA-256 digests, uint8 of shape (n, 32)."""
    digests = _rows_of(32, digests)
    return IndexKeys(
        probe=_probes(digests[:, :8]),
        check=np.ascontiguousarray(digests[:, 8:24]),
        kind=np.full(len(digests), Kind.FILE, dtype=np.uint8),
    )


def grantee_keys(public_ids: Sequence[str]) -> IndexKeys:
    """The keys under which the grants to the organisations with these public ids stand."""
    digests = b"".join([sha256(_OF_GRANTEES + one.encode()).digest() for one in public_ids])
    keys = file_keys(np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32))
    return replace(keys, kind=np.full_like(keys.kind, Kind.GRANTEE))


def packed_key(text: str | bytes) -> bytes:
    """The 16 bytes that stand for a key's text on the wire: its probe, big-endian, and half its check.

    For a file they are the first 16 bytes of its SHA-256.
    """
    text = text.encode() if isinstance(text, str) else text
    return xxh3_64_intdigest(text).to_bytes(8, "big") + sha256(text).digest()[:8]


def split_packed(keys: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.uint8]]:
    """The probes and half checks (n, 8) of packed keys, uint8 of shape (n, 16)."""
    keys = _rows_of(16, keys)
    return _probes(keys[:, :8]), np.ascontiguousarray(keys[:, 8:])


def _probes(octets: NDArray[np.uint8]) -> NDArray[np.uint64]:
    return np.ascontiguousarray(octets).view(">u8").reshape(-1).astype(np.uint64)


def _rows_of(width: int, octets: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if octets.dtype != np.uint8 or octets.ndim != 2 or octets.shape[1] != width:
        raise ValueError(f"expected uint8 of shape (n, {width}), got {octets.dtype} {octets.shape}")
    return octets
