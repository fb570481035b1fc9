"""Which statements a lookup hit, how often, for whom, on which day: the creator's "who asked".

A lookup writes one row with what it hit (`HitBatch`); `roll_up` counts those rows together by statement,
organisation and day. So a lookup pays for one insert, and a batch is counted once or not at all. How near
copies lie on the registered picture is kept for its declarant (`NearHit`).
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from django.db.models import Count, F, Sum
from django.db.models.functions import Now
from numpy.typing import NDArray

from accounts.models import Organization
from holdout.ids import id_bits
from holdout.verdicts import MatchMethod
from lookup.decisions import Decisions, Lines
from lookup.engine import Looked
from lookup.models import HitBatch, HitCount, NearHit
from lookup.near import Sight

KEPT: Final = timedelta(days=730)
SIGHTS_KEPT: Final = timedelta(days=90)
_BATCHES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Hits:
    """Statements that had an effect on some rows: their random bits (V16), distinct, and the number of
    rows.
    """

    statement: NDArray[np.void]
    count: NDArray[np.int64]
    sights: Sequence[Sight] = ()

    def __len__(self) -> int:
        return len(self.statement)


def hits_of(looked: Looked, decisions: Decisions) -> Hits:
    """Every statement found for the rows about which something follows, counted once a row.

    `decisions` are those without grants: whoever permitted a vendor something wants to see that it asked.
    """
    rows = set(decisions.row.tolist()) if looked.sights else set()
    hits = _hits_of(looked.lines, decisions)
    return Hits(hits.statement, hits.count, [sight for sight in looked.sights if sight.row in rows])


def _hits_of(lines: Lines, decisions: Decisions) -> Hits:
    felt = np.isin(lines.row, decisions.row, assume_unique=False)
    row, statement = lines.row[felt], lines.record["statement"][felt]
    bits = np.frombuffer(statement.tobytes(), dtype=">u8").reshape(-1, 2)
    order = np.lexsort((row, bits[:, 1], bits[:, 0]))
    return _counted(statement[order], row[order])


def _counted(statement: NDArray[np.void], row: NDArray[np.int64]) -> Hits:
    """Both sorted by statement, then row: a row that found a statement in two ways counts once."""
    if not len(statement):
        return Hits(statement, row)
    new_statement = np.ones(len(statement), dtype=np.bool_)
    new_statement[1:] = statement[1:] != statement[:-1]
    new_row = new_statement.copy()
    new_row[1:] |= row[1:] != row[:-1]
    first = np.flatnonzero(new_statement)
    return Hits(statement[first], np.add.reduceat(new_row.astype(np.int64), first))


def store_hits(organization: Organization, hits: Hits) -> None:
    """Write down what one lookup of `organization` hit, today by the database's clock."""
    if len(hits):
        HitBatch.objects.create(
            organization=organization,
            statements=hits.statement.tobytes(),
            counts=hits.count.astype("<u4").tobytes(),
        )
    NearHit.objects.bulk_create(
        NearHit(
            organization=organization,
            statement=UUID(bytes=sight.statement),
            method=sight.likeness.kind.value,
            mirrored=sight.likeness.mirrored,
            inverted=sight.likeness.inverted,
            outline=list(sight.likeness.outline),
            aspect=sight.likeness.extent[0] / sight.likeness.extent[1],
        )
        for sight in hits.sights
    )


_ADD: Final = """
INSERT INTO lookup_hitcount (statement, organization_id, day, rows)
SELECT statement, %(organization)s, %(day)s, rows FROM unnest(%(statements)s::uuid[], %(rows)s::bigint[])
    AS hit (statement, rows) ORDER BY statement
ON CONFLICT (statement, organization_id, day) DO UPDATE SET rows = lookup_hitcount.rows + EXCLUDED.rows
"""


def roll_up() -> int:
    """Count stored batches together; returns how many. Several workers may do it at once."""
    with transaction.atomic():
        batches = list(HitBatch.objects.select_for_update(skip_locked=True).order_by("pk")[:_BATCHES_AT_ONCE])
        groups: dict[tuple[int, date], list[HitBatch]] = {}
        for batch in batches:
            groups.setdefault((batch.organization_id, batch.at.date()), []).append(batch)
        # In one order, so that two workers never wait for each other's rows in a circle.
        for (organization, day), group in sorted(groups.items(), key=lambda g: g[0]):
            _add(organization, day, group)
        HitBatch.objects.filter(pk__in=[batch.pk for batch in batches]).delete()
    return len(batches)


def _add(organization: int, day: date, batches: Iterable[HitBatch]) -> None:
    total: dict[bytes, int] = {}
    for batch in batches:
        bits, counts = bytes(batch.statements), np.frombuffer(batch.counts, dtype="<u4").tolist()
        for i, count in enumerate(counts):
            statement = bits[16 * i : 16 * i + 16]
            total[statement] = total.get(statement, 0) + count
    with connection.cursor() as cursor:
        parameters: dict[str, Any] = {
            "organization": organization,
            "day": day,
            "statements": [UUID(bytes=statement) for statement in total],
            "rows": list(total.values()),
        }
        cursor.execute(_ADD, parameters)


def was_told(organization: Organization, statement: str) -> bool:
    """Whether a lookup of `organization` hit the statement with that public id, counted already or not."""
    bits = id_bits(statement)
    if HitCount.objects.filter(statement=UUID(bytes=bits), organization=organization).exists():
        return True
    waiting = HitBatch.objects.filter(organization=organization).values_list("statements", flat=True)
    return any(bits in _cut(bytes(statements)) for statements in waiting.iterator())


def _cut(statements: bytes) -> set[bytes]:
    return {statements[i : i + 16] for i in range(0, len(statements), 16)}


@dataclass(frozen=True, slots=True)
class Asked:
    """That an organisation was told of a statement, on a day, for so many pictures."""

    day: date
    organization: str
    rows: int


def who_asked(statements: Iterable[str], *, days: int = 90) -> list[Asked]:
    """Who was told of any of these statements (public ids) in the last days, newest first."""
    bits = [UUID(bytes=id_bits(statement)) for statement in statements]
    counts = (
        HitCount.objects.filter(statement__in=bits, day__gte=Now() - timedelta(days=days))
        .values("day", name=F("organization__name"))
        .annotate(total=Sum("rows"))
        .order_by("-day", "name")
    )
    return [Asked(row["day"], row["name"], row["total"]) for row in counts]


@dataclass(frozen=True, slots=True)
class Told:
    """How often whoever asked was told of some statements, in the last days."""

    rows: int
    by_day: Mapping[date, int]
    by_organization: Mapping[str, int]
    """Name -> times, who was told most often first."""


_NOBODY: Final = Told(0, MappingProxyType({}), MappingProxyType({}))


def told_of(statements: Collection[str], *, days: int) -> Told:
    """What `who_asked` says, added up by day and by organisation."""
    if not statements:
        return _NOBODY
    by_day: Counter[date] = Counter()
    by_organization: Counter[str] = Counter()
    for line in who_asked(statements, days=days):
        by_day[line.day] += line.rows
        by_organization[line.organization] += line.rows
    return Told(by_day.total(), dict(sorted(by_day.items())), dict(by_organization.most_common()))


def told_at_all(*, days: int) -> tuple[int, int]:
    """How many organisations were told of anybody's statements in the last days, and how often."""
    lately = HitCount.objects.filter(day__gte=Now() - timedelta(days=days))
    found = lately.aggregate(organizations=Count("organization", distinct=True), rows=Sum("rows"))
    return found["organizations"], found["rows"] or 0


@dataclass(frozen=True, slots=True)
class SeenCopy:
    """A near copy of a picture that an organisation asked about."""

    at: datetime
    organization: str
    method: MatchMethod
    mirrored: bool
    inverted: bool
    outline: tuple[tuple[float, float], ...]
    """The corners of what was asked about, as shares of the registered picture's width and height."""
    aspect: float
    """Width of the registered picture over its height."""


def seen_copies(statements: Iterable[str], *, most: int = 12) -> list[SeenCopy]:
    """The near copies for which any of these statements (public ids) was told, the newest first."""
    bits = [UUID(bytes=id_bits(statement)) for statement in statements]
    hits = NearHit.objects.filter(statement__in=bits).select_related("organization").order_by("-at")[:most]
    return [
        SeenCopy(
            at=hit.at,
            organization=hit.organization.name,
            method=MatchMethod(hit.method),
            mirrored=hit.mirrored,
            inverted=hit.inverted,
            outline=tuple(zip(hit.outline[::2], hit.outline[1::2], strict=True)),
            aspect=hit.aspect,
        )
        for hit in hits
    ]


def sweep() -> int:
    """Delete what retention ends."""
    counts, _ = HitCount.objects.filter(day__lt=Now() - KEPT).delete()
    sights, _ = NearHit.objects.filter(at__lt=Now() - SIGHTS_KEPT).delete()
    return counts + sights
