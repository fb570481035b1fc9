"""Processes that may not be our children: are they there, and how do they end?"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

STEP = 0.02


def command_line(pid: int) -> str:
    """The command line of a running process; empty when there is none (a zombie has none either)."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    ps = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return ps.stdout


def runs(pid: int, mark: str) -> bool:
    """True when `pid` runs and has `mark` in its command line: a process id alone may be somebody else's."""
    return mark in command_line(pid)


def exists(pid: int) -> bool:
    """True when the number is taken, be it by a dead process that nobody has collected yet."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def working_in(folder: Path) -> list[int]:
    """The processes whose working folder is `folder`, among those that we may look at (Linux only)."""
    return [int(cwd.parent.name) for cwd in Path("/proc").glob("[0-9]*/cwd") if _leads_to(cwd, folder)]


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Wait for the condition; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(STEP)
    return True


def _leads_to(link: Path, folder: Path) -> bool:
    try:
        return link.readlink() == folder
    except OSError:
        return False


def disown(process: subprocess.Popen[bytes] | None) -> None:
    """Leave a child running when we end; Python warns of a process object that is dropped while it runs."""
    if process is not None:
        process.returncode = 0  # it counts as ended; to keep the object would only put the warning off


def stop(pid: int, mark: str, *, gently: signal.Signals, firmly: signal.Signals, patience: float) -> None:
    """End the process `pid` if it is the one with `mark`; be firm when it has not gone within `patience`."""
    for how in (gently, firmly):
        if not runs(pid, mark):
            return
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            return
        if wait_until(lambda: not runs(pid, mark), seconds=patience):
            return
