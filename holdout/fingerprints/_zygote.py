"""The warm process that forks one confined child per picture.

Started by `sandbox` with a bare environment: `python -m holdout.fingerprints._zygote FD MEMORY CPU WALL`.
FD is the control socket; each message on it carries one picture's socket. The zygote ends when it closes,
so it never outlives its parent. It has one thread only, so that a fork copies no held lock.
"""

import contextlib
import gc
import importlib
import io
import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Final, NoReturn

import cv2
import numpy as np
from PIL import AvifImagePlugin, Image

from holdout.errors import UnreadablePicture
from holdout.fingerprints import _wire
from holdout.fingerprints._confine import confine
from holdout.fingerprints.describe import describe
from holdout.fingerprints.limits import FORMATS, ChildLimits
from holdout.fingerprints.refusals import refusal

_GRACE_SECONDS: Final = 2.0
_NULL, _STDERR = 0, 2


@dataclass(frozen=True, slots=True)
class _Child:
    connection: socket.socket
    deadline: float


@dataclass(frozen=True, slots=True)
class _LastWord:
    """What is still to be said about a child whose answer fills the socket."""

    connection: socket.socket
    trailer: bytes
    deadline: float


class Zygote:
    """Takes pictures' sockets from `control`, forks a child for each and reports how it ended."""

    def __init__(self, *, control: socket.socket, limits: ChildLimits) -> None:
        self._control = control
        self._limits = limits
        self._children: dict[int, _Child] = {}
        self._last_words: list[_LastWord] = []
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)

    def serve(self) -> None:
        """Serve until the control socket closes."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        self._control.sendall(_wire.READY)
        while True:
            waiting = [word.connection for word in self._last_words]
            ready, _, _ = select.select([self._control.fileno(), self._woken], waiting, [], 1.0)
            if self._woken in ready:
                os.read(self._woken, 4096)
            self._reap()
            self._speak()
            self._kill_overdue()
            if self._control.fileno() in ready:
                message, descriptors, _, _ = socket.recv_fds(self._control, 1, 1)
                if not message:
                    return
                for descriptor in descriptors:
                    self._start(socket.socket(fileno=descriptor))

    def _start(self, connection: socket.socket) -> None:
        try:
            pid = os.fork()
        except OSError:
            self._report(connection, wait_status=_wire.NOT_STARTED, peak_kib=0)
            return
        if pid == 0:
            self._become_child(connection)
        deadline = time.monotonic() + self._limits.wall_seconds + _GRACE_SECONDS
        self._children[pid] = _Child(connection, deadline)

    def _become_child(self, connection: socket.socket) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # Another picture's socket, the control socket or a log must not be at hand.
            for child in self._children.values():
                child.connection.close()
            for word in self._last_words:
                word.connection.close()
            self._control.close()
            os.close(self._woken)
            os.close(self._wake)
            os.dup2(_NULL, _STDERR)
            confine(limits=self._limits)
            connection.sendall(_answer(_read_all(connection)))
            status = 0
        finally:
            os._exit(status)

    def _reap(self) -> None:
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            self._report(self._children.pop(pid).connection, wait_status=status, peak_kib=usage.ru_maxrss)

    def _report(self, connection: socket.socket, *, wait_status: int, peak_kib: int) -> None:
        connection.setblocking(False)
        trailer = _wire.pack_trailer(wait_status=wait_status, peak_kib=peak_kib)
        self._last_words.append(_LastWord(connection, trailer, time.monotonic() + _GRACE_SECONDS))
        self._speak()

    def _speak(self) -> None:
        """A full buffer is an answer that the parent still reads, a closed one a parent that is gone: neither
        may hold us.
        """
        waiting = []
        for word in self._last_words:
            try:
                word.connection.sendall(word.trailer)
            except BlockingIOError:
                if time.monotonic() < word.deadline:
                    waiting.append(word)
                    continue
            except OSError:
                pass
            word.connection.close()
        self._last_words = waiting

    def _kill_overdue(self) -> None:
        """The alarm is the child's own; a captured child may have put it off."""
        now = time.monotonic()
        for pid, child in self._children.items():
            if now > child.deadline:
                os.kill(pid, signal.SIGKILL)


def _read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def _answer(request: bytes) -> bytes:
    data, query = _wire.unpack_request(request)
    del request
    try:
        return _wire.pack_fingerprints(describe(data, query=query))
    except (MemoryError, cv2.error):  # which is how OpenCV says that
        return _wire.pack_refusal(refusal("picture_too_many_pixels"))
    except UnreadablePicture as error:
        return _wire.pack_refusal(error)


def _warm() -> None:
    """Load and use everything once: a child can open no file, so it can import nothing either."""
    # Threads would run into the child's process limit.
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    cv2.setNumThreads(1)
    cv2.ocl.setUseOpenCL(False)
    importlib.import_module("PIL.MpoImagePlugin")  # which Pillow does when it meets some phones' JPEG
    noise = np.random.RandomState(0).randint(0, 256, (48, 64, 4), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((192, 144), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    # Pillow 13.0 crashes when it writes an AVIF of several frames, with one thread.
    several = {"save_all": True, "append_images": [picture.transpose(Image.Transpose.ROTATE_180)]}
    for name in FORMATS:
        file = io.BytesIO()
        sample = picture.convert("RGB") if name == "JPEG" else picture
        more: dict[str, object] = {} if name == "GIF" else {"exif": exif.tobytes()}
        more |= {"max_threads": 1} if name == "AVIF" else {} if name == "JPEG" else several
        sample.save(file, name, **more)
        describe(file.getvalue(), query=False)
    describe(file.getvalue(), query=True)
    with contextlib.suppress(UnreadablePicture):
        describe(file.getvalue()[:-100], query=False)


def _prove_confinement(limits: ChildLimits) -> None:
    """Exit unless a child can be confined here: better no sandbox than every picture called broken."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            confine(limits=limits)
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        sys.exit("holdout: a decoding process cannot be confined on this machine")


def main() -> None:
    """Warm up, prove the confinement, serve."""
    descriptor, memory, cpu, wall = sys.argv[1:]
    limits = ChildLimits(memory_bytes=int(memory), cpu_seconds=int(cpu), wall_seconds=float(wall))
    control = socket.socket(fileno=int(descriptor))
    _warm()
    _prove_confinement(limits)
    gc.collect()
    gc.freeze()
    Zygote(control=control, limits=limits).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
