"""`./run bench overload`: does the web server keep its word when ten times its usual load comes?

It starts the product's own web role, finds how many lookups a second it can do at most, offers half of that
as the usual load and then ten times as much, without waiting for answers (an open loop: callers do not slow
down because a server does). Latency counts from the moment at which a request was due.
"""

import argparse
import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import results
from launcher.roles import all_roles, manage

URLS_PER_CALL: Final = 100
CAPACITY_SECONDS: Final = 3.0
BASE_SECONDS: Final = 6.0
OVERLOAD_SECONDS: Final = 8.0
TIMEOUT_SECONDS: Final = 10.0
_CALLERS: Final = 4


@dataclass
class Seen:
    """What a phase brought: latencies in seconds by outcome."""

    accepted: list[float] = field(default_factory=list)
    shed: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def note(self, status: int, retry_after: bool, seconds: float) -> None:
        if status == 200:
            self.accepted.append(seconds)
        elif status == 503 and retry_after:
            self.shed.append(seconds)
        else:
            self.errors.append(f"status {status}")


class Callers:
    """HTTP/1.1 connections to one server, each used again when it is free."""

    def __init__(self, port: int, request: bytes) -> None:
        self._port, self._request = port, request
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, due: float, seen: Seen) -> None:
        """One call; the latency counts from `due`."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                status, retry_after = await self._exchange()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            seen.errors.append(type(error).__name__)
        else:
            seen.note(status, retry_after, time.monotonic() - due)

    async def _exchange(self) -> tuple[int, bool]:
        connection = (
            self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        )
        reader, writer = connection
        try:
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
            await reader.readexactly(length)
        except BaseException:
            writer.close()
            raise
        self._idle.append(connection)
        return int(head[9:12]), any(line.startswith(b"retry-after:") for line in lines)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


async def closed_loop(callers: Callers, seconds: float) -> float:
    """Calls a second that a few callers get who wait for each answer: what the server can do."""
    seen, until = Seen(), time.monotonic() + seconds

    async def keep_calling() -> None:
        while (now := time.monotonic()) < until:
            await callers.call(now, seen)

    await asyncio.gather(*(keep_calling() for _ in range(_CALLERS)))
    return len(seen.accepted) / seconds


async def open_loop(callers: Callers, per_second: float, seconds: float) -> Seen:
    """`per_second` calls a second at random moments, whatever becomes of those before."""
    seen, due = Seen(), time.monotonic()
    until, chance = due + seconds, random.Random(1)  # noqa: S311
    async with asyncio.TaskGroup() as calls:
        while (due := due + chance.expovariate(per_second)) < until:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            calls.create_task(callers.call(due, seen))
    return seen


async def measure(port: int, request: bytes) -> dict[str, float]:
    callers = Callers(port, request)
    await closed_loop(callers, 1.5)  # warm
    capacity = await closed_loop(callers, CAPACITY_SECONDS)
    base = await open_loop(callers, capacity / 2, BASE_SECONDS)
    flood = await open_loop(callers, capacity * 5, OVERLOAD_SECONDS)
    callers.close()
    for error in sorted({*base.errors, *flood.errors}):
        print("error:", error, (base.errors + flood.errors).count(error))
    return {
        "capacity_per_s": capacity,
        "base_offered_per_s": capacity / 2,
        "base_p50_ms": quantile(base.accepted, 0.5) * 1000,
        "base_p99_ms": quantile(base.accepted, 0.99) * 1000,
        "base_shed": len(base.shed),
        "overload_offered_per_s": (len(flood.accepted) + len(flood.shed) + len(flood.errors))
        / OVERLOAD_SECONDS,
        "accepted_per_s": len(flood.accepted) / OVERLOAD_SECONDS,
        "accepted_p50_ms": quantile(flood.accepted, 0.5) * 1000,
        "accepted_p99_ms": quantile(flood.accepted, 0.99) * 1000,
        "shed": len(flood.shed),
        "shed_p99_ms": quantile(flood.shed, 0.99) * 1000,
        "errors": len(base.errors) + len(flood.errors),
        "p99_ratio": quantile(flood.accepted, 0.99) / quantile(base.accepted, 0.99),
    }


def quantile(seconds: Sequence[float], part: float) -> float:
    """The value below which `part` of them lie; not a number when there are none."""
    return sorted(seconds)[int(part * (len(seconds) - 1))] if seconds else float("nan")


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench overload", description=__doc__)
    parser.add_argument("--threads", type=int, help="another number of server threads than the product's")
    threads = parser.parse_args(argv).threads
    request = prepare()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    processes = [
        subprocess.Popen(argv, cwd=results.CHECKOUT, env=environment(), stderr=subprocess.DEVNULL)
        for argv in (manage("indexer"), web(port, threads))
    ]
    try:
        await_ready(port)
        figures = asyncio.run(measure(port, request % port))
    finally:
        for process in processes:
            process.terminate()
            process.wait(20)
    results.write("overload", figures)
    return 0


def web(port: int, threads: int | None) -> list[str]:
    """The command of the product's web role."""
    role = next(role for role in all_roles(port=port, schedule=Path(os.devnull)) if role.name == "web")
    argv = list(role.argv)
    if threads is not None:
        argv[argv.index("--blocking-threads") + 1] = str(threads)
    return argv


def environment() -> dict[str, str]:
    """The product's, with quotas out of the way: overload is when many callers keep within theirs."""
    out_of_the_way = {
        "HOLDOUT_QUOTA_LOOKUPS_PER_MINUTE": "60000000",
        "HOLDOUT_QUOTA_LOOKUPS_BURST": "60000000",
    }
    return {"DJANGO_SETTINGS_MODULE": "config.settings.dev", **os.environ, **out_of_the_way}


def prepare() -> bytes:
    """A migrated database with a vendor in it; the vendor's request, but for the port."""
    migrate, key = manage("migrate_locked"), manage("issue_key", "overload benchmark")
    subprocess.run(migrate, cwd=results.CHECKOUT, env=environment(), check=True, stdout=subprocess.DEVNULL)
    issued = subprocess.run(
        key, cwd=results.CHECKOUT, env=environment(), check=True, stdout=subprocess.PIPE, text=True
    )
    queries = [{"url": f"https://host{n}.example/gallery/{n}/picture.jpg"} for n in range(URLS_PER_CALL)]
    body = json.dumps({"queries": queries}).encode()
    head = (
        "POST /v1/lookups HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {issued.stdout.strip()}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def await_ready(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("The web server did not become ready.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
