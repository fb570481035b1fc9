"""A whole run: plan, do what is not done yet, and sum up."""

import fcntl
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from holdout import __version__
from holdout.errors import Conflict, HoldoutError
from holdout.policy import Tally
from holdout.screening.inputs import Input
from holdout.screening.manifest import Done, keep_only, read_manifest, settings_digest, still_good
from holdout.screening.places import Place
from holdout.screening.results import HITS, ROWS
from holdout.screening.units import Unit, units_of, unreadable
from holdout.screening.work import Settings
from holdout.screening.workers import Failed, do_here, do_in_processes

SUMMARY: Final = "summary.json"
_PLANNERS: Final = 16


class Watcher(Protocol):
    """Who watches a run."""

    def planned(self, *, weight: int, done: int, inputs: int) -> None:
        """What there is to do in bytes of input, and how much of it was done before."""

    def advanced(self, rows: int, weight: int) -> None: ...

    def failed(self, failure: "Failure") -> None: ...


@dataclass(frozen=True, slots=True)
class Failure:
    """An input, or a part of one, that was not screened, and why."""

    input: str
    unit: str | None
    code: str
    detail: str


@dataclass(slots=True)
class Summary:
    """What a run came to."""

    inputs: int
    rows_found_again: int
    """Rows that an earlier run had done."""
    tally: Tally
    failures: list[Failure] = field(default_factory=list)
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def full_scan(self) -> bool:
        """Whether every row of every input has its answer, or an error of its own."""
        return not self.failures


def screen(
    inputs: Sequence[Input],
    settings: Settings,
    *,
    workers: int,
    watcher: Watcher,
    again: bool = False,
) -> Summary:
    """Screen files into the folder `settings.out`, and write `summary.json` there.

    What an earlier run finished by the same settings is not done again, unless `again` or a registry answered
    it more than `ANSWERS_LAST` ago; all else that runs wrote into the folder is deleted. An input that cannot
    be screened is reported, and the others go on. Raises what ends the whole run: the source cannot be asked
    (`ClientError`, `SnapshotRefused`), nothing can be written (OSError), or somebody else is at it
    (`Conflict`, `out_in_use`); what was finished before stays finished.
    """
    started = datetime.now(UTC)
    place = Place(settings.out)
    with settings.choice.opened() as source:
        identity = settings.record(source)
    digest = settings_digest(identity)
    with _held(place):
        units, failures = _planned(inputs)
        done = {} if again else _good(place, units, digest, answered_by_registry=settings.asks_a_registry)
        keep_only(place, done, summary=SUMMARY)
        todo = [unit for unit in units if unit.id not in done]
        watcher.planned(
            weight=sum(unit.weight for unit in units),
            done=sum(unit.weight for unit in units if unit.id in done),
            inputs=len(inputs),
        )
        for failure in failures:
            watcher.failed(failure)
        found_again = sum(one.counted().rows for one in done.values())
        if workers > 1 and len(todo) > 1:
            outcomes = do_in_processes(todo, settings, digest, watcher.advanced, workers=workers)
        else:
            outcomes = do_here(todo, settings, digest, watcher.advanced)
        for outcome in outcomes:
            if isinstance(outcome, Failed):
                failed = Failure(outcome.unit.input.url, outcome.unit.id, outcome.code, outcome.detail)
                failures.append(failed)
                watcher.failed(failed)
            else:
                done[outcome.unit] = outcome
        keep_only(place, done, summary=SUMMARY)  # who died between results and manifest left the results
        summary = Summary(len(inputs), found_again, Tally(), failures)
        for unit in units:
            if unit.id in done:
                summary.tally.merge(done[unit.id].counted())
        summary.record = _record(summary, settings, identity, inputs, units, done, started)
        place.write(SUMMARY, json.dumps(summary.record, indent=1).encode() + b"\n")
    return summary


def _planned(inputs: Sequence[Input]) -> tuple[list[Unit], list[Failure]]:
    with ThreadPoolExecutor(_PLANNERS) as pool:
        planned = list(pool.map(_plan, inputs))
    units = [unit for part in planned if isinstance(part, list) for unit in part]
    return units, [part for part in planned if isinstance(part, Failure)]


def _plan(given: Input) -> list[Unit] | Failure:
    try:
        return units_of(given)
    except HoldoutError as error:
        return Failure(given.url, None, error.code, error.detail)
    except OSError as error:
        said = unreadable(given, error)
        return Failure(given.url, None, said.code, said.detail)


def _good(place: Place, units: Sequence[Unit], digest: str, *, answered_by_registry: bool) -> dict[str, Done]:
    """What an earlier run did, and as this one would."""
    by_id = {unit.id: unit for unit in units}
    now = datetime.now(UTC)
    good: dict[str, Done] = {}
    for done in read_manifest(place):
        unit = by_id.get(done.unit)
        is_recent = done.is_recent(now) or not answered_by_registry
        if unit and is_recent and done.is_of(unit, digest) and still_good(place, done):
            good[done.unit] = done
    return good


def _record(
    summary: Summary,
    settings: Settings,
    identity: Mapping[str, Any],
    inputs: Sequence[Input],
    units: Sequence[Unit],
    done: Mapping[str, Done],
    started: datetime,
) -> dict[str, Any]:
    failures: dict[str, list[Failure]] = defaultdict(list)
    for failure in summary.failures:
        failures[failure.input].append(failure)
    rows: dict[str, int] = defaultdict(int)
    finished = [done[unit.id] for unit in units if unit.id in done]
    for one in finished:
        rows[one.input] += one.counted().rows
    written = [output for one in finished for output in one.outputs]
    return {
        "record": "holdout-screen/1",
        "library": __version__,
        "started": started.isoformat(),
        "finished": datetime.now(UTC).isoformat(),
        **{name: identity[name] for name in ("source", "policy", "columns")},
        "full_scan": summary.full_scan,
        **summary.tally.record(),
        "hits": sum(output.rows for output in written if output.name.startswith(f"{HITS}/")),
        "results": {"hits": f"{HITS}/*.parquet", "rows": None if settings.hits_only else f"{ROWS}/*.parquet"},
        "outputs": [asdict(output) for output in written],
        "inputs": [
            {
                "input": one.url,
                "version": one.version,
                "rows": rows[one.url],
                "state": "failed" if one.url in failures else "done",
                "errors": [{"unit": f.unit, "code": f.code, "detail": f.detail} for f in failures[one.url]],
            }
            for one in inputs
        ],
    }


@contextmanager
def _held(place: Place) -> Iterator[None]:
    """One run at a time in a folder of this machine, and nothing left of runs that were killed.

    In a store nobody can be kept out: runs into one place write each other's finished units again.
    """
    if not place.is_local:
        yield
        return
    place.path("").mkdir(parents=True, exist_ok=True)
    with place.path(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("out_in_use", f"Another run writes into {place.url}; wait for its end.") from error
        for part in place.path("").glob("*/.*.part"):
            part.unlink(missing_ok=True)
        yield
