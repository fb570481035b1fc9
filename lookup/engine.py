"""The one engine behind every door: a batch in, what is said about its rows out.

`look_up` asks the read index; `decide` (`lookup.decisions`) and `answer` are two ways to put what it found:
in columns for bulk, as verdicts with every reason for whoever reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consent.queries import statements_in_force
from holdout.errors import HoldoutError, InvalidInput
from holdout.index.read import Found, View
from holdout.index.records import RANKS
from holdout.index.view import ANSWER_TOO_LARGE
from holdout.resolution import LEAST_ASSURANCE, MatchedStatement, resolve
from holdout.signals import Signal
from holdout.url_keys import ERRORS, url_keys
from holdout.urls import url_error
from holdout.verdicts import AsOf, MatchMethod, Outcome, Query, Status, Verdict
from holdout.vocabulary import UsageCategory
from ledger.queries import head
from lookup.batch import Batch, Texts, batch_of
from lookup.decisions import METHOD_CODE, METHODS, Lines, resolution_of
from lookup.grants import NOTHING_GRANTED, Granted
from lookup.metrics import count_answers
from lookup.near import Near, Sight, near_lines
from registry.models import Work
from registry.queries import work_assurance
from registry.read_index import current_view, index_folder

__all__ = [
    "MAX_REASONS",
    "UNREADABLE",
    "Looked",
    "answer",
    "answer_about",
    "current_view",
    "error_of",
    "index_folder",
    "look_up",
    "verdicts_of",
]

_NOTHING_SAID: Final = resolve(statements=(), as_of=AsOf(0, datetime.fromtimestamp(0, tz=UTC))).uses
"""What follows from nothing, worked out once: most of a batch is that."""
UNREADABLE: Final = 255
MAX_REASONS: Final = 200_000
"""Of one answer that gives them all, at half a kilobyte and twenty microseconds each."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What the index says about a batch at one moment."""

    as_of: AsOf
    index_version: int
    error: NDArray[np.uint8]
    """Per row: 0, or which of `ERRORS` kept it from being looked up, or `UNREADABLE`. Such a row has no
    lines.
    """
    lines: Lines
    not_compared: Mapping[int, HoldoutError] = field(default_factory=lambda: MappingProxyType({}))
    """The `UNREADABLE` rows that could be read, but whose picture could not be compared, and why."""
    sights: Sequence[Sight] = ()
    """How near copies lie on what they are copies of."""
    signals: Mapping[int, Sequence[Signal]] = field(default_factory=lambda: MappingProxyType({}))
    """What the caller saw round the pictures, by row; a row that failed has none."""
    granted: Granted = NOTHING_GRANTED
    """What the caller was granted."""


def look_up(
    batch: Batch, *, view: View | None = None, vendor: str | None = None, now: datetime | None = None
) -> Looked:
    """What is said about each row of a batch, for the organisation with the public id `vendor` (None: for
    nobody in particular). Row i depends on what the batch asks for row i alone.

    `now` is the clock by which grants end, in UTC.
    """
    view = view or current_view()
    now = now or datetime.now(UTC)
    granted = NOTHING_GRANTED if vendor is None else Granted.to(vendor, view=view, now=now)
    error = np.zeros(batch.rows, dtype=np.uint8)
    error[list(batch.unreadable)] = UNREADABLE
    parts = []
    if batch.urls is not None:
        parts.append(_by_url(batch.urls, view, error))
    if batch.pages is not None:
        parts.append(_by_page(batch.pages, view, error))
    if batch.accounts is not None:
        found = view.packed(batch.accounts.key)
        parts.append(_lines(found, batch.accounts.row, method=MatchMethod.PAGE))
    exact = Lines.together([])
    if batch.files is not None:
        exact = _lines(view.files(batch.files.digest), batch.files.row)
        parts.append(exact)
    if batch.keys is not None:
        parts.append(_lines(view.packed(batch.keys.key), batch.keys.row))
    near = Near(Lines.together([]), {})
    if batch.codes or batch.looks:
        near = near_lines(batch, view, exact=exact)
        parts.append(near.lines)
        error[list(near.failed)] = UNREADABLE
    lines = Lines.together(parts)
    # A row that failed in one column has no answer, whatever the others found.
    lines = lines if not error.any() else lines.where(error[lines.row] == 0)
    failed = int(np.count_nonzero(error))
    count_answers(checked=batch.rows - failed, failed=failed)
    signals = {row: said for row, said in batch.signals.items() if not error[row]}
    return Looked(view.as_of, view.version, error, lines, near.failed, near.sights, signals, granted)


def _by_url(asked: Texts, view: View, error: NDArray[np.uint8]) -> Lines:
    keys = url_keys(asked.buffer, asked.start, asked.end)
    error[asked.row] = np.maximum(error[asked.row], keys.error)
    return _lines(view.urls(keys), asked.row)


def _by_page(asked: Texts, view: View, error: NDArray[np.uint8]) -> Lines:
    keys = url_keys(asked.buffer, asked.start, asked.end)
    error[asked.row] = np.maximum(error[asked.row], keys.error)
    lines = _lines(view.urls(keys), asked.row, method=MatchMethod.PAGE)
    # As a PAGE one threshold holds for all; a host or a domain needs the proof that it needs by itself.
    return lines.where(lines.record["assurance"] >= _LEAST_OF_KIND[lines.record["kind"]])


_METHOD_OF_KIND: Final = np.array(
    [
        METHOD_CODE[method]
        for method in (
            MatchMethod.URL,
            MatchMethod.PATH,
            MatchMethod.HOST,
            MatchMethod.DOMAIN,
            MatchMethod.PICTURE,
            MatchMethod.ACCOUNT,
            MatchMethod.EXACT_FILE,
        )
    ],
    dtype=np.uint8,
)
_LEAST_OF_KIND: Final = np.array(
    [LEAST_ASSURANCE[METHODS[code]] for code in _METHOD_OF_KIND.tolist()], dtype=np.uint8
)


def _lines(found: Found, row: NDArray[np.int64], *, method: MatchMethod | None = None) -> Lines:
    """What was found for the rows of a column, as lines of the batch's rows."""
    by_kind = _METHOD_OF_KIND[found.kind]
    return Lines(
        row=row[found.row],
        method=by_kind if method is None else np.full_like(by_kind, METHOD_CODE[method]),
        specificity=RANKS[found.kind] << 32 | found.length,
        record=found.record,
        seen=np.zeros(len(found), dtype=np.uint8),
    )


def answer(queries: Sequence[Query | HoldoutError], *, view: View | None = None) -> list[Verdict]:
    """One verdict for each query. One that could not even be read comes in, and goes out, as its error."""
    batch = batch_of(queries)
    return verdicts_of(batch, look_up(batch, view=view))


def verdicts_of(batch: Batch, looked: Looked) -> list[Verdict]:
    """One verdict for each row of a batch, with every reason; rows of which nothing is said share one.

    Raises `InvalidInput` (`answer_too_large`): each reason costs as much as a hundred rows without one.
    """
    if len(looked.lines) > MAX_REASONS:
        raise InvalidInput(
            ANSWER_TOO_LARGE, "There are too many reasons for one answer; send fewer, or ask for hits alone."
        )
    verdicts = [Verdict(status=Status.CHECKED, as_of=looked.as_of, uses=_NOTHING_SAID)] * batch.rows
    for row in np.flatnonzero(looked.error).tolist():
        verdicts[row] = Verdict.failed(error_of(batch, looked, row), as_of=looked.as_of)
    places = dict.fromkeys(looked.signals, (0, 0))
    places |= {row: (first, count) for row, first, count in looked.lines.rows()}
    for row, (first, count) in places.items():
        verdicts[row] = _verdict(looked, first, count, looked.signals.get(row, ()))
    return verdicts


def error_of(batch: Batch, looked: Looked, row: int) -> HoldoutError:
    """Why a failed row failed."""
    known = batch.unreadable.get(row) or looked.not_compared.get(row)
    return known or url_error(ERRORS[looked.error[row]])


def _verdict(looked: Looked, first: int, count: int, signals: Sequence[Signal]) -> Verdict:
    resolution = resolution_of(looked.lines, first, count, signals, looked.granted)
    return Verdict(
        status=Status.CHECKED,
        as_of=looked.as_of,
        uses=resolution.uses,
        access=resolution.access,
        reasons=resolution.reasons,
        disputed=resolution.disputed,
    )


def answer_about(work: Work) -> Mapping[UsageCategory, Outcome]:
    """What follows, now, from what is said of a work, for somebody who holds the very file."""
    as_of = head()
    proven = work_assurance(work, as_of=as_of.log_index)
    said = statements_in_force(works=[work.pk], locators=[], as_of=as_of.log_index)
    statements = [
        MatchedStatement(
            statement=s.statement,
            declarant=s.declarant,
            preferences=s.preferences,
            method=MatchMethod.EXACT_FILE,
            assurance=proven.level,
            declared_at=s.declared_at,
            ended_at=s.ended_at,
            vouched=s.vouched or not proven.permits,
        )
        for s in said
    ]
    return resolve(statements=statements, as_of=as_of).uses
