"""Files that are complete or absent."""

import errno
import os
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
        code = "storage_full" if error.errno in _FULL else "storage_failed"
        raise Unavailable(code, "The registry's disk did not take the file; try again later.") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _fsync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
