"""One unit, start to finish: read, ask, decide, write, and write down that it is done."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from holdout import __version__
from holdout.errors import InvalidInput
from holdout.opening import Choice
from holdout.policy import Policy, Tally, decide
from holdout.screening.inputs import Input
from holdout.screening.manifest import Done, write_done
from holdout.screening.places import Place
from holdout.screening.readers import Batch, Columns, batches
from holdout.screening.results import HITS, ROWS, Results, answer_columns, hit_rows, hit_table, results
from holdout.screening.units import Unit, damaged, unreadable
from holdout.sources import Source, answered


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run does with every unit; goes to each worker."""

    choice: Choice
    policy: Policy
    columns: Columns
    out: str
    hits_only: bool = False

    @property
    def asks_a_registry(self) -> bool:
        return self.choice.server is not None

    def record(self, source: Source) -> dict[str, Any]:
        """What must stay the same for results to belong together."""
        return {
            "library": __version__,
            "source": source.record(),
            "policy": self.policy.record(),
            "columns": asdict(self.columns),
            "hits_only": self.hits_only,
        }


Report = Callable[[int, int], None]
"""Called with how many rows are done and how many bytes of the unit's weight, since the last call."""


def screen_unit(
    unit: Unit,
    *,
    settings: Settings,
    digest: str,
    source: Source,
    place: Place,
    clock: Callable[[], datetime],
    report: Report,
) -> Done:
    """Screen a unit and put it into the manifest.

    Raises `InvalidInput` for an input that cannot be read or that changed meanwhile (`input_changed`),
    OSError where results cannot be written, and what the source raises; then nothing of the unit counts.
    """
    tally, told = Tally(), 0
    with results(place, unit.id) as written:
        for batch in batches(unit, settings.columns, only_keys=settings.hits_only):
            _screen(batch, unit, settings, source, tally, written)
            share = _share(unit, batch, tally.rows)
            report(batch.asked.rows, share - told)
            told = share
        if unit.rows not in (None, tally.rows):
            raise damaged(unit.input, f"{tally.rows} rows were read of {unit.rows}")
        _require_unchanged(unit.input)
        written.finish()
    report(0, unit.weight - told)
    done = Done(
        unit=unit.id,
        input=unit.input.url,
        version=unit.input.version,
        start=unit.start,
        end=unit.end,
        settings=digest,
        outputs=tuple(written.written()),
        tally=tally.record(),
        finished=clock(),
    )
    write_done(place, done)
    return done


def _require_unchanged(given: Input) -> None:
    try:
        version = given.current_version()
    except OSError as error:
        raise unreadable(given, error) from error
    if version != given.version:
        raise InvalidInput("input_changed", f"{given.url} was changed while it was read; start again.")


def _screen(
    batch: Batch, unit: Unit, settings: Settings, source: Source, tally: Tally, written: Results
) -> None:
    answers = answered(source, batch.asked)
    decided = decide(answers, settings.policy)
    tally.add(answers, decided, by=settings.policy)
    columns = answer_columns(answers, decided)
    if not settings.hits_only:
        table = batch.columns
        for name, column in columns.items():
            table = table.append_column(name, pa.chunked_array([column]))
        written.add(ROWS, table)
    if len(rows := hit_rows(answers)):
        written.add(HITS, hit_table(batch, columns, rows, file=unit.input.url))


def _share(unit: Unit, batch: Batch, rows: int) -> int:
    """Of the unit's weight, what is done."""
    if unit.rows:
        return unit.weight * rows // unit.rows
    return min(unit.weight, batch.read)
