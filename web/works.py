"""What the pages show of works: reading only, always in the tenant that asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Max, QuerySet

from accounts.models import Organization
from consent.models import Statement
from consent.queries import StatementInForce, statements_in_force
from holdout.errors import NotFound
from holdout.resolution import LEAST_ASSURANCE_TO_ALLOW, Assurance, MatchedStatement, resolve
from holdout.verdicts import MatchMethod, Outcome
from holdout.vocabulary import Preference, Preferences, UsageCategory
from ledger import queries as ledger
from ledger.models import LogEntry
from registry.models import Asset, Authorization, Locator, Work
from registry.queries import works_of


@dataclass(frozen=True, slots=True)
class ListedWork:
    """A line of the creator's list; `said` is None while nothing is in force."""

    work: Work
    said: StatementInForce | None


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """A statement and its place in the log, None while it waits for one."""

    statement: Statement
    preferences: Preferences
    index: int | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class WorkDetails:
    """Everything that is shown of one work. `history` is newest first; `said` is the one in force."""

    work: Work
    asset: Asset | None
    sha256: str
    places: list[Locator]
    level: Assurance
    history: list[LoggedStatement]
    said: LoggedStatement | None
    receipt: dict[str, Any] | None

    @property
    def waiting(self) -> bool:
        """Whether the newest statement is not in the log yet."""
        return bool(self.history) and self.history[0].index is None

    @property
    def permits_in_vain(self) -> bool:
        """Whether it says "yes" to something with a proof that cannot permit (lookups answer `unknown`)."""
        said = self.said.preferences.values() if self.said else ()
        return Preference.ALLOW in said and self.level < LEAST_ASSURANCE_TO_ALLOW


def listed_works(organization: Organization) -> QuerySet[Work]:
    return works_of(organization).select_related("declarant")


def with_what_is_said(works: Iterable[Work]) -> list[ListedWork]:
    """The works, in their order, with what their own declarants say of them now, as sequenced."""
    works = list(works)
    said = _in_force(works, as_of=ledger.head().log_index)
    return [ListedWork(work, said.get(work.pk)) for work in works]


def public_answer(work_id: str) -> Mapping[UsageCategory, Outcome]:
    """What follows from what a work's declarant says of it now, for anybody who knows the id.

    Resolved like any answer, so a permission without the proof for it comes to nothing. Raises `NotFound`
    (`work_unknown`).
    """
    work = Work.objects.filter(public_id=work_id).select_related("declarant").first()
    if work is None:
        raise NotFound("work_unknown", "No work has that id.")
    as_of = ledger.head()
    said = _in_force([work], as_of=as_of.log_index).values()
    level = _level(work)
    matched = [
        MatchedStatement(
            statement=s.statement,
            declarant=s.declarant,
            preferences=s.preferences,
            method=MatchMethod.EXACT_FILE,
            assurance=level,
            declared_at=s.declared_at,
            vouched=s.vouched,
        )
        for s in said
    ]
    return resolve(statements=matched, as_of=as_of).uses


def work_of(organization: Organization, work_id: str) -> Work:
    """One of a tenant's works. Raises `NotFound` (`work_unknown`), also for another tenant's."""
    work = listed_works(organization).filter(public_id=work_id).first()
    if work is None:
        raise NotFound("work_unknown", "You have no work with that id.")
    return work


def details_of(work: Work) -> WorkDetails:
    history = _history(work)
    logged = [line for line in history if line.index is not None]
    asset = work.assets.order_by("pk").first()
    return WorkDetails(
        work=work,
        asset=asset,
        sha256=_sha256(asset),
        places=list(work.locators.order_by("pk")),
        level=_level(work),
        history=history,
        said=logged[0] if logged else None,
        receipt=ledger.receipt(logged[0].statement.public_id) if logged else None,
    )


def receipt_of(work: Work, record_id: str | None = None) -> dict[str, Any]:
    """The receipt of one of the work's statements or files, of the statement in force when none is named.

    Raises `NotFound` (`not_in_log`), also for a record that is not about this work.
    """
    if record_id is None:
        record_id = next((s.statement.public_id for s in _history(work) if s.index is not None), "")
    elif not (
        work.statements.filter(public_id=record_id).exists()
        or work.assets.filter(public_id=record_id).exists()
    ):
        raise NotFound("not_in_log", "That record is not about this work.")
    return ledger.receipt(record_id)


def _in_force(works: list[Work], *, as_of: int) -> dict[int, StatementInForce]:
    declarants = {work.pk: work.declarant.public_id for work in works}
    found = statements_in_force(works=list(declarants), locators=[], as_of=as_of)
    return {s.work: s for s in found if s.work is not None and s.declarant == declarants[s.work]}


def _level(work: Work) -> Assurance:
    best = Authorization.objects.filter(asset__work=work).aggregate(level=Max("level"))["level"]
    return Assurance(best or 0)


def _history(work: Work) -> list[LoggedStatement]:
    statements = list(work.statements.filter(declarant=work.declarant_id).order_by("-pk"))
    entries = LogEntry.objects.filter(record_id__in=[s.public_id for s in statements])
    placed = {entry.record_id: entry for entry in entries}
    return [_logged(s, placed.get(s.public_id)) for s in statements]


def _logged(statement: Statement, entry: LogEntry | None) -> LoggedStatement:
    return LoggedStatement(
        statement=statement,
        preferences={
            use: Preference(value) for use in UsageCategory if (value := getattr(statement, use.value))
        },
        index=None if entry is None else entry.index,
        time=None if entry is None else datetime.fromtimestamp(entry.time_ms / 1000, tz=UTC),
    )


def _sha256(asset: Asset | None) -> str:
    found = asset and asset.fingerprints.filter(algorithm="sha256").first()
    return bytes(found.value).hex() if found else ""
