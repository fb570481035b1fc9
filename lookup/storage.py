"""The files of jobs: one folder a job, below the store that web and workers share.

Each holder of a step writes under a name of its own (`holdout.durable`), and the name that the database
remembers is the one that counts.
"""

import hashlib
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from xxhash import xxh3_128

UPLOAD: Final = "upload"
_BLOCK_BYTES: Final = 1024 * 1024


def folder(job_id: str) -> Path:
    """The folder of a job; it may not exist."""
    store: Path = settings.HOLDOUT_STORE_DIR
    return store / "jobs" / job_id


def upload_path(job_id: str) -> Path:
    return folder(job_id) / UPLOAD


def sha256_of(path: Path) -> bytes:
    """The digest of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def checksum_of(path: Path) -> bytes:
    """The xxh3-128 of a file: against damage alone, at a tenth of what a digest costs."""
    checksum = xxh3_128()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum.update(block)
    return checksum.digest()


def untouched_since(age: timedelta) -> Iterator[str]:
    """The jobs whose folders and files have not been written to for so long."""
    store: Path = settings.HOLDOUT_STORE_DIR
    for path in (store / "jobs").glob("*"):
        with suppress(FileNotFoundError):
            newest = max(each.stat().st_mtime for each in (path, *path.iterdir()))
            if time.time() - newest > age.total_seconds():
                yield path.name


def keep_only(job_id: str, names: Collection[str]) -> None:
    """Delete every file of a job but these: pieces, and what holders of earlier fences left."""
    for path in folder(job_id).glob("*"):
        if path.name not in names:
            path.unlink(missing_ok=True)


def delete(job_id: str) -> bool:
    """Delete all files of a job; whether none is left. Doing it twice is harmless."""
    shutil.rmtree(folder(job_id), ignore_errors=True)
    return not folder(job_id).exists()
