"""Compressed files that are read to their very last byte.

The standard library takes what follows the first stream of a bz2 or xz file, and is no stream, for nothing: a
file of several streams (pbzip2, pixz) with a damaged one would end early and seem whole.
"""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, Final

_STORED_BYTES: Final = 256 * 1024


class _Streams(io.RawIOBase):
    """Stream after stream, decompressed. Raises OSError, LZMAError and EOFError where one is not whole."""

    def __init__(self, stored: BinaryIO, begin: Callable[[], Any], padding: bytes) -> None:
        self._stored, self._begin, self._padding = stored, begin, padding
        self._stream, self._given = begin(), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._stream.eof and not self._next():
                return 0
            given, self._given = self._given, b""
            if self._stream.needs_input and not given:
                given = self._stored.read(_STORED_BYTES)
                if not given:
                    raise EOFError("a compressed stream ends before its end")
            if read := self._stream.decompress(given, len(buffer)):
                buffer[: len(read)] = read
                return len(read)

    def _next(self) -> bool:
        """Begin the stream that follows, if anything but padding does."""
        given = self._stream.unused_data.lstrip(self._padding)
        while not given:
            if not (stored := self._stored.read(_STORED_BYTES)):
                return False
            given = stored.lstrip(self._padding)
        self._stream, self._given = self._begin(), given
        return True


def _bz2(stored: BinaryIO) -> io.BufferedReader:
    return io.BufferedReader(_Streams(stored, bz2.BZ2Decompressor, b""), _STORED_BYTES)


def _xz(stored: BinaryIO) -> io.BufferedReader:
    return io.BufferedReader(
        _Streams(stored, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), b"\0"), _STORED_BYTES
    )


OPENERS: Final[Mapping[str, Callable[[BinaryIO], Any]]] = {
    # It complains of what follows a member by itself, except of zeros, which are padding.
    "gzip": lambda stored: gzip.GzipFile(fileobj=stored),
    "bz2": _bz2,
    "xz": _xz,
}
