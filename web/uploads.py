"""How much of an uploaded file is taken in."""

from typing import Final

from django.core.files.uploadhandler import FileUploadHandler

from holdout.fingerprints.limits import MAX_BYTES

_CAP: Final = MAX_BYTES + 1


class CappedUploadHandler(FileUploadHandler):
    """Passes on at most one byte more than a picture may have, and drops the rest as it arrives.

    So a form sees that a file is too large, and nobody fills memory or disk. Stands first in
    FILE_UPLOAD_HANDLERS; the handlers after it store the file.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data[: _CAP - start] if start < _CAP else None

    def file_complete(self, file_size: int) -> None:
        """None: a later handler has the file."""
