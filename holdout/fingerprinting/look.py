"""One file: its fingerprints, or why there are none. It costs its own row, whatever it is."""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from io import BufferedReader
from typing import Final

from holdout.errors import InvalidInput, Unavailable
from holdout.fingerprinting.walk import Found, unreadable
from holdout.fingerprints.formats import sniff
from holdout.fingerprints.limits import MAX_BYTES
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.refusals import refusal
from holdout.fingerprints.sandbox import Sandbox

_EXTRA: Final = ("PIL", "imagehash", "cv2", "iscc_lib")
"""What holdout-registry[pictures] installs."""
_HEAD_BYTES: Final = 256
"""More than `sniff` looks at."""
_TRIES: Final = 3
_PAUSE_SECONDS: Final = 0.5


def can_look() -> bool:
    """Whether what takes fingerprints is installed."""
    return all(map(find_spec, _EXTRA))


def look(found: Found, sandbox: Sandbox) -> PictureFingerprints | None:
    """A picture's fingerprints, to ask with; None for a file that is none and that nobody took for one.

    Raises UnreadablePicture, InvalidInput (`file_unreadable`, `folder_unreadable`, `input_changed`), and
    Unavailable (`sandbox_unavailable`) after some tries.
    """
    data = _read(found)
    return None if data is None else _fingerprinted(data, sandbox)


def digest(found: Found) -> bytes | None:
    """A file's SHA-256, of whatever size; None and errors of reading as `look` has them."""
    with _opened(found) as file:
        if file is None:
            return None
        if not found.is_meant and sniff(file.read(_HEAD_BYTES)) is None:
            return None
        file.seek(0)
        return hashlib.file_digest(file, "sha256").digest()


def _read(found: Found) -> bytes | None:
    """Not more of a file than its beginning, unless it is a picture of a size that is decoded."""
    with _opened(found) as file:
        if file is None:
            return None
        before = os.fstat(file.fileno())
        head = file.read(_HEAD_BYTES)
        is_picture = sniff(head) is not None
        if not is_picture and not found.is_meant:
            return None
        if before.st_size > MAX_BYTES:
            raise refusal("picture_too_large")
        if not is_picture:
            raise refusal("picture_format_unsupported")
        data = head + file.read(MAX_BYTES + 1 - len(head))
        after = os.fstat(file.fileno())
    if (len(data), after.st_size, after.st_mtime_ns) != (found.size, found.size, found.modified_ns):
        raise InvalidInput("input_changed", "The file was changed while it was read; run again.")
    return data


@contextmanager
def _opened(found: Found) -> Iterator[BufferedReader | None]:
    """None for what is no file and was not meant."""
    if found.problem is not None:
        raise found.problem
    if found.size is None:
        if found.is_meant:
            raise InvalidInput("file_unreadable", "This is no file, but a device, a pipe or a socket.")
        yield None
        return
    try:
        with found.path.open("rb") as file:
            yield file
    except OSError as error:
        raise unreadable(error) from error


def _fingerprinted(data: bytes, sandbox: Sandbox) -> PictureFingerprints:
    for number in range(1, _TRIES):
        try:
            return sandbox.fingerprint(data, query=True)
        except Unavailable:  # memory was short, which other children's end mends
            time.sleep(_PAUSE_SECONDS * number)
    return sandbox.fingerprint(data, query=True)
