"""PostgreSQL and Valkey for whoever needs them: started by the first user, stopped by the last.

Any number of processes may use the engines of one state folder at the same time. Each holds a shared lock
that the kernel drops when it dies, so a killed user never counts; engines that it left running are used, and
then stopped, by the next.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from launcher import locks
from launcher.postgres import Postgres
from launcher.valkey import Valkey


class Engine(Protocol):
    """A server that a state folder has one of."""

    name: str
    variable: str

    def url(self) -> str: ...
    def ensure_running(self) -> None: ...
    def is_running(self) -> bool: ...
    def empty(self) -> None: ...
    def stop(self) -> None: ...
    def leave(self) -> None: ...


class Engines:
    """The engines that we use; made by `kept_engines`. `addresses` are DATABASE_URL and REDIS_URL."""

    def __init__(self, addresses: dict[str, str], used: Sequence[Engine], start_lock: Path) -> None:
        self.addresses = addresses
        self._used = used
        self._start_lock = start_lock

    def revive(self) -> list[str]:
        """Start again what has died, and name it. Raises Failure when that cannot be done."""
        dead = [engine for engine in self._used if not engine.is_running()]
        if dead:
            with locks.exclusive(self._start_lock):
                for engine in dead:
                    engine.ensure_running()  # another user may have been faster
        return [engine.name for engine in dead]


@contextmanager
def engines(state_dir: Path, *, durable: bool) -> Iterator[dict[str, str]]:
    """Yield the addresses of `kept_engines`, for users who do not mind when an engine dies."""
    with kept_engines(state_dir, durable=durable) as kept:
        yield kept.addresses


@contextmanager
def kept_engines(state_dir: Path, *, durable: bool, empty: bool = False) -> Iterator[Engines]:
    """Yield engines that run while the block does. One that dies stays dead until somebody calls `revive`.

    An address that is set in the environment already is passed on, and that engine not started; with both set
    nothing is touched. `durable` is decided by whoever starts the engines first: give tests their own folder.
    With `empty` all that they hold is thrown away first. Raises Failure when an engine cannot be had.
    """
    given = {name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL") if os.environ.get(name)}
    if len(given) == 2:
        yield Engines(given, [], Path(os.devnull))
        return
    state_dir.mkdir(parents=True, exist_ok=True)
    state_dir = state_dir.resolve()
    used: list[tuple[Engine, locks.SharedUse]] = []
    start_lock = state_dir / "engines.start.lock"
    try:
        with locks.exclusive(start_lock):
            for engine in _missing(state_dir, given, durable=durable):
                used.append((engine, locks.SharedUse(state_dir / f"engines.{engine.variable}.lock")))
                engine.ensure_running()
                if empty:
                    engine.empty()
        addresses = given | {engine.variable: engine.url() for engine, _ in used}
        yield Engines(addresses, [engine for engine, _ in used], start_lock)
    finally:
        with locks.exclusive(start_lock):
            for engine, use in used:
                _leave(engine, use)


def _missing(state_dir: Path, given: dict[str, str], *, durable: bool) -> Iterator[Engine]:
    if "DATABASE_URL" not in given:
        yield Postgres(state_dir, durable=durable)
    if "REDIS_URL" not in given:
        yield Valkey(state_dir)


def _leave(engine: Engine, use: locks.SharedUse) -> None:
    """Stop the engine if nobody else uses it; called under the start lock."""
    try:
        if use.is_last():
            engine.stop()
        else:
            engine.leave()
    finally:
        use.leave()
