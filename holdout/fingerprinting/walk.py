"""The files below some folders, each folder once, always in the same order."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from holdout.errors import InvalidInput

_ENDINGS: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif"),
    # What nobody decodes here is a picture all the same: it must not be passed over in silence.
    *(".heic", ".heif", ".tif", ".tiff", ".bmp", ".jp2", ".jxl", ".psd"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A file, as it was when it was found, or a folder that could not be read (`problem`).

    `size` and `modified_ns` are None for what is no regular file.
    """

    path: Path
    name: str
    """As it is written down: relative to the folder that was given, with slashes."""
    is_meant: bool
    """It was named, by a pattern too, or its ending is a picture's: if it is none, that is an error."""
    size: int | None = None
    modified_ns: int | None = None
    problem: InvalidInput | None = None


def walk(paths: Sequence[Path], *, only: Sequence[str] = ()) -> Iterator[Found]:
    """The files that are named, and those below folders, in the order of their names' bytes.

    Names that begin with a dot are passed over, and with `only` those that match none of these patterns (in
    any case; one with a slash is compared with the whole name). Links are followed, to each folder once.
    """
    seen: set[tuple[int, int]] = set()
    wanted = [pattern.lower() for pattern in only]
    for path in paths:
        itself = _stat(path)
        if isinstance(itself, os.stat_result) and stat.S_ISDIR(itself.st_mode):
            start = f"{_text(str(path)).rstrip('/')}/" if len(paths) > 1 else ""
            yield from _below(path, start, wanted, seen)
        else:
            yield _found(path, _text(str(path)), itself, is_meant=True)


def _below(root: Path, start: str, only: Sequence[str], seen: set[tuple[int, int]]) -> Iterator[Found]:
    """Without recursion: a path may be two thousand folders deep."""
    levels = [_listed(root, start, seen)]
    while levels:
        step = next(levels[-1], None)
        if step is None:
            levels.pop()
        elif isinstance(step, Found):
            yield step
        else:
            path, name = step
            itself = _stat(path)
            if isinstance(itself, os.stat_result) and stat.S_ISDIR(itself.st_mode):
                levels.append(_listed(path, f"{name}/", seen))
            elif not only or any(_matches(name, pattern) for pattern in only):
                is_meant = bool(only) or name.lower().endswith(_ENDINGS)
                yield _found(path, name, itself, is_meant=is_meant)


def _listed(folder: Path, start: str, seen: set[tuple[int, int]]) -> Iterator[tuple[Path, str] | Found]:
    """What a folder holds, with the names; nothing the second time that it is met, under whatever name."""
    try:
        itself = folder.stat()
        names = sorted(os.listdir(folder), key=os.fsencode)  # noqa: PTH208 - a million names, not Paths
    except OSError as error:
        why = f"The folder cannot be read, so nothing is known of what is in it: {error.strerror}."
        yield Found(folder, start or "./", True, problem=InvalidInput("folder_unreadable", why))
        return
    if (itself.st_dev, itself.st_ino) in seen:
        return
    seen.add((itself.st_dev, itself.st_ino))
    for name in names:
        if not name.startswith("."):
            yield folder / name, f"{start}{_text(name)}"


def _stat(path: Path) -> os.stat_result | OSError:
    try:
        return path.stat()
    except OSError as error:
        return error


def _found(path: Path, name: str, itself: os.stat_result | OSError, *, is_meant: bool) -> Found:
    if isinstance(itself, FileNotFoundError) and not is_meant:  # a link that leads nowhere
        return Found(path, name, is_meant)
    if isinstance(itself, OSError):
        return Found(path, name, is_meant, problem=unreadable(itself))
    if not stat.S_ISREG(itself.st_mode):
        return Found(path, name, is_meant)
    return Found(path, name, is_meant, itself.st_size, itself.st_mtime_ns)


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase((name if "/" in pattern else name.rpartition("/")[2]).lower(), pattern)


def _text(name: str) -> str:
    """A name that can be written down; bytes that are no UTF-8 are spelt out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def unreadable(error: OSError) -> InvalidInput:
    """For a file that the operating system did not give."""
    return InvalidInput("file_unreadable", f"The file cannot be read: {error.strerror or error}.")
