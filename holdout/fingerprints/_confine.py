"""What a child gives up before it touches a stranger's bytes. Linux only.

Needs no privilege. Where the process is root it becomes nobody as well; where it is not, it keeps its user,
and only the limits stand between a captured child and that user's other processes.
"""

import ctypes
import os
import resource
import signal
from typing import Final

from holdout.fingerprints.limits import ChildLimits

_NOBODY: Final = 65534
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def confine(*, limits: ChildLimits) -> None:
    """Confine this process, for good; OSError if any part of it fails.

    Afterwards: a session of its own; no new file, socket, process or written byte of a file; at most `limits`
    of memory (MemoryError) and time (SIGXCPU, SIGALRM, both deadly); no core dump, no tracing by its like; it
    dies with the thread that forked it.
    """
    parent = os.getppid()
    os.setsid()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_seconds)
    _limit(resource.RLIMIT_CPU, limits.cpu_seconds, hard=limits.cpu_seconds + 1)
    _limit(resource.RLIMIT_AS, _address_space() + limits.memory_bytes)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NPROC, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    # Changing the user clears the death signal, so it comes after.
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)
    if os.getppid() != parent:
        raise OSError("the parent is gone")
    # Descriptors that are open stay usable; 0 means that no number is left for a new one.
    _limit(resource.RLIMIT_NOFILE, 0)


def _limit(which: int, soft: int, *, hard: int | None = None) -> None:
    _, ceiling = resource.getrlimit(which)
    wanted = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        wanted = min(wanted, ceiling)
    resource.setrlimit(which, (min(soft, wanted), wanted))


def _address_space() -> int:
    """Bytes of address space that this process has mapped."""
    # A text file object would dirty so many pages of the fresh fork that it doubles its cost.
    descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    try:
        pages = int(os.read(descriptor, 128).split()[0])
    finally:
        os.close(descriptor)
    return pages * resource.getpagesize()


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
