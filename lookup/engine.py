"""The one engine behind every door: queries in, verdicts out, in the same order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from consent.queries import StatementInForce, statements_in_force
from holdout.errors import HoldoutError
from holdout.resolution import MatchedStatement, resolve
from holdout.verdicts import AsOf, MatchMethod, Outcome, Query, Status, Verdict
from holdout.vocabulary import UsageCategory
from ledger.queries import head
from lookup.matching import Match, match
from lookup.metrics import count_answers
from registry.models import Work
from registry.queries import work_assurance

_NOTHING_SAID = resolve(statements=(), as_of=AsOf(0, datetime.fromtimestamp(0, tz=UTC))).uses
"""What follows from nothing, worked out once: most of a batch is that."""


def answer(queries: Sequence[Query | HoldoutError], *, as_of: AsOf | None = None) -> list[Verdict]:
    """One verdict for each query, as of the log's head unless told otherwise.

    An element that could not even be read comes in as its error and goes out as a failed verdict. Database
    trouble is raised, never answered.
    """
    as_of = as_of or head()
    readable = [query for query in queries if isinstance(query, Query)]
    matched = match(readable, as_of=as_of.log_index)
    said = _StatementsBySubject(matched.matches, as_of=as_of)
    verdicts = iter(
        [
            Verdict.failed(matched.errors[i], as_of=as_of)
            if i in matched.errors
            else _verdict(matches, said, as_of=as_of)
            for i, matches in enumerate(matched.matches)
        ]
    )
    answered = [
        next(verdicts) if isinstance(query, Query) else Verdict.failed(query, as_of=as_of)
        for query in queries
    ]
    count_answers(answered)
    return answered


def answer_about(work: Work) -> Mapping[UsageCategory, Outcome]:
    """What follows, now, from what is said of a work, for somebody who holds the very file."""
    as_of = head()
    assurance = work_assurance(work, as_of=as_of.log_index)
    found = Match(MatchMethod.EXACT_FILE, assurance, work=work.pk)
    return _verdict([found], _StatementsBySubject([[found]], as_of=as_of), as_of=as_of).uses


class _StatementsBySubject:
    """The statements in force about all matched subjects of a batch, fetched once."""

    def __init__(self, matches: Sequence[Sequence[Match]], *, as_of: AsOf) -> None:
        works = {m.work for found in matches for m in found if m.work is not None}
        locators = {m.locator for found in matches for m in found if m.locator is not None}
        self._by_work: dict[int | None, list[StatementInForce]] = defaultdict(list)
        self._by_locator: dict[int | None, list[StatementInForce]] = defaultdict(list)
        if works or locators:
            for s in statements_in_force(works=works, locators=locators, as_of=as_of.log_index):
                (self._by_locator if s.work is None else self._by_work)[s.work or s.locator].append(s)

    def about(self, found: Match) -> list[StatementInForce]:
        if found.work is not None:
            return self._by_work.get(found.work, [])
        return self._by_locator.get(found.locator, [])


def _verdict(matches: Sequence[Match], said: _StatementsBySubject, *, as_of: AsOf) -> Verdict:
    statements = [_matched(found, s) for found in matches for s in said.about(found)]
    if not statements:
        return Verdict(status=Status.CHECKED, as_of=as_of, uses=_NOTHING_SAID)
    resolution = resolve(statements=statements, as_of=as_of)
    return Verdict(
        status=Status.CHECKED,
        as_of=as_of,
        uses=resolution.uses,
        access=resolution.access,
        reasons=resolution.reasons,
        disputed=resolution.disputed,
    )


def _matched(found: Match, s: StatementInForce) -> MatchedStatement:
    return MatchedStatement(
        statement=s.statement,
        declarant=s.declarant,
        preferences=s.preferences,
        method=found.method,
        assurance=found.assurance,
        declared_at=s.declared_at,
        ended_at=s.ended_at,
        specificity=found.specificity,
        vouched=s.vouched,
    )
