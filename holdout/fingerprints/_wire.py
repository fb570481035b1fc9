"""The bytes between the sandbox's parent, its zygote and its children.

Never pickle: the parent reads what a child wrote that may by then belong to the picture.

    parent -> child    query (1 byte), length (4), the file
    child -> parent    0, the fingerprints as `PictureFingerprints.to_bytes` writes them
                       1, refusal code in ASCII
    zygote -> parent   after the child is dead, on the same socket: "end:", wait status (4), peak KiB (8)
"""

import struct
from dataclasses import dataclass
from typing import Final

from holdout.errors import InvalidInput, UnreadablePicture
from holdout.fingerprints.limits import MAX_FINGERPRINT_BYTES
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.refusals import refusal

READY: Final = b"R"
"""What a zygote says on its control socket once it is warm."""

NOT_STARTED: Final = -1
"""Wait status of a child that could not be forked."""

_REQUEST: Final = struct.Struct("<?I")
_TRAILER: Final = struct.Struct("<4siQ")
_END: Final = b"end:"
_FINGERPRINTS: Final = b"\0"
_REFUSED: Final = b"\1"

MAX_REPORT_BYTES: Final = len(_FINGERPRINTS) + MAX_FINGERPRINT_BYTES + _TRAILER.size
"""No honest report is longer."""


@dataclass(frozen=True, slots=True)
class ChildReport:
    """How one child ended: what it wrote, its wait status, its peak resident memory (bytes)."""

    answer: bytes
    wait_status: int
    peak_bytes: int


def pack_request(data: bytes, *, query: bool) -> bytes:
    """What precedes the file's bytes on the way to the child."""
    return _REQUEST.pack(query, len(data))


def unpack_request(request: bytes) -> tuple[bytes, bool]:
    """The file and whether it is a query; ValueError if the sender stopped half-way."""
    if len(request) < _REQUEST.size:
        raise ValueError("incomplete request")
    query, length = _REQUEST.unpack_from(request)
    data = request[_REQUEST.size :]
    if len(data) != length:
        raise ValueError("incomplete request")
    return data, query


def pack_fingerprints(found: PictureFingerprints) -> bytes:
    """The child's answer for a picture that it could read."""
    return _FINGERPRINTS + found.to_bytes()


def pack_refusal(error: UnreadablePicture) -> bytes:
    """The child's answer for a picture that it refuses."""
    return _REFUSED + error.code.encode("ascii")


def unpack_answer(answer: bytes, *, query: bool) -> PictureFingerprints:
    """The child's answer to a request with that `query`.

    Raises the UnreadablePicture that it reports; ValueError for what an honest child does not write.
    """
    kind, body = answer[:1], answer[1:]
    if kind == _REFUSED:
        raise _reported(body)
    if kind != _FINGERPRINTS:
        raise ValueError("no answer")
    try:
        found = PictureFingerprints.from_bytes(body)
    except InvalidInput as error:
        raise ValueError("implausible answer") from error
    if found.is_query is not query:
        raise ValueError("the answer to another question")
    return found


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
