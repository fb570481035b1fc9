"""Reading request bodies within a limit, as they stream in."""

import zlib
from collections.abc import Iterator

from django.http import UnreadablePostError
from rest_framework.request import Request

from holdout.errors import HoldoutError, InvalidInput

_PART = 1024 * 1024


class LengthRequired(HoldoutError):
    """The body's length is not announced, and a server behind WSGI cannot read it otherwise."""

    http_status = 411


class TooLarge(InvalidInput):
    """The body is larger than the call takes."""

    http_status = 413


class UnsupportedMediaType(InvalidInput):
    """The body is of a kind that the call does not read."""

    http_status = 415


def read_body(request: Request, *, max_bytes: int) -> bytes:
    """The body as it was before `Content-Encoding: gzip`; no more than `max_bytes` of it are ever unpacked.

    Raises what `stream_body` raises, `UnsupportedMediaType` (`encoding_unknown`), `TooLarge` for what unpacks
    to more, and `InvalidInput` (`body_damaged`) for what is no gzip.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    body = b"".join(stream_body(request, max_bytes=max_bytes))
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnsupportedMediaType(
            "encoding_unknown", "Send the body as it is, or with Content-Encoding: gzip."
        )
    return _unpacked(body, max_bytes)


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacking.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise InvalidInput("body_damaged", f"The body is no gzip: {error}.") from error
    if len(unpacked) > max_bytes:
        raise _too_large(max_bytes)
    if not unpacking.eof or unpacking.unused_data:
        raise InvalidInput("body_damaged", "The body is not one whole gzip stream.")
    return unpacked


def stream_body(request: Request, *, max_bytes: int) -> Iterator[bytes]:
    """The body in parts, whole: a call that ends early raises `InvalidInput` (`body_incomplete`).

    Raises `LengthRequired`, and `TooLarge` before anything is read.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in request.META or not (announced.isascii() and announced.isdigit()):
        raise LengthRequired("length_required", "Send a Content-Length header (a file, not a stream).")
    if int(announced) > max_bytes:
        raise _too_large(max_bytes)
    return _whole(request, int(announced))


def _whole(request: Request, announced: int) -> Iterator[bytes]:
    missing = announced
    try:
        while part := request._request.read(_PART):
            missing -= len(part)
            yield part
    except UnreadablePostError as error:
        raise InvalidInput("body_incomplete", "The connection broke before the whole body came.") from error
    if missing:
        raise InvalidInput("body_incomplete", f"{missing} bytes of the announced body did not come.")


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge("body_too_large", f"Send at most {max_bytes} bytes a call.")


def media_type(request: Request) -> str:
    """The body's media type without parameters, in lower case."""
    return (request.content_type or "").partition(";")[0].strip().lower()
