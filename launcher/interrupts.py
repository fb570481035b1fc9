"""Ctrl-C, TERM and HUP: the launcher stops in order, whichever it gets."""

import signal
import subprocess
import sys
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """Somebody asked us to stop; `finally` blocks then stop what we started."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


def raise_once() -> None:
    """Raise Interrupted at the first of the signals and ignore the rest: stopping is under way."""

    def handle(signum: int, _: FrameType | None) -> None:
        for one in SIGNALS:
            signal.signal(one, signal.SIG_IGN)
        raise Interrupted(signum)

    for one in SIGNALS:
        signal.signal(one, handle)


def pass_on(process: subprocess.Popen[bytes]) -> None:
    """Leave the signals to a process in the foreground and outlive it, to stop in order when it has ended."""

    def handle(signum: int, _: FrameType | None) -> None:
        # From a terminal Ctrl-C reaches the whole group: sent again, it would break off an orderly end.
        if not (signum == signal.SIGINT and sys.stdin.isatty()):
            process.send_signal(signum)

    for one in SIGNALS:
        signal.signal(one, handle)
