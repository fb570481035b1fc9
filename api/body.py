"""Reading request bodies within a limit, as they stream in."""

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


def stream_body(request: Request, *, max_bytes: int) -> Iterator[bytes]:
    """The body in parts, whole: a call that ends early raises `InvalidInput` (`body_incomplete`).

    Raises `LengthRequired`, and `TooLarge` before anything is read.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" in request.META or not (announced.isascii() and announced.isdigit()):
        raise LengthRequired("length_required", "Send a Content-Length header (a file, not a stream).")
    if int(announced) > max_bytes:
        raise TooLarge("body_too_large", f"Send at most {max_bytes} bytes a call.")
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


def media_type(request: Request) -> str:
    """The body's media type without parameters, in lower case."""
    return (request.content_type or "").partition(";")[0].strip().lower()
