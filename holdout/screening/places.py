"""Where results are written: a folder on this machine, or a prefix in a store that fsspec knows.

A file is there whole or not at all, under its name.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import fsspec

from holdout.errors import InvalidInput


class OutputFailed(OSError):
    """Results cannot be written, which no other input will change."""


class Place:
    """A folder for results. Names are relative, with slashes."""

    def __init__(self, url: str) -> None:
        """Raises `InvalidInput` (`store_unknown`)."""
        try:
            self._filesystem: Any
            self._filesystem, self._root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise InvalidInput("store_unknown", f"Cannot open {url}: {error}.") from error
        self.url = url
        protocol = self._filesystem.protocol
        self.is_local = "file" in ((protocol,) if isinstance(protocol, str) else protocol)

    def path(self, name: str) -> Path:
        """Where `name` is on this machine; only for a local place."""
        return Path(self._root) / name

    def write(self, name: str, content: bytes) -> None:
        """Raises OSError of the disk or the store."""
        with self.file(name) as path:
            path.write_bytes(content)

    @contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """A path to write to; on leaving without an error its content is `name`, otherwise it is gone."""
        if not self.is_local:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "part"
                yield path
                self._filesystem.put_file(str(path), self._name(name))
            return
        target = self.path(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Named by the process: two that race each write their own.
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            yield part
            durable_replace(part, target)
        finally:
            part.unlink(missing_ok=True)

    def read(self, name: str) -> bytes | None:
        """None where there is no such file."""
        try:
            content: bytes = self._filesystem.cat_file(self._name(name))
        except FileNotFoundError:
            return None
        return content

    def size(self, name: str) -> int | None:
        """None where there is no such file."""
        try:
            return int(self._filesystem.size(self._name(name)))
        except FileNotFoundError:
            return None

    def names(self, folder: str) -> list[str]:
        """The files of a folder, in order; none where there is no such folder."""
        self._filesystem.invalidate_cache()
        with suppress(FileNotFoundError):
            found = self._filesystem.ls(self._name(folder), detail=False)
            named = (str(path).rstrip("/").rpartition("/")[2] for path in found)
            return sorted(f"{folder}/{name}" for name in named if name and not name.startswith("."))
        return []

    def delete(self, name: str) -> None:
        """Doing it twice is harmless."""
        with suppress(FileNotFoundError):
            self._filesystem.rm_file(self._name(name))

    def _name(self, name: str) -> str:
        return f"{self._root}/{name}"


def durable_replace(part: Path, target: Path) -> None:
    """`part` becomes `target`, and is on disk when this returns."""
    descriptor = os.open(part, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
