"""Files that are complete or absent."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from holdout.errors import Unavailable

_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def durable_file(path: Path) -> Iterator[BinaryIO]:
    """Write `path` whole: on leaving without an error it is on disk, otherwise it is gone.

    Raises `Unavailable` (`storage_full`, `storage_failed`) when the disk does not take it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _fsync_folder(path.parent)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise _not_taken(error) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


@contextmanager
def replacing_file(path: Path, *, shared: bool = False) -> Iterator[BinaryIO]:
    """Write `path` anew: what stood there stays until the new file is whole and on disk.

    Raises as `durable_file` does. One process at a time may replace a file, unless it is `shared`: then the
    last one counts, and one that is killed leaves a file under a name that nobody uses again.
    """
    unique = f".{secrets.token_hex(4)}" if shared else ""
    new = path.with_name(f"{path.name}{unique}.new")
    with durable_file(new) as file:
        yield file
    try:
        new.replace(path)
        _fsync_folder(path.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise _not_taken(error) from error


def _not_taken(error: OSError) -> Unavailable:
    code = "storage_full" if error.errno in _FULL else "storage_failed"
    return Unavailable(code, "The disk did not take the file: it is full or damaged. Try again later.")


def _fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
