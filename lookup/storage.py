"""The files of jobs: one folder a job, below the store that web and workers share.

A file is complete or absent: it is written under a name of its own (fencing token, random part), fsynced,
and its digest is what the database remembers.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from holdout.errors import Unavailable


def folder(job_id: str) -> Path:
    """The folder of a job; it may not exist."""
    store: Path = settings.HOLDOUT_STORE_DIR
    return store / "jobs" / job_id


def upload_path(job_id: str) -> Path:
    return folder(job_id) / "upload"


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
        code = "storage_full" if error.errno in {28, 122} else "storage_failed"
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


def sha256_of(path: Path) -> bytes:
    """The digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def delete(job_id: str) -> None:
    """Delete all files of a job; doing it twice is harmless."""
    shutil.rmtree(folder(job_id), ignore_errors=True)
