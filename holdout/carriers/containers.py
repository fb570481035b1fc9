"""Where an XMP packet lies in a JPEG, PNG or WebP, and how it gets there without touching a pixel.

JPEG and PNG: XMP specification, part 3 (APP1; iTXt `XML:com.adobe.xmp`). WebP: RFC 9649 (`XMP ` chunk).
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from holdout.errors import InvalidInput

_JPEG: Final = b"\xff\xd8\xff"
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_XMP_IN_JPEG: Final = b"http://ns.adobe.com/xap/1.0/\x00"
_MOST_IN_JPEG: Final = 65_502
"""Octets of a packet in one segment (XMP part 3, 1.1.3)."""
_XMP_IN_PNG: Final = b"XML:com.adobe.xmp"
_MOST_UNPACKED: Final = 1 << 20
_MOST_PACKETS: Final = 16
_MOST_PARTS: Final = 100_000
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
_HAS_XMP: Final = 0x04


SIGNED: Final = (
    "This picture carries signed Content Credentials, which a change would break. Say it in them: sign it "
    "anew with the assertion cawg.training-mining."
)


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of a JPEG or a chunk of the others: `file[start:end]`, of which `content` is the inside."""

    kind: bytes
    start: int
    end: int
    content: bytes


def _damaged() -> InvalidInput:
    return InvalidInput(
        "picture_damaged", "The picture's file is damaged; open it in a photo program and save it anew."
    )


@dataclass(frozen=True, slots=True)
class Packets:
    """The XMP packets of a file, of which there should be one."""

    found: tuple[bytes, ...] = ()
    whole: bool = True
    """Whether there are no others: the file is sound, and none was too large or one too many."""


def find_xmp(file: bytes) -> Packets:
    """What XMP stands in a file, as far as it can be walked through. Never raises."""
    found: list[bytes] = []
    room = _MOST_UNPACKED
    try:
        for part in _parts(file):
            packet = _packet(part, most=room)
            if packet is None:
                continue
            room -= len(packet)
            if len(found) == _MOST_PACKETS or room <= 0:
                return Packets(tuple(found), whole=False)
            found.append(packet)
    except InvalidInput:
        # A file of no known kind has none; a damaged one may have had more.
        return Packets(tuple(found), whole=not is_markable(file))
    return Packets(tuple(found))


def is_markable(file: bytes) -> bool:
    """Whether the file is of a kind whose XMP is read and written here."""
    try:
        _kind(file)
    except InvalidInput:
        return False
    return True


def has_manifest(file: bytes) -> bool:
    """Whether a C2PA manifest is in the file, which any change of it would break."""
    if file[4:8] == b"ftyp":
        return b"c2pa" in file
    try:
        return any(_is_manifest(part) for part in _parts(file))
    except InvalidInput:
        return b"jumbf" in file and b"c2pa" in file


def place_xmp(file: bytes, packet: bytes) -> bytes:
    """The file with this packet in the place of any other. All else in it stays, octet by octet.

    Raises `InvalidInput`: `picture_not_markable` (no JPEG, PNG or WebP), `picture_damaged`, `xmp_too_long`
    (JPEG), `picture_has_manifest`.
    """
    if has_manifest(file):
        raise InvalidInput("picture_has_manifest", SIGNED)
    return _kind(file).place(file, packet)


def _parts(file: bytes) -> Iterator[Part]:
    for number, part in enumerate(_kind(file).walk(file)):
        if number >= _MOST_PARTS:
            raise _damaged()
        yield part


def _packet(part: Part, *, most: int) -> bytes | None:
    """The packet in a part, cut at `most` octets; None for a part without one."""
    if part.kind == b"\xe1" and part.content.startswith(_XMP_IN_JPEG):
        return part.content[len(_XMP_IN_JPEG) :]
    if part.kind == b"iTXt" and part.content.startswith(_XMP_IN_PNG + b"\x00"):
        return _unpacked(part.content[len(_XMP_IN_PNG) + 1 :], most=most)
    return part.content if part.kind == b"XMP " else None


def _unpacked(content: bytes, *, most: int) -> bytes | None:
    """What follows the keyword of an iTXt: compressed or not, method, language, keyword, text."""
    compressed, text = content[:1] == b"\x01", content[2:].split(b"\x00", 2)
    if len(text) < 3:
        return None
    if not compressed:
        return text[2]
    unpacking = zlib.decompressobj()
    try:
        return unpacking.decompress(text[2], most)
    except zlib.error:
        return None


def _is_manifest(part: Part) -> bool:
    """JPEG: APP11 with JUMBF; PNG: caBX; WebP: C2PA (C2PA 2.1, appendix A)."""
    is_jumbf = part.kind == b"\xeb" and part.content[:2] == b"JP"
    return part.kind in (b"caBX", b"C2PA") or (is_jumbf and b"c2pa" in part.content)


# --- JPEG --------------------------------------------------------------------------------------------


def _walk_jpeg(file: bytes) -> Iterator[Part]:
    """The segments before the picture itself; fill octets belong to the next."""
    at = 2
    while True:
        start = at
        while file[at : at + 2] == b"\xff\xff":
            at += 1
        if len(file) < at + 4 or file[at] != 0xFF:
            raise _damaged()
        kind = file[at + 1]
        if kind in (0xDA, 0xD9):
            return
        if kind in _STANDALONE:
            at += 2
            continue
        end = at + 2 + int.from_bytes(file[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(file):
            raise _damaged()
        yield Part(bytes([kind]), start, end, file[at + 4 : end])
        at = end


def _place_in_jpeg(file: bytes, packet: bytes) -> bytes:
    if len(packet) > _MOST_IN_JPEG:
        raise InvalidInput("xmp_too_long", "There is no room for more in this JPEG's XMP; save it as PNG.")
    parts = list(_parts(file))
    after = 2
    for part in parts:
        is_exif = part.kind == b"\xe1" and part.content.startswith(b"Exif\x00")
        if part.kind == b"\xe0" or is_exif:
            after = part.end
        else:
            break
    content = _XMP_IN_JPEG + packet
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    return _replaced(file, parts, segment, after)


# --- PNG ---------------------------------------------------------------------------------------------


def _walk_png(file: bytes) -> Iterator[Part]:
    at = len(_PNG)
    while at < len(file):
        if len(file) < at + 12:
            raise _damaged()
        end = at + 12 + int.from_bytes(file[at : at + 4], "big")
        if end > len(file):
            raise _damaged()
        kind = file[at + 4 : at + 8]
        yield Part(kind, at, end, file[at + 8 : end - 4])
        if kind == b"IEND":
            return
        at = end
    raise _damaged()


def _place_in_png(file: bytes, packet: bytes) -> bytes:
    parts = list(_parts(file))
    if parts[0].kind != b"IHDR":
        raise _damaged()
    body = b"iTXt" + _XMP_IN_PNG + b"\x00\x00\x00\x00\x00" + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return _replaced(file, parts, chunk, parts[0].end)


# --- WebP --------------------------------------------------------------------------------------------


def _walk_webp(file: bytes) -> Iterator[Part]:
    whole = 8 + int.from_bytes(file[4:8], "little")
    if whole > len(file):
        raise _damaged()
    at = 12
    while at < whole:
        length = int.from_bytes(file[at + 4 : at + 8], "little")
        end = at + 8 + length + (length & 1)
        if len(file) < at + 8 or at + 8 + length > whole:
            raise _damaged()
        yield Part(file[at : at + 4], at, min(end, whole), file[at + 8 : at + 8 + length])
        at = end


def _place_in_webp(file: bytes, packet: bytes) -> bytes:
    parts = list(_parts(file))
    if not parts:
        raise _damaged()
    if parts[0].kind == b"VP8X":
        header = bytearray(parts[0].content)
        if len(header) != 10:
            raise _damaged()
        header[0] |= _HAS_XMP
        kept = parts[1:]
    else:
        header, kept = bytearray(_extended(parts)), parts
    others = b"".join(file[part.start : part.end] for part in kept if part.kind != b"XMP ")
    body = b"WEBP" + _chunk(b"VP8X", bytes(header)) + others + _chunk(b"XMP ", packet)
    after = file[8 + int.from_bytes(file[4:8], "little") :]
    return b"RIFF" + struct.pack("<I", len(body)) + body + after


def _extended(parts: list[Part]) -> bytes:
    """The content of a VP8X for a file that has none: flags, and the canvas less one (RFC 9649, 2.7)."""
    picture = parts[0]
    if picture.kind == b"VP8L" and len(picture.content) >= 5 and picture.content[0] == 0x2F:
        bits = int.from_bytes(picture.content[1:5], "little")
        width, height, alpha = bits & 0x3FFF, bits >> 14 & 0x3FFF, bits >> 28 & 1
    elif picture.kind == b"VP8 " and picture.content[3:6] == b"\x9d\x01\x2a":
        sides = struct.unpack("<HH", picture.content[6:10])
        width, height, alpha = (sides[0] & 0x3FFF) - 1, (sides[1] & 0x3FFF) - 1, 0
    else:
        raise _damaged()
    if min(width, height) < 0:
        raise _damaged()
    flags = _HAS_XMP | alpha << 4
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) & 1)


# --- all of them -------------------------------------------------------------------------------------


def _replaced(file: bytes, parts: list[Part], new: bytes, at: int) -> bytes:
    """The file without its old packets, and with `new` inserted at `at`."""
    old = [part for part in parts if _packet(part, most=_MOST_UNPACKED) is not None]
    pieces, done = [], 0
    for start, end, inserted in sorted([(p.start, p.end, b"") for p in old] + [(at, at, new)]):
        pieces += [file[done:start], inserted]
        done = max(done, end)
    return b"".join([*pieces, file[done:]])


@dataclass(frozen=True, slots=True)
class _Kind:
    walk: Callable[[bytes], Iterator[Part]]
    place: Callable[[bytes, bytes], bytes]


def _kind(file: bytes) -> _Kind:
    if file.startswith(_JPEG):
        return _Kind(_walk_jpeg, _place_in_jpeg)
    if file.startswith(_PNG):
        return _Kind(_walk_png, _place_in_png)
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return _Kind(_walk_webp, _place_in_webp)
    raise InvalidInput("picture_not_markable", "Only JPEG, PNG and WebP files can be marked; save it as one.")
