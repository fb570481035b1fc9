"""Decoding at arm's length: every picture is looked at by a disposable child without credentials.

    this process --(control socket: a picture's socket)--> zygote --fork--> child
         |__________________(the picture's socket: file, answer)______________|

The zygote is a warm `_zygote` process with a bare environment, one per process that uses a `Sandbox`, started
at its first picture. Linux only. Loads neither numpy nor Pillow.
"""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import holdout
from holdout.errors import Unavailable
from holdout.fingerprints import _wire
from holdout.fingerprints.exact import sha256
from holdout.fingerprints.limits import MAX_BYTES, ChildLimits
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.refusals import refusal

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 10.0
"""How much longer than the child's own limit the parent waits: the zygote ends a late child well before."""

_RECEIVED_BYTES: Final = 1 << 16
_TIME_SIGNALS: Final = (signal.SIGALRM, signal.SIGXCPU)


class Sandbox:
    """A way to fingerprint strangers' pictures. Thread-safe; a forked process starts a zygote of its own.

    Each picture takes one child at a time of up to `limits`, so the callers' threads bound the memory in use.
    Use it as a context manager or `close()` it; those that are left are closed at exit.
    """

    def __init__(self, *, limits: ChildLimits | None = None) -> None:
        self._limits = limits or ChildLimits()
        self._lock = threading.Lock()
        self._zygote: _Zygote | None = None
        _LIVE.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def zygote_pid(self) -> int | None:
        """Process id of the running zygote, None before the first picture and after `close`."""
        zygote = self._zygote
        return None if zygote is None else zygote.pid

    def fingerprint(self, data: bytes, *, query: bool) -> PictureFingerprints:
        """The fingerprints of a file's bytes, to ask with (`query`) or to register.

        Raises UnreadablePicture (every code of `refusals.REFUSALS`), or Unavailable `sandbox_unavailable` if
        no child could look at the picture, which says nothing about the picture.
        """
        report = self.run(data, query=query)
        if report.wait_status == _wire.NOT_STARTED:
            raise _unavailable()
        if os.WIFSIGNALED(report.wait_status) and os.WTERMSIG(report.wait_status) in _TIME_SIGNALS:
            raise refusal("picture_took_too_long")
        if os.WIFSIGNALED(report.wait_status) and os.WTERMSIG(report.wait_status) == signal.SIGKILL:
            raise _unavailable()  # the kernel was out of memory, which says nothing about the picture
        if report.wait_status != 0:
            raise refusal("picture_crashed_decoder")
        try:
            found = _wire.unpack_answer(report.answer, query=query)
        except ValueError as error:
            raise refusal("picture_crashed_decoder") from error
        if found.sha256 != sha256(data):
            # Not the child's to say: a captured one could otherwise claim any file.
            raise refusal("picture_crashed_decoder")
        return found

    def run(self, data: bytes, *, query: bool) -> _wire.ChildReport:
        """Let one child look at the bytes and say how it ended, unread.

        Raises UnreadablePicture `picture_too_large` before any process is involved, and Unavailable as
        `fingerprint` does. A zygote that died is replaced, once.
        """
        if len(data) > MAX_BYTES:
            raise refusal("picture_too_large")
        for _ in range(2):
            zygote = self._running()
            try:
                report = zygote.run(data, query=query)
            except TimeoutError as error:
                self._discard(zygote)
                raise _unavailable() from error
            if report is not None:
                return report
            self._discard(zygote)
        raise _unavailable()

    def close(self) -> None:
        """Stop the zygote; the next picture would start another."""
        with self._lock:
            zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.stop()

    def _running(self) -> "_Zygote":
        with self._lock:
            if self._zygote is None:
                self._zygote = _Zygote(limits=self._limits)
            return self._zygote

    def _discard(self, zygote: "_Zygote") -> None:
        with self._lock:
            if self._zygote is zygote:
                self._zygote = None
        zygote.stop()

    def _forget(self) -> None:
        """In a forked process the zygote is the parent's, and the lock may be held by a thread left there."""
        self._lock = threading.Lock()
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.forget()


class _Zygote:
    """The parent's end of one running zygote; Unavailable if it cannot be started."""

    def __init__(self, *, limits: ChildLimits) -> None:
        self._patience = limits.wall_seconds + _PATIENCE_SECONDS
        self._control, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _spawn(theirs, limits=limits)
            except OSError as error:
                self._control.close()
                raise _unavailable() from error
        self._control.settimeout(_START_SECONDS)
        ready = b""
        with contextlib.suppress(OSError):
            ready = self._control.recv(1)
        if ready != _wire.READY:
            self.stop()
            raise _unavailable()
        self._control.settimeout(self._patience)

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, data: bytes, *, query: bool) -> _wire.ChildReport | None:
        """How a child ended, None if the zygote is gone; TimeoutError if it does not answer."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                try:
                    socket.send_fds(self._control, [b"p"], [theirs.fileno()])
                except TimeoutError:
                    raise
                except OSError:
                    return None
            ours.settimeout(self._patience)
            # A child that dies early closes its end: what it said, or the zygote of it, is still to be read.
            with contextlib.suppress(ConnectionError):
                ours.sendall(_wire.pack_request(data, query=query))
                ours.sendall(data)
                ours.shutdown(socket.SHUT_WR)
            received = b"".join(_receive(ours))
        if len(received) > _wire.MAX_REPORT_BYTES:
            return _wire.ChildReport(b"", 0, 0)
        return _wire.unpack_report(received)

    def stop(self) -> None:
        self._control.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        self._control.close()
        # Not ours to wait for, and not to be warned of.
        self._process.returncode = 0


def _spawn(control: socket.socket, *, limits: ChildLimits) -> subprocess.Popen[bytes]:
    """Start a zygote. Its environment is all that a child could ever read: no secret of ours is in it."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(holdout.__file__).resolve().parents[1]),
    }
    figures = (control.fileno(), limits.memory_bytes, limits.cpu_seconds, limits.wall_seconds)
    # -P: the working directory is not searched for modules.
    command = [sys.executable, "-P", "-m", "holdout.fingerprints._zygote", *map(str, figures)]
    return subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        close_fds=True,
        pass_fds=[control.fileno()],
        start_new_session=True,
    )


def _receive(connection: socket.socket) -> Iterator[bytes]:
    """What arrives until the other side is closed, or until it is too much."""
    total = 0
    with contextlib.suppress(ConnectionError):
        while total <= _wire.MAX_REPORT_BYTES and (part := connection.recv(_RECEIVED_BYTES)):
            total += len(part)
            yield part


def _unavailable() -> Unavailable:
    return Unavailable("sandbox_unavailable", "No process is available to decode pictures; try again later.")


_LIVE: Final[weakref.WeakSet[Sandbox]] = weakref.WeakSet()
_DEFAULT: Final = Sandbox()


def fingerprint_picture(data: bytes, *, query: bool) -> PictureFingerprints:
    """`Sandbox.fingerprint` in the sandbox that this process shares."""
    return _DEFAULT.fingerprint(data, query=query)


def _close_all() -> None:
    for sandbox in list(_LIVE):
        sandbox.close()


def _forget_all() -> None:
    for sandbox in list(_LIVE):
        sandbox._forget()


atexit.register(_close_all)
os.register_at_fork(after_in_child=_forget_all)
