"""File locks that the kernel drops when their holder dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.failures import Failure


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold `path` alone; wait for whoever holds it now."""
    descriptor = _open(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def sole(path: Path, *, otherwise: str) -> Iterator[None]:
    """Hold `path` alone; Failure with the words `otherwise` while somebody else does."""
    descriptor = _open(path)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(otherwise) from None
        yield
    finally:
        os.close(descriptor)


class SharedUse:
    """One of many users of a thing; the last one to leave can know that it is the last.

    Joining and leaving happen under another, exclusive lock: flock does not turn a shared lock into an
    exclusive one in a single step.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = _open(path)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_last(self) -> bool:
        """True when nobody else uses it. This lock stays exclusive then, until `leave`."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A failed conversion may have dropped the shared lock; nobody can have come in meanwhile.
            fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            return False
        return True

    def leave(self) -> None:
        """Use it no longer."""
        os.close(self._descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)  # not inherited by children: they would hold the lock
