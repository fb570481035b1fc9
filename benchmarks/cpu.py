"""Processor seconds of whole processes with all their children: what an answer costs, whoever pays."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection

_TICKS = os.sysconf("SC_CLK_TCK")


def seconds(roots: Iterable[int]) -> float:
    """User and system seconds that these processes, and all below them, have used so far."""
    parents: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(path.parent.name)
        parents.setdefault(int(fields[1]), []).append(pid)
        # With the time of children that have ended and were waited for.
        used[pid] = sum(map(int, fields[11:15])) / _TICKS
    total, waiting = 0.0, list(roots)
    while waiting:
        pid = waiting.pop()
        total += used.get(pid, 0.0)
        waiting += parents.get(pid, [])
    return total


def engines() -> list[int]:
    """The processes of PostgreSQL and Valkey."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone() or (0,)
    postmaster = int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])
    valkey = int(redis.Redis.from_url(settings.REDIS_URL).info("server")["process_id"])
    return [postmaster, valkey]


def spent(work: Callable[[], object], roots: Iterable[int] = ()) -> float:
    """Processor seconds of this process, and of `roots`, while `work` runs."""
    roots = list(roots)
    before, own = seconds(roots), time.process_time()
    work()
    return time.process_time() - own + seconds(roots) - before
