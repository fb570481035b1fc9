"""Reading: the statements in force about registered subjects at a log index."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from django.db import connection
from django.db.models import QuerySet

from accounts.models import Organization
from consent.models import Grant, Intention, Revocation, Statement
from holdout.errors import NotFound
from holdout.fingerprints.algorithms import SHA256
from holdout.ids import is_public_id
from holdout.vocabulary import Preference, Preferences, UsageCategory
from ledger.models import LogEntry
from ledger.queries import entries_of
from registry.models import Fingerprint, Locator, Work


@dataclass(frozen=True, slots=True)
class StatementInForce:
    """A statement and the log indices between which it holds; exactly one of work and locator is set."""

    statement: str
    declarant: str
    work: int | None
    locator: int | None
    preferences: Preferences
    vouched: bool
    declared_at: int
    ended_at: int | None


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """A statement and its place in the log, None while it waits for one."""

    statement: Statement
    preferences: Preferences
    index: int | None
    time: datetime | None


@dataclass(frozen=True, slots=True)
class LoggedGrant:
    """A grant with its place in the log, and that of its revocation; None while they wait for one."""

    grant: Grant
    revocation: Revocation | None
    given: LogEntry | None
    revoked: LogEntry | None

    def lifts(self, now: datetime) -> bool:
        """Whether nobody revoked it and its end has not come."""
        return self.revocation is None and now < self.grant.expires_at


_IN_FORCE = """
SELECT s.public_id, d.public_id, s.work_id, s.locator_id, s.vouched, entry.index, ending.index,
       s.train_gen, s.train_other, s.ai_input, s.tdm, s.search
FROM consent_statement s
JOIN registry_declarant d ON d.id = s.declarant_id
JOIN ledger_logentry entry ON entry.record_id = s.public_id
LEFT JOIN consent_statement successor ON successor.supersedes_id = s.id
LEFT JOIN ledger_logentry ending ON ending.record_id = successor.public_id
WHERE (s.work_id = ANY(%(works)s) OR s.locator_id = ANY(%(locators)s))
  AND entry.index <= %(as_of)s
  AND (ending.index IS NULL OR ending.index > %(as_of)s)
"""


def statements_in_force(
    *, works: Collection[int], locators: Collection[int], as_of: int
) -> list[StatementInForce]:
    """What is said, at log index `as_of`, about these works and places (primary keys)."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_FORCE, {"works": list(works), "locators": list(locators), "as_of": as_of})
        return [
            StatementInForce(
                statement=statement,
                declarant=declarant,
                work=work,
                locator=locator,
                preferences=_preferences(values),
                vouched=vouched,
                declared_at=declared_at,
                ended_at=ended_at,
            )
            for statement, declarant, work, locator, vouched, declared_at, ended_at, *values in cursor
        ]


def _preferences(values: list[str]) -> Preferences:
    said = zip(UsageCategory, values, strict=True)
    return MappingProxyType({use: Preference(value) for use, value in said if value})


def said_of_works(works: Iterable[Work], *, as_of: int) -> dict[int, StatementInForce]:
    """What each work's own declarant says of it, by the work's primary key."""
    declarants = {work.pk: work.declarant.public_id for work in works}
    found = statements_in_force(works=list(declarants), locators=[], as_of=as_of)
    return {s.work: s for s in found if s.work is not None and s.declarant == declarants[s.work]}


def digests_spoken_of(organization: Organization, digests: Collection[bytes]) -> set[bytes]:
    """Those of the SHA-256 digests under which the organisation registered a file and spoke of it."""
    found = Fingerprint.objects.filter(
        algorithm=SHA256.id,
        value__in=digests,
        asset__work__organization=organization,
        asset__work__declarant__spoken_for=False,
        asset__work__statements__isnull=False,
    )
    return {bytes(value) for value in found.values_list("value", flat=True)}


def current_statement(work: Work) -> Statement | None:
    """What the work's declarant says of it now, sequenced or not."""
    return Statement.objects.filter(work=work, declarant=work.declarant, superseded_by=None).first()


def unsuperseded_of(place: Locator) -> Statement | None:
    """What the place's declarant says of it now, sequenced or not."""
    return Statement.objects.filter(locator=place, declarant=place.declarant_id, superseded_by=None).first()


def history_of(subject: Work | Locator) -> list[LoggedStatement]:
    """Everything that the declarant of a work or a place has said of it, newest first."""
    statements = list(subject.statements.filter(declarant=subject.declarant_id).order_by("-pk"))
    entries = entries_of(statement.public_id for statement in statements)
    return [_logged(statement, entries.get(statement.public_id)) for statement in statements]


def chain_of_number(letters: str) -> list[LoggedStatement]:
    """What was said, oldest first, in the chain in which the statement with that registration number stands.

    `letters` as `holdout.ids.number_letters` gives them. Empty where there is none, or it waits for the log.
    """
    numbered = Statement.objects.filter(public_id__startswith=f"stm_{letters}").order_by("pk").first()
    if numbered is None:
        return []
    chain = Statement.objects.filter(
        declarant=numbered.declarant_id, work=numbered.work_id, locator=numbered.locator_id
    )
    statements = list(chain.order_by("pk"))
    entries = entries_of(statement.public_id for statement in statements)
    logged = [_logged(statement, entries.get(statement.public_id)) for statement in statements]
    return [line for line in logged if line.index is not None]


def said_of_places(places: Iterable[Locator]) -> dict[int, Preferences]:
    """What is said of each of these places now, sequenced or not, by primary key; {} for withdrawn."""
    said = Statement.objects.filter(locator__in=places, superseded_by=None)
    return {
        s.locator_id: _preferences([getattr(s, use.value) for use in UsageCategory])
        for s in said
        if s.locator_id is not None
    }


def statements_of(organization: Organization, *, most: int) -> list[str]:
    """The public ids of what a tenant's declarants said, the newest first; not of those it speaks for."""
    own = Statement.objects.filter(declarant__organization=organization, declarant__spoken_for=False)
    said = own.order_by("-pk")
    return list(said.values_list("public_id", flat=True)[:most])


def grants_of(organization: Organization) -> list[LoggedGrant]:
    """Everything that a tenant's declarants permitted, newest first."""
    found = Grant.objects.filter(declarant__organization=organization)
    grants = list(found.select_related("declarant", "grantee", "revocation").order_by("-pk"))
    revocations = {grant.pk: getattr(grant, "revocation", None) for grant in grants}
    revoked = [revocation.public_id for revocation in revocations.values() if revocation]
    entries = entries_of([*(grant.public_id for grant in grants), *revoked])
    return [
        LoggedGrant(
            grant=grant,
            revocation=revocation,
            given=entries.get(grant.public_id),
            revoked=entries.get(revocation.public_id) if revocation else None,
        )
        for grant in grants
        for revocation in [revocations[grant.pk]]
    ]


def grant_of(organization: Organization, public_id: str) -> Grant:
    """One of what a tenant permitted. Raises `NotFound` (`grant_unknown`), also for another tenant's."""
    found = Grant.objects.filter(declarant__organization=organization, public_id=public_id)
    grant = found.select_related("declarant", "grantee").first() if is_public_id(public_id) else None
    if grant is None:
        raise NotFound("grant_unknown", "You gave no permission with that id.")
    return grant


def grants_to(vendor: Organization, *, now: datetime) -> QuerySet[Grant]:
    """What a vendor was granted, sequenced or not, that is neither revoked nor over, newest first."""
    return Grant.objects.filter(grantee=vendor, revocation=None, expires_at__gt=now).order_by("-pk")


def _logged(statement: Statement, entry: LogEntry | None) -> LoggedStatement:
    return LoggedStatement(
        statement=statement,
        preferences=_preferences([getattr(statement, use.value) for use in UsageCategory]),
        index=None if entry is None else entry.index,
        time=None if entry is None else entry.time,
    )


def intention_of(subject: Work | Locator) -> Intention | None:
    """What is to be said of a work or a place later."""
    if isinstance(subject, Work):
        return Intention.objects.filter(work=subject).first()
    return Intention.objects.filter(locator=subject).first()
