"""What becomes of a picture once it has been asked about: the vendor's choices, said out loud and recorded.

What is reserved, and what could not be looked up, is never let through. Two things are the vendor's to
choose, and neither has a default: what happens to pictures of which nobody spoke (`on_unset`), and to those
that a person would have to look at (`on_review`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdout.answers import Answers, Uses, least_permissive
from holdout.errors import InvalidInput
from holdout.verdicts import AsOf, Outcome
from holdout.vocabulary import UsageCategory

_T = TypeVar("_T")


class Decision(StrEnum):
    """What becomes of a row, from the most to the least permissive."""

    KEEP = "keep"
    HOLD = "hold"
    """Not let through, and not given up: somebody has to look, or the registry has to be asked."""
    DROP = "drop"
    FAIL = "fail"
    """Could not be looked up, so not let through."""


DECISIONS: Final = tuple(Decision)
_RANK: Final = {decision: rank for rank, decision in enumerate(DECISIONS)}

CONFIRMATION_NEEDED: Final = "confirmation_needed"
"""The error of a row of which a snapshot says that only the registry can answer. Such rows are held."""

ON_UNSET: Final = (Decision.KEEP, Decision.DROP)
ON_REVIEW: Final = (Decision.KEEP, Decision.DROP, Decision.HOLD)


@dataclass(frozen=True, slots=True)
class Policy:
    """For which uses the pictures are wanted, and what to do where nobody can say. Made by `policy`."""

    uses: tuple[UsageCategory, ...]
    on_unset: Decision
    on_review: Decision

    def of(self, uses: Uses) -> Decision:
        """What becomes of a checked picture: each wanted use has to let it through."""
        each = (self._of_outcome(uses[use]) for use in self.uses)
        return max(each, key=_RANK.__getitem__)

    def _of_outcome(self, outcome: Outcome) -> Decision:
        match outcome:
            case Outcome.ALLOW:
                return Decision.KEEP
            case Outcome.UNKNOWN:
                return self.on_unset
            case Outcome.REVIEW:
                return self.on_review
            case _:
                return Decision.DROP

    def record(self) -> dict[str, Any]:
        """For the file of evidence, with what cannot be chosen too."""
        return {
            "uses": [use.value for use in self.uses],
            "on_allow": "keep",
            "on_unset": self.on_unset.value,
            "on_review": self.on_review.value,
            "on_deny": "drop",
            "on_conditional": "drop",
            "on_failed": "fail",
        }


def policy(*, use: str | Iterable[str], on_unset: str, on_review: str) -> Policy:
    """Read a policy as a person writes it: `use` is one use or several, all of which must be permitted.

    Raises `InvalidInput` (`usage_unknown`, `policy_invalid`).
    """
    wanted = [use] if isinstance(use, str) else list(use)
    known = list(UsageCategory)
    if not wanted or any(name not in known for name in wanted):
        raise InvalidInput("usage_unknown", f"Name the uses that you want: {', '.join(known)}.")
    return Policy(
        tuple(use for use in UsageCategory if use in wanted),
        _choice("on_unset", on_unset, ON_UNSET),
        _choice("on_review", on_review, ON_REVIEW),
    )


def _choice(name: str, said: str, choices: tuple[Decision, ...]) -> Decision:
    if said not in choices:
        raise InvalidInput("policy_invalid", f"{name} must be one of {', '.join(choices)}, not {said!r}.")
    return Decision(said)


def decide(answers: Answers, by: Policy) -> NDArray[np.uint8]:
    """For each row an index into `DECISIONS`. What a site does not let the crawler fetch is dropped."""
    of_outcome = np.array([_RANK[by.of(uses)] for uses in answers.outcomes], np.uint8)
    of_error = np.array(
        [_RANK[Decision.HOLD if code == CONFIRMATION_NEEDED else Decision.FAIL] for code in answers.errors],
        np.uint8,
    )
    decided: NDArray[np.uint8] = np.where(
        answers.error == 0, of_outcome[answers.outcome], of_error[answers.error]
    )
    decided[answers.blocked] = np.maximum(decided[answers.blocked], _RANK[Decision.DROP])
    return decided


@dataclass(slots=True)
class Tally:
    """What a run came to, so far; tallies of parts add up."""

    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Rows by the least permissive outcome among the wanted uses, or `failed`."""
    decisions: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """Failed rows by code."""
    disputed: int = 0
    as_of: tuple[AsOf, ...] = ()
    """The earliest and the latest moment of the log that answers spoke of."""
    index_versions: tuple[int, ...] = ()
    """The lowest and the highest."""

    def add(self, answers: Answers, decided: NDArray[np.uint8], *, by: Policy) -> None:
        """Count a batch."""
        checked = answers.error == 0
        self.rows += answers.rows
        names = [least_permissive(uses, by.uses).value for uses in answers.outcomes]
        self.outcomes += _counted(names, answers.outcome[checked])
        failed = _counted(answers.errors, answers.error[~checked])
        self.errors += failed
        self.outcomes += Counter({"failed": failed.total()})
        self.decisions += _counted([decision.value for decision in DECISIONS], decided)
        self.disputed += len(answers.disputed)
        self._saw(answers.as_of, answers.index_versions)

    def merge(self, other: "Tally") -> None:
        """Count what another tally counted."""
        self.rows += other.rows
        self.outcomes += other.outcomes
        self.decisions += other.decisions
        self.errors += other.errors
        self.disputed += other.disputed
        self._saw(other.as_of, other.index_versions)

    def _saw(self, as_of: tuple[AsOf, ...], versions: tuple[int, ...]) -> None:
        self.as_of = _ends(sorted((*self.as_of, *as_of)))
        self.index_versions = _ends(sorted((*self.index_versions, *versions)))

    def record(self) -> dict[str, Any]:
        """As JSON values, with nothing but counts and moments in it."""
        return {
            "rows": self.rows,
            "outcomes": dict(sorted(self.outcomes.items())),
            "decisions": {decision.value: self.decisions[decision.value] for decision in DECISIONS},
            "errors": dict(sorted(self.errors.items())),
            "disputed": self.disputed,
            "as_of": [{"log_index": m.log_index, "time": m.time.isoformat()} for m in self.as_of],
            "index_versions": list(self.index_versions),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Tally":
        """The tally that `record` wrote down."""
        return cls(
            rows=record["rows"],
            outcomes=Counter(record["outcomes"]),
            decisions=Counter(record["decisions"]),
            errors=Counter(record["errors"]),
            disputed=record["disputed"],
            as_of=tuple(AsOf(m["log_index"], datetime.fromisoformat(m["time"])) for m in record["as_of"]),
            index_versions=tuple(record["index_versions"]),
        )


def _counted(names: Iterable[str], numbers: NDArray[Any]) -> Counter[str]:
    counts: Counter[str] = Counter()
    names = list(names)
    for name, count in zip(names, np.bincount(numbers, minlength=len(names)).tolist(), strict=True):
        counts[name] += count
    return counts


def _ends(ordered: list[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((*ordered[:1], *ordered[-1:])))
