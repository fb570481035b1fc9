"""The files to screen: found by name, by pattern or in a folder, on this machine or in a store (`s3://`)."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Final

import fsspec

from holdout.errors import InvalidInput


class Format(StrEnum):
    """How a file holds its rows."""

    PARQUET = "parquet"
    CSV = "csv"
    NDJSON = "ndjson"
    TEXT = "text"
    """A URL a line."""


_ENDINGS: Final = {
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
    ".csv": Format.CSV,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".txt": Format.TEXT,
}
_COMPRESSED: Final = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz"}
_MAGIC: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Input:
    """One file, as it was when the run began."""

    url: str
    """An absolute path on this machine, or a URL that fsspec opens."""
    size: int
    version: str
    """Changes when the file does: its size with its ETag or the time of its last change."""
    format: Format | None
    """None where a pattern found it and its name does not tell."""
    compression: str | None = None

    @property
    def id(self) -> str:
        """Readable, and different for different files: the name's beginning and a digest of all of it."""
        stem = PurePosixPath(self.url).name.split(".")[0][:60] or "input"
        return f"{stem}-{hashlib.sha256(self.url.encode()).hexdigest()[:12]}"

    @property
    def is_local(self) -> bool:
        return "://" not in self.url

    def open(self) -> Any:
        """A binary file, as it is stored."""
        if self.is_local:
            return open(self.url, "rb")  # noqa: PTH123 - the caller closes it
        filesystem, path = fsspec.core.url_to_fs(self.url)
        # Parquet's reader asks for the ranges it wants; a cache would fetch what lies between them too.
        return filesystem.open(
            path, "rb", cache_type="none" if self.format is Format.PARQUET else "readahead"
        )

    def current_version(self) -> str | None:
        """What `version` would be now; None where the file is gone."""
        filesystem, path = fsspec.core.url_to_fs(self.url)
        try:
            filesystem.invalidate_cache()
            return _version(filesystem.info(path))
        except FileNotFoundError:
            return None


def find_inputs(patterns: Iterable[str], *, only: Format | None = None) -> list[Input]:
    """Files by path, URL or glob, and all files of known endings below a folder; each once, by name.

    What a glob finds and nobody can read is an input too, so that it is reported. What lies below a name
    that begins with a dot or an underline is none. `only` says what they are, whatever their names.
    Raises `InvalidInput` (`input_missing`, `input_format_unknown`, `store_unknown`).
    """
    found: dict[str, Input] = {}
    for pattern in patterns:
        for one in _found(pattern, only):
            found.setdefault(one.url, one)
    return sorted(found.values(), key=lambda one: one.url)


def _found(pattern: str, only: Format | None) -> list[Input]:
    try:
        filesystem, path = fsspec.core.url_to_fs(pattern)
    except (ValueError, ImportError) as error:
        raise InvalidInput("store_unknown", f"Cannot open {pattern}: {error}.") from error
    try:
        if filesystem.isfile(path):
            one = _input(filesystem, filesystem.info(path), only)
            if one.format is None:
                raise format_unknown(one.url)
            return [one]
        is_pattern = bool(_MAGIC & set(path))
        listed = _matching(filesystem, path) if is_pattern else _below(filesystem, path)
    except (OSError, PermissionError) as error:
        raise InvalidInput("input_missing", f"Cannot look for {pattern}: {error}.") from error
    wanted = [info for info in listed if is_pattern or only or _format_of(info["name"])[0]]
    if not wanted:
        raise InvalidInput("input_missing", f"There is no file {pattern} that can be screened.")
    return [_input(filesystem, info, only) for info in wanted]


def _matching(filesystem: Any, pattern: str) -> list[dict[str, Any]]:
    parts = pattern.split("/")
    first = next(number for number, part in enumerate(parts) if _MAGIC & set(part))
    files = _files(filesystem.glob(pattern, detail=True))
    if any(_is_hidden(part) for part in parts[first:]):
        return files  # they are what is asked for
    return _shown(files, "/".join(parts[:first]))


def _below(filesystem: Any, path: str) -> list[dict[str, Any]]:
    if not filesystem.isdir(path):
        return []
    return _shown(_files(filesystem.find(path, detail=True)), path)


def _files(listed: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [info for info in listed.values() if info["type"] == "file"]


def _shown(files: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """Without what is hidden below `folder`: tables keep logs and half-written files under such names."""
    below = ((info, info["name"].removeprefix(folder).split("/")) for info in files)
    return [info for info, parts in below if not any(map(_is_hidden, parts))]


def _is_hidden(part: str) -> bool:
    return part.startswith((".", "_"))


def format_unknown(name: str) -> InvalidInput:
    return InvalidInput(
        "input_format_unknown",
        f"Cannot tell what {name} is; name it with --format, one of {', '.join(Format)}.",
    )


def _input(filesystem: Any, info: dict[str, Any], only: Format | None) -> Input:
    named, compression = _format_of(info["name"])
    kind = only or named
    is_local = "file" in _protocols(filesystem)
    return Input(
        url=info["name"] if is_local else filesystem.unstrip_protocol(info["name"]),
        size=int(info["size"] or 0),
        version=_version(info),
        format=kind,
        compression=None if kind is Format.PARQUET else compression,
    )


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)


def _version(info: dict[str, Any]) -> str:
    changed = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or ""
    return f"{info['size']}:{str(changed).strip(chr(34))}"


def _format_of(name: str) -> tuple[Format | None, str | None]:
    path = PurePosixPath(name.lower())
    compression = _COMPRESSED.get(path.suffix)
    if compression:
        path = path.with_suffix("")
    return _ENDINGS.get(path.suffix), compression
