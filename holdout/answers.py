"""What a registry or a snapshot answered: an `Answer` a picture, or `Answers`, a batch of them in columns."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdout.resolution import most_restrictive, of_signals
from holdout.signals import Signal
from holdout.verdicts import Access, AsOf, Outcome, Reason, Status
from holdout.vocabulary import UsageCategory

_T = TypeVar("_T")
Uses = Mapping[UsageCategory, Outcome]
"""An outcome for each of the five uses; none at all in a failed answer."""

NOTHING_SAID: Final[Uses] = MappingProxyType(dict.fromkeys(UsageCategory, Outcome.UNKNOWN))
"""Looked, and nobody spoke of it. It is not a permission."""

_NO_USES: Final[Uses] = MappingProxyType({})
_FROM_PERMISSIVE: Final = (
    Outcome.ALLOW,
    Outcome.UNKNOWN,
    Outcome.REVIEW,
    Outcome.CONDITIONAL,
    Outcome.DENY,
)


def least_permissive(uses: Uses, wanted: Iterable[UsageCategory] = UsageCategory) -> Outcome:
    """What several uses come to together: permitted only where each of them is.

    Not `most_restrictive` of the resolution, which asks what several parties say of one use: there an allow
    outweighs silence. Here one use of which nobody spoke leaves the whole unknown.
    """
    return max((uses[use] for use in wanted), key=_FROM_PERMISSIVE.index)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question.

    A `checked` answer has an outcome for each of the five uses. A `failed` one has none and carries `error`,
    a stable code (docs/reference/errors.md): it is never a permission.
    """

    status: Status
    uses: Uses = field(default_factory=lambda: _NO_USES)
    source: str | None = None
    """The public id of the statement that weighs most, where something was said and the source is known; of
    what a signal adds, its standard.
    """
    reasons: tuple[Reason, ...] = ()
    """All reasons, where they were asked for (`lookup`); the quick doors answer with `source` alone."""
    disputed: bool = False
    error: str | None = None
    detail: str = ""
    access: Access = Access.UNKNOWN
    as_of: AsOf | None = None

    def outcome(self, *uses: str) -> Outcome | None:
        """What `uses` (none: all five) come to together, the least permissive; None for a failed answer."""
        if self.status is Status.FAILED:
            return None
        return least_permissive(self.uses, map(UsageCategory, uses) if uses else UsageCategory)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a batch of `rows` questions, in columns, in the order of the questions."""

    outcomes: Sequence[Uses]
    """The combinations that occur; the first is `NOTHING_SAID`."""
    outcome: NDArray[np.uint16]
    """For each row an index into `outcomes`; 0 where the row failed."""
    errors: Sequence[str]
    """The error codes that occur; the first is empty."""
    error: NDArray[np.uint16]
    """For each row an index into `errors`; 0: it was checked."""
    sources: Mapping[int, str] = field(default_factory=dict)
    """The statement that weighs most, for the rows of which that is known."""
    disputed: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Rows, ascending."""
    as_of: tuple[AsOf, ...] = ()
    """The moments of the log that the answers speak of: none, or the earliest and the latest."""
    index_versions: tuple[int, ...] = ()
    """The versions of the registry's index that answered, ascending."""
    blocked: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Rows, ascending, whose site does not let the caller's crawler in."""

    @property
    def rows(self) -> int:
        return len(self.outcome)

    def __iter__(self) -> Iterator[Answer]:
        as_of = self.as_of[0] if self.as_of else None
        blocked = frozenset(self.blocked.tolist())
        plain = [Answer(Status.CHECKED, uses, as_of=as_of) for uses in self.outcomes]
        disputed = frozenset(self.disputed.tolist())
        for row, (outcome, error) in enumerate(zip(self.outcome.tolist(), self.error.tolist(), strict=True)):
            if error:
                yield Answer(Status.FAILED, error=self.errors[error], as_of=as_of)
            elif row in self.sources or row in disputed or row in blocked:
                yield Answer(
                    Status.CHECKED,
                    self.outcomes[outcome],
                    source=self.sources.get(row),
                    disputed=row in disputed,
                    access=Access.BLOCKED if row in blocked else Access.UNKNOWN,
                    as_of=as_of,
                )
            else:
                yield plain[outcome]


def nothing_found(rows: int, *, as_of: AsOf | None = None) -> Answers:
    """`rows` rows that were checked, with nothing said about any."""
    return Answers(
        outcomes=(NOTHING_SAID,),
        outcome=np.zeros(rows, np.uint16),
        errors=("",),
        error=np.zeros(rows, np.uint16),
        as_of=(as_of,) if as_of else (),
    )


def joined(parts: Sequence[Answers]) -> Answers:
    """The answers to consecutive batches as those to one."""
    if len(parts) == 1:
        return parts[0]
    outcomes, errors = _Numbered(NOTHING_SAID), _Numbered("")
    starts = np.cumsum([0, *(part.rows for part in parts)]).tolist()
    moments = sorted(moment for part in parts for moment in part.as_of)
    return Answers(
        outcome=_concatenated([outcomes.of(part.outcomes)[part.outcome] for part in parts]),
        error=_concatenated([errors.of(part.errors)[part.error] for part in parts]),
        outcomes=outcomes.values,
        errors=errors.values,
        sources={
            start + row: source
            for start, part in zip(starts, parts, strict=False)
            for row, source in part.sources.items()
        },
        disputed=_rows_of(parts, [part.disputed for part in parts]),
        as_of=tuple(dict.fromkeys((*moments[:1], *moments[-1:]))),
        index_versions=tuple(sorted({version for part in parts for version in part.index_versions})),
        blocked=_rows_of(parts, [part.blocked for part in parts]),
    )


def _rows_of(parts: Sequence[Answers], rows: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Rows of parts as rows of the whole."""
    starts = np.cumsum([0, *(part.rows for part in parts)]).tolist()
    moved = [start + each for start, each in zip(starts, rows, strict=False)]
    return np.concatenate([np.empty(0, np.int64), *moved])


def _concatenated(parts: Sequence[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    return np.concatenate([np.empty(0, np.uint16), *parts])


def with_signals(answers: Answers, signals: Mapping[int, Sequence[Signal]]) -> Answers:
    """The same, with what was seen round some rows' pictures, which only restricts. Failed rows stay so."""
    said = {row: of_signals(each) for row, each in signals.items() if not answers.error[row]}
    if not said:
        return answers
    outcomes, outcome = _Numbered(NOTHING_SAID), answers.outcome.copy()
    outcome = outcomes.of(answers.outcomes)[outcome]
    sources = dict(answers.sources)
    for row, resolution in said.items():
        before = outcomes.values[outcome[row]]
        both = MappingProxyType(
            {use: most_restrictive((before[use], resolution.uses[use])) for use in UsageCategory}
        )
        if both != before:
            (outcome[row],) = outcomes.of([both])
            sources[row] = resolution.reasons[0].method
    blocked = [row for row, resolution in said.items() if resolution.access is Access.BLOCKED]
    return replace(
        answers,
        outcomes=outcomes.values,
        outcome=outcome,
        sources=sources,
        blocked=np.union1d(answers.blocked, np.array(blocked, np.int64)),
    )


class _Numbered(Generic[_T]):
    """Values with the numbers of their first appearance."""

    def __init__(self, first: _T) -> None:
        self.values = [first]

    def of(self, values: Sequence[_T]) -> NDArray[np.uint16]:
        """The numbers of `values`."""
        self.values += [value for value in values if value not in self.values]
        return np.array([self.values.index(value) for value in values], np.uint16)
