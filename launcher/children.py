"""Starting our own processes: they do not outlive us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from launcher.paths import CHECKOUT

_PR_SET_PDEATHSIG = 1
# Loaded here: between fork and exec there may be no import.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: BinaryIO | None = None,
    terminal: bool = False,
) -> subprocess.Popen[bytes]:
    """Start a process in the checkout that gets TERM when we die, even if we are killed.

    With `log` both its streams go there. With `terminal` it reads our stdin and gets the terminal's Ctrl-C;
    otherwise it reads nothing and gets only what we send. Call it from the main thread: Linux sends the TERM
    when the calling thread ends.
    """
    return subprocess.Popen(
        argv,
        cwd=CHECKOUT,
        env=environment,
        stdin=None if terminal else subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=not terminal,
        preexec_fn=dying_with_us(),
    )


def dying_with_us() -> Callable[[], None]:
    """What a child calls before it becomes its program, so that Linux sends it TERM when we die."""
    parent = os.getpid()

    def die_with_parent() -> None:
        if _libc is not None:
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    return die_with_parent


def exit_code(returncode: int) -> int:
    """What a shell would report: a process ended by a signal counts as 128 and the signal's number."""
    return 128 - returncode if returncode < 0 else returncode
