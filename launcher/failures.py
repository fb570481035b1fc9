"""What a person at the terminal can mend, said in a sentence or two."""

import errno
import re

DISK_FULL = "The disk is full ({where}). Free some space, then run the same command again."
READ_ONLY = (
    "Cannot write to {where}. Holdout keeps its environment and data in its own folder: make it writable."
)

# URLs and host names come from the user's package settings; an error message is pasted into public places.
_ADDRESS = re.compile(r"\w+://\S+|\bhost='[^']*'")


class Failure(Exception):
    """A refusal that is shown as it is, without a traceback; the command ends with exit code 2."""


def from_os_error(error: OSError) -> Failure | None:
    """The sentence for an operating system error that has one; None when it is a fault of ours."""
    where = error.filename or "unknown folder"
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Failure(DISK_FULL.format(where=where))
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return Failure(READ_ONLY.format(where=where))
    return None


def from_output(output: str, *, doing: str, where: str) -> Failure:
    """The sentence for a program that failed while `doing` something, read from what it printed."""
    if "No space left on device" in output or "Disk quota exceeded" in output:
        return Failure(DISK_FULL.format(where=where))
    if "Read-only file system" in output:
        return Failure(READ_ONLY.format(where=where))
    return Failure(f"{doing} failed:\n{last_lines(output)}")


def last_lines(text: str, *, count: int = 15) -> str:
    """The last lines of a log, indented, with addresses taken out."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-count:]
    return "\n".join("    " + _ADDRESS.sub("<address>", line) for line in lines) or "    (it printed nothing)"
