"""Processes that do units. What a worker dies of costs its unit, never the run."""

import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Final

import pyarrow as pa

from holdout.errors import ClientError, HoldoutError, SnapshotRefused
from holdout.screening.manifest import Done, settings_digest
from holdout.screening.places import OutputFailed, Place
from holdout.screening.units import Unit
from holdout.screening.work import Report, Settings, screen_unit
from holdout.sources import Source

_MOST_DEATHS: Final = 2
"""A unit that this many workers died of is not tried again."""
_STOP_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class Failed:
    """A unit that could not be done; the others go on."""

    unit: Unit
    code: str
    detail: str


Outcome = Done | Failed


@dataclass(frozen=True, slots=True)
class _Progress:
    rows: int
    weight: int


def attempt(
    unit: Unit, *, settings: Settings, digest: str, source: Source, place: Place, report: Report
) -> Outcome:
    """Do a unit, or say why that cannot be.

    Raises what ends the whole run: the source cannot be asked (`ClientError`, `SnapshotRefused`), or nothing
    can be written (`OutputFailed`).
    """
    try:
        return screen_unit(
            unit,
            settings=settings,
            digest=digest,
            source=source,
            place=place,
            clock=lambda: datetime.now(UTC),
            report=report,
        )
    except (ClientError, SnapshotRefused):
        raise
    except HoldoutError as error:
        return Failed(unit, error.code, error.detail)
    except OSError as error:
        # Not the input's, of which that is `input_unreadable`.
        why = f"The results cannot be written to {place.url}: {error.strerror or error}"
        raise OutputFailed(error.errno, why, error.filename) from error
    except Exception as error:
        where = traceback.format_exception(error)[-2:]
        return Failed(unit, "unit_crashed", f"{unit.input.url}: {''.join(where).strip()}")


@contextmanager
def _opened(settings: Settings, digest: str) -> Iterator[Source]:
    """The source that the run began with.

    Raises what `Choice.opened` does, and `SnapshotRefused` (`snapshot_differs`): somebody may have updated
    the snapshot's folder meanwhile, and one record cannot speak of two snapshots.
    """
    with settings.choice.opened() as source:
        if settings_digest(settings.record(source)) != digest:
            raise SnapshotRefused(
                "snapshot_differs",
                f"The snapshot in {settings.choice.snapshot} was replaced after the run began. Start again.",
            )
        yield source


def do_here(units: Sequence[Unit], settings: Settings, digest: str, report: Report) -> Iterator[Outcome]:
    """One unit after the other, in this process."""
    place = Place(settings.out)
    with _opened(settings, digest) as source:
        for unit in units:
            yield attempt(unit, settings=settings, digest=digest, source=source, place=place, report=report)


def do_in_processes(
    units: Sequence[Unit], settings: Settings, digest: str, report: Report, *, workers: int
) -> Iterator[Outcome]:
    """Several at a time, in no order. Raises what `attempt` raises, after all workers have ended."""
    crew = _Crew(settings, digest, deque(units))
    try:
        crew.start(min(workers, len(units)))
        while crew.members:
            for member in crew.ready():
                yield from crew.hear(member, report)
    finally:
        crew.stop()


@dataclass(slots=True)
class _Member:
    process: BaseProcess
    pipe: Connection
    unit: Unit | None = None


@dataclass(slots=True)
class _Crew:
    settings: Settings
    digest: str
    waiting: deque[Unit]
    members: list[_Member] = field(default_factory=list)
    deaths: dict[str, int] = field(default_factory=dict)

    def start(self, number: int) -> None:
        # Not forked: threads of pyarrow and of stores do not survive a fork.
        context = multiprocessing.get_context("spawn")
        for _ in range(number):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, self.settings, self.digest), daemon=True)
            process.start()
            theirs.close()
            member = _Member(process, ours)
            self.members.append(member)
            self._give(member)

    def ready(self) -> list[_Member]:
        """Those that have something to say, or have died."""
        heard = wait([member.pipe for member in self.members])
        return [member for member in self.members if member.pipe in heard]

    def hear(self, member: _Member, report: Report) -> Iterator[Outcome]:
        try:
            said = member.pipe.recv()
        except (EOFError, ConnectionError):
            yield from self._died(member)
            return
        if isinstance(said, _Progress):
            report(said.rows, said.weight)
        elif isinstance(said, Exception):
            raise said
        else:
            yield said
            self._give(member)

    def _give(self, member: _Member) -> None:
        member.unit = self.waiting.popleft() if self.waiting else None
        try:
            member.pipe.send(member.unit)
        except (BrokenPipeError, ConnectionError):
            return  # it has died, and `hear` will find that out
        if member.unit is None:
            self._dismiss(member)

    def _died(self, member: _Member) -> Iterator[Outcome]:
        self._dismiss(member)
        if unit := member.unit:
            deaths = self.deaths[unit.id] = self.deaths.get(unit.id, 0) + 1
            if deaths < _MOST_DEATHS:
                self.waiting.append(unit)
            else:
                detail = f"{unit.input.url}: {deaths} workers ended while they read it, the last with"
                yield Failed(unit, "unit_kills_workers", f"{detail} {member.process.exitcode}.")
        if self.waiting:
            self.start(1)

    def _dismiss(self, member: _Member) -> None:
        self.members.remove(member)
        member.pipe.close()
        member.process.join(_STOP_SECONDS)

    def stop(self) -> None:
        for member in self.members:
            member.process.terminate()
        for member in self.members:
            member.process.join(_STOP_SECONDS)
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.pipe.close()
        self.members.clear()


def _work(pipe: Connection, settings: Settings, digest: str) -> None:
    """A worker's life: take a unit, do it, say so; end when there is none left, or nobody to tell."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started the run is told, and ends its workers
    signal.signal(signal.SIGTERM, _leave)
    pa.set_cpu_count(1)
    try:
        place = Place(settings.out)
        with _opened(settings, digest) as source:
            while (unit := pipe.recv()) is not None:
                outcome = attempt(
                    unit,
                    settings=settings,
                    digest=digest,
                    source=source,
                    place=place,
                    report=lambda rows, weight: pipe.send(_Progress(rows, weight)),
                )
                pipe.send(outcome)
    except (EOFError, ConnectionError):
        return
    except (HoldoutError, OSError) as error:
        with suppress(ConnectionError):
            pipe.send(error)


def _leave(*_: object) -> None:
    """As an exception, so that half-written files are cleared away."""
    raise SystemExit(1)
