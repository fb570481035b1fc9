"""The bytes of a snapshot file: a signed header, and the sections that it commits to.

    8 bytes    HOSNAP1 and a newline
    4 bytes    length of the header, little-endian
    header     RFC 8785 JSON
    64 bytes   Ed25519 signature over the header (`holdout.signing`, purpose `snapshot/1`)
    sections   prefixes and codes of the entries to set, prefixes to remove; as the header describes them

A base and a delta differ in one thing: what they start from. A base changes nothing (version 0) into its
state. Nothing of a file is believed before its signature and the digest of every section have been checked.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from holdout.errors import SnapshotRefused
from holdout.receipts import canonical_bytes
from holdout.signing import SIGNATURE_BYTES, PublicKey, SigningKey, key_named
from holdout.snapshot.codes import is_code
from holdout.snapshot.rice import PREFIX_BITS, Coded, Malformed, block_count, decode, encode
from holdout.snapshot.state import Change, State

FORMAT: Final = 1
PURPOSE: Final = "snapshot/1"
_MAGIC: Final = b"HOSNAP1\n"
_MAX_HEADER: Final = 64 * 1024
_LENGTH: Final = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself."""

    version: int
    since: int
    """The version that it changes; 0 for a base."""
    created: datetime
    expires: datetime
    log_index: int
    """It holds what the declarations log says up to here."""
    hosts: int
    """Version of the host table with which picture and account keys were made."""
    prefixes: int
    """Entries of the whole state, after the change."""
    digest: bytes
    """Of the whole state, after the change (`State.digest`)."""


@dataclass(frozen=True, slots=True)
class _Section:
    """A run of bytes: `count` numbers coded with `k` (None: `count` bytes by zlib)."""

    count: int
    k: int | None
    bytes: int
    sha256: str

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        section = cls(**said)
        if min(section.count, section.k or 0, section.bytes) < 0:
            raise ValueError("a section cannot be that short")
        return section


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """A file whose signature and sections are sound."""

    header: Header
    _sections: tuple[tuple[_Section, memoryview], ...]

    def change(self) -> Change:
        """What the file changes. Raises `SnapshotRefused` (`snapshot_damaged`)."""
        prefixes, codes, removed = self._sections
        try:
            entries = State(_numbers(*prefixes), _octets(*codes))
            gone = _numbers(*removed)
        except (Malformed, ValueError, zlib.error) as error:
            raise damaged("its entries cannot be decoded") from error
        if len(entries.prefix) != len(entries.code) or not is_code(entries.code):
            raise damaged("its codes are not codes")
        return Change(entries, gone)


def snapshot_file(header: Header, change: Change, *, key: SigningKey) -> bytes:
    """The bytes of a file with that header, which says what is so after `change`."""
    bodies = [
        _coded(change.entries.prefix),
        (len(change.entries), None, zlib.compress(change.entries.code.tobytes(), 6)),
        _coded(change.removed),
    ]
    said = {
        "format": FORMAT,
        "key": key.public.id,
        "prefix_bits": PREFIX_BITS,
        **_header_json(header),
        "sections": [
            {"count": count, "k": k, "bytes": len(body), "sha256": sha256(body).hexdigest()}
            for count, k, body in bodies
        ],
    }
    head = canonical_bytes(said)
    signature = key.sign(head, purpose=PURPOSE)
    return b"".join([_MAGIC, _LENGTH.pack(len(head)), head, signature, *(body for *_, body in bodies)])


def read_snapshot_file(content: bytes | memoryview, *, public_keys: Iterable[PublicKey]) -> SnapshotFile:
    """Check a file against the keys that are trusted; any of them may have signed it.

    Raises `SnapshotRefused`: `snapshot_untrusted` (no signature of these keys), `snapshot_damaged`,
    `snapshot_format_unknown` (signed, and of a format that this library does not know).
    """
    view = memoryview(content)
    head, signature, rest = _split(view)
    try:
        said = json.loads(head)
        key_id = str(said["key"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged("its header cannot be read") from error
    key = key_named(key_id, public_keys)
    if key is None or not key.verifies(signature, head, purpose=PURPOSE):
        raise SnapshotRefused("snapshot_untrusted", "The snapshot is not signed by a key that you trust.")
    if (said.get("format"), said.get("prefix_bits")) != (FORMAT, PREFIX_BITS):
        raise SnapshotRefused(
            "snapshot_format_unknown", "The snapshot is of a later format; update the holdout library."
        )
    try:
        header = _header(said)
        sections = [_Section.from_json(section) for section in said["sections"]]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged("its header lacks something") from error
    return SnapshotFile(header, _cut(sections, rest))


def damaged(why: str) -> SnapshotRefused:
    return SnapshotRefused("snapshot_damaged", f"The snapshot is damaged ({why}); fetch it again.")


def _split(view: memoryview) -> tuple[bytes, bytes, memoryview]:
    start = len(_MAGIC) + _LENGTH.size
    if len(view) < start or bytes(view[: len(_MAGIC)]) != _MAGIC:
        raise damaged("it is no snapshot")
    (length,) = _LENGTH.unpack(view[len(_MAGIC) : start])
    end = start + length + SIGNATURE_BYTES
    if length > _MAX_HEADER or end > len(view):
        raise damaged("its header is not whole")
    return bytes(view[start : start + length]), bytes(view[start + length : end]), view[end:]


def _cut(sections: list[_Section], rest: memoryview) -> tuple[tuple[_Section, memoryview], ...]:
    if len(sections) != 3 or sum(section.bytes for section in sections) != len(rest):
        raise damaged("it is not whole")
    parts = []
    for section in sections:
        part, rest = rest[: section.bytes], rest[section.bytes :]
        if sha256(part).hexdigest() != section.sha256:
            raise damaged("a section is not what was signed")
        parts.append((section, part))
    return tuple(parts)


def _header_json(header: Header) -> dict[str, Any]:
    said = {field.name: getattr(header, field.name) for field in fields(header)}
    return said | {
        "created": header.created.astimezone(UTC).isoformat(),
        "expires": header.expires.astimezone(UTC).isoformat(),
        "digest": header.digest.hex(),
    }


def _header(said: Mapping[str, Any]) -> Header:
    numbers = {name: said[name] for name in ("version", "since", "log_index", "hosts", "prefixes")}
    if not all(type(number) is int for number in numbers.values()):
        raise ValueError("a number is none")
    return Header(
        **numbers,
        created=_time(said["created"]),
        expires=_time(said["expires"]),
        digest=bytes.fromhex(said["digest"]),
    )


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("a time without a zone")
    return time


def _coded(numbers: NDArray[np.uint64]) -> tuple[int, int, bytes]:
    coded = encode(numbers)
    words = (coded.first, coded.offset, coded.words)
    return coded.count, coded.k, b"".join(part.astype("<u8").tobytes() for part in words)


def _numbers(section: _Section, body: memoryview) -> NDArray[np.uint64]:
    words = np.frombuffer(body, dtype="<u8").astype(np.uint64, copy=False)
    blocks = block_count(section.count)
    if section.k is None or len(words) < 2 * blocks + 1:
        raise Malformed("a section is too short")
    first, offset, rest = words[:blocks], words[blocks : 2 * blocks + 1], words[2 * blocks + 1 :]
    return decode(Coded(section.count, section.k, first, offset, rest))


def _octets(section: _Section, body: memoryview) -> NDArray[np.uint8]:
    packed = zlib.decompressobj()
    octets = packed.decompress(body, section.count + 1)
    if section.k is not None or len(octets) != section.count or not packed.eof or packed.unused_data:
        raise ValueError("codes of another length")
    return np.frombuffer(octets, dtype=np.uint8)
