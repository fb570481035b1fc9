"""`Filter`: what an ingest loop lets through.

    registry = Client("https://registry.example", key)
    training = Filter(registry, use="train_gen", on_unset="keep", on_review="drop")
    for row in training(rows, url="url"):
        ...
    training.write_record("screened.json")

What is reserved and what could not be looked up never gets through. Where the source cannot be asked at all,
the loop ends with an error instead of going on without answers.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdout import __version__
from holdout.answers import Answer, Answers, with_signals
from holdout.durable import replacing_file
from holdout.policy import DECISIONS, Decision, Policy, Tally, decide, policy
from holdout.questions import Questions, one_array, questions
from holdout.signals import Signal
from holdout.sources import Source, answered

if TYPE_CHECKING:
    from holdout.carriers.surroundings import Surroundings
    from holdout.snapshot.read import Snapshot

BATCH_ROWS: Final = 65_536

_T = TypeVar("_T")
Cell = str | bytes | None
Getter = str | Callable[[Any], Cell]
"""Where a row keeps a key: the name to index it with, or a function of the row."""
Surrounding = Callable[[Any], "Surroundings | None"]
"""What was seen round a row's picture; None where nothing was looked at."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Decided(Generic[_T]):
    """A row, what becomes of it, and why."""

    row: _T
    decision: Decision
    answer: Answer


class Filter:
    """Lets rows through that may be used, by a registry's (`Client`) or a snapshot's answers.

    `use` is what the pictures are wanted for, one use or several. `on_unset` ("keep" or "drop") says what
    becomes of pictures of which nobody spoke, `on_review` ("keep", "drop" or "hold") of those that a person
    would have to look at. Held rows are not let through; `decisions` shows them.

    `confirm`, a registry, is asked about what a snapshot finds (`holdout.sources.SnapshotSource`).

    Counts what it decides until its end (`record`). One thread at a time may use it.
    """

    def __init__(
        self,
        source: "Source | Snapshot",
        *,
        use: str | Iterable[str],
        on_unset: str,
        on_review: str,
        confirm: Source | None = None,
        batch_rows: int = BATCH_ROWS,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        """Raises `InvalidInput` (`usage_unknown`, `policy_invalid`)."""
        self.policy: Policy = policy(use=use, on_unset=on_unset, on_review=on_review)
        self.source: Source = _source(source, confirm, clock)
        self.tally = Tally()
        self._batch_rows = batch_rows
        self._clock = clock
        self._started = clock()

    def __call__(
        self,
        rows: Iterable[_T],
        *,
        url: Getter | None = None,
        sha256: Getter | None = None,
        page_url: Getter | None = None,
        signals: Surrounding | None = None,
    ) -> Iterator[_T]:
        """The rows that may be used, in their order. They are read and asked about in batches.

        `url`, `sha256` and `page_url` (the page on which the picture was found) say where a row keeps them; a
        row is asked about by all that it has. `signals` gives what was seen round a row's picture, which is
        read here and only restricts. Raises what the source raises when it cannot be asked
        (`ClientError`, `SnapshotRefused`), and then no row of that batch is let through.
        """
        for batch in _batches(rows, self._batch_rows):
            _, decided = self._decide(_questions(batch, url, sha256, page_url), _signals(batch, signals))
            for number in np.flatnonzero(decided == DECISIONS.index(Decision.KEEP)).tolist():
                yield batch[number]

    def decisions(
        self,
        rows: Iterable[_T],
        *,
        url: Getter | None = None,
        sha256: Getter | None = None,
        page_url: Getter | None = None,
        signals: Surrounding | None = None,
    ) -> Iterator[Decided[_T]]:
        """Every row with what becomes of it and why, in their order. Otherwise as calling the filter."""
        for batch in _batches(rows, self._batch_rows):
            answers, decided = self._decide(
                _questions(batch, url, sha256, page_url), _signals(batch, signals)
            )
            for row, decision, answer in zip(batch, decided.tolist(), answers, strict=True):
                yield Decided(row, DECISIONS[decision], answer)

    def table(
        self,
        table: pa.Table,
        *,
        url: str | None = None,
        sha256: str | None = None,
        page_url: str | None = None,
    ) -> pa.Table:
        """The rows of an Arrow table that may be used; `url`, `sha256` and `page_url` name its columns."""
        kept = []
        for start in range(0, table.num_rows, self._batch_rows):
            part = table.slice(start, self._batch_rows)
            asked = questions(
                urls=None if url is None else one_array(part[url]),
                sha256=None if sha256 is None else one_array(part[sha256]),
                pages=None if page_url is None else one_array(part[page_url]),
            )
            _, decided = self._decide(asked, {})
            kept.append(part.filter(pa.array(decided == DECISIONS.index(Decision.KEEP))))
        return pa.concat_tables(kept) if kept else table

    def record(self) -> dict[str, Any]:
        """What was decided so far, for the file of evidence: source, policy, counts, times."""
        return {
            "record": "holdout-filter/1",
            "library": __version__,
            "started": self._started.isoformat(),
            "recorded": self._clock().isoformat(),
            "source": self.source.record(),
            "policy": self.policy.record(),
            **self.tally.record(),
        }

    def write_record(self, path: Path | str) -> None:
        """Write `record` as a JSON file, whole or not at all."""
        with replacing_file(Path(path)) as file:
            file.write(json.dumps(self.record(), indent=2).encode() + b"\n")

    def _decide(
        self, asked: Questions, signals: Mapping[int, Sequence[Signal]]
    ) -> tuple[Answers, NDArray[np.uint8]]:
        answers = with_signals(answered(self.source, asked), signals)
        decided = decide(answers, self.policy)
        self.tally.add(answers, decided, by=self.policy)
        return answers, decided


def _source(source: "Source | Snapshot", confirm: Source | None, clock: Callable[[], datetime]) -> Source:
    if not isinstance(source, Source):
        # Here, since the compiler behind snapshots takes a second to load, and a registry needs none.
        from holdout.offline import SnapshotSource

        return SnapshotSource(source, confirm, clock)
    if confirm is not None:
        raise TypeError("only what a snapshot finds is confirmed")
    return source


def _batches(rows: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(rows)
    while batch := list(islice(source, size)):
        yield batch


def _questions(
    batch: list[Any], url: Getter | None, sha256: Getter | None, page_url: Getter | None
) -> Questions:
    return questions(urls=_cells(batch, url), sha256=_cells(batch, sha256), pages=_cells(batch, page_url))


def _signals(batch: list[Any], surrounding: Surrounding | None) -> dict[int, Sequence[Signal]]:
    if surrounding is None:
        return {}
    # Here, since the readers bring parsers along that most vendors need not.
    from holdout.carriers.readers import read_all

    seen = ((number, surrounding(row)) for number, row in enumerate(batch))
    return {number: read_all(around) for number, around in seen if around is not None}


def _cells(batch: list[Any], getter: Getter | None) -> list[Cell] | None:
    if getter is None:
        return None
    return list(map(itemgetter(getter) if isinstance(getter, str) else getter, batch))
