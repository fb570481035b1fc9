"""Log files of the processes that we start."""

from pathlib import Path
from typing import BinaryIO

from launcher import failures


def fresh(path: Path) -> BinaryIO:
    """A new log for a new start; the one before is kept as `NAME.1`. The caller closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


def tail(path: Path) -> str:
    """The last lines of a log, ready to show."""
    return failures.last_lines(read(path))


def read(path: Path) -> str:
    """The whole log; empty when there is none."""
    try:
        return path.read_text(errors="replace")
    except FileNotFoundError:
        return ""


class Follower:
    """Reads what is added to a log, line by line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new_lines(self) -> list[str]:
        """The lines completed since the last call."""
        with self._path.open("rb") as log:
            log.seek(self._position)
            added = log.read()
        complete = added[: added.rfind(b"\n") + 1]
        self._position += len(complete)
        return complete.decode(errors="replace").splitlines()
