"""The bytes between the sandbox's parent, its zygote and its children.

Fixed layouts, never pickle: the parent reads what a child wrote that may by then belong to the picture.

    parent -> child    orientations (1 byte), length (4), the file
    child -> parent    0, format, usable, width (4), height (4), sha256 (32), no, one or eight codes (32 each)
                       1, refusal code in ASCII
    zygote -> parent   after the child is dead, on the same socket: "end:", wait status (4), peak KiB (8)
"""

import struct
from dataclasses import dataclass
from typing import Final

from holdout.errors import UnreadablePicture
from holdout.fingerprints.limits import FORMATS, MAX_PIXELS
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.refusals import refusal

READY: Final = b"R"
"""What a zygote says on its control socket once it is warm."""

NOT_STARTED: Final = -1
"""Wait status of a child that could not be forked."""

MAX_REPORT_BYTES: Final = 4096
"""No honest report comes near it."""

_REQUEST: Final = struct.Struct("<?I")
_PICTURE: Final = struct.Struct("<BB?II32s")
_TRAILER: Final = struct.Struct("<4siQ")
_END: Final = b"end:"
_CODE_BYTES: Final = 32
_FINGERPRINTS, _REFUSED = 0, 1


@dataclass(frozen=True, slots=True)
class ChildReport:
    """How one child ended: what it wrote, its wait status, its peak resident memory (bytes)."""

    answer: bytes
    wait_status: int
    peak_bytes: int


def pack_request(data: bytes, *, orientations: bool) -> bytes:
    """What precedes the file's bytes on the way to the child."""
    return _REQUEST.pack(orientations, len(data))


def unpack_request(request: bytes) -> tuple[bytes, bool]:
    """The file and whether orientations are wanted; ValueError if the sender stopped half-way."""
    if len(request) < _REQUEST.size:
        raise ValueError("incomplete request")
    orientations, length = _REQUEST.unpack_from(request)
    data = request[_REQUEST.size :]
    if len(data) != length:
        raise ValueError("incomplete request")
    return data, orientations


def pack_fingerprints(found: PictureFingerprints) -> bytes:
    """The child's answer for a picture that it could read."""
    kind = FORMATS.index(found.format)
    head = _PICTURE.pack(_FINGERPRINTS, kind, found.usable, found.width, found.height, found.sha256)
    single = (found.phash,) if found.phash is not None else ()
    return head + b"".join(found.orientations or single)


def pack_refusal(error: UnreadablePicture) -> bytes:
    """The child's answer for a picture that it refuses."""
    return bytes([_REFUSED]) + error.code.encode("ascii")


def unpack_answer(answer: bytes, *, orientations: bool) -> PictureFingerprints:
    """The child's answer to a request with that `orientations`.

    Raises the UnreadablePicture that it reports; ValueError for what an honest child does not write.
    """
    if answer[:1] == bytes([_REFUSED]):
        raise _reported(answer[1:])
    if len(answer) < _PICTURE.size:
        raise ValueError("short answer")
    status, kind, usable, width, height, sha256 = _PICTURE.unpack_from(answer)
    codes = _codes(answer[_PICTURE.size :])
    expected = 0 if not usable else 8 if orientations else 1
    plausible = status == _FINGERPRINTS and kind < len(FORMATS) and 0 < width * height <= MAX_PIXELS
    if not plausible or len(codes) != expected:
        raise ValueError("implausible answer")
    return PictureFingerprints(
        sha256=sha256,
        phash=codes[0] if codes else None,
        orientations=codes if orientations else (),
        width=width,
        height=height,
        format=FORMATS[kind],
        usable=usable,
    )


def pack_trailer(*, wait_status: int, peak_kib: int) -> bytes:
    """The zygote's last word about a child."""
    return _TRAILER.pack(_END, wait_status, peak_kib)


def unpack_report(received: bytes) -> ChildReport | None:
    """All that came over one picture's socket; None if the zygote's last word is missing."""
    if len(received) < _TRAILER.size:
        return None
    mark, wait_status, peak_kib = _TRAILER.unpack(received[-_TRAILER.size :])
    if mark != _END:
        # The zygote died after the child had answered.
        return None
    return ChildReport(received[: -_TRAILER.size], wait_status, peak_kib * 1024)


def _reported(code: bytes) -> UnreadablePicture:
    try:
        return refusal(code.decode("ascii"))
    except KeyError as error:
        raise ValueError("unknown refusal") from error


def _codes(tail: bytes) -> tuple[bytes, ...]:
    if len(tail) % _CODE_BYTES:
        raise ValueError("broken codes")
    return tuple(tail[at : at + _CODE_BYTES] for at in range(0, len(tail), _CODE_BYTES))
