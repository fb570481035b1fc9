"""A registry of the size that one wants, loaded by COPY: what real people would have registered, row by row.

`load` writes works with ten places each, and rules: folders, hosts and domains of other people. Every row
is as the services would have written it, but for the openings of the log, which lookups never read.
"""

import base64
import hashlib
import random
import shutil
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from django.db import connection

from accounts.models import Organization
from benchmarks.urls import generated
from consent.models import Statement
from holdout.errors import HoldoutError
from holdout.urls import RuleKey, canonicalize, key_check, rule_keys
from ledger.models import LogEntry
from lookup.engine import index_folder
from registry.models import Authorization, Declarant, Locator, Work

PLACES_OF_A_WORK: Final = 10
DECLARANTS: Final = 1_000
_NO_AI: Final = ("deny", "deny", "deny", "deny", "")


class Loaded(NamedTuple):
    """What was loaded: the URLs as they were given, and the URLs out of whose places rules were made."""

    urls: list[str]
    ruled: list[str]


def load(*, urls: int, rules: int, seed: int = 1) -> Loaded:
    """So many URLs and rules, in place of whatever the benchmark's registry held."""
    empty()
    declarants = _declarants()
    given = list(_distinct(generated(urls + rules + (urls + rules) // 5, seed=seed)))
    own, foreign = given[:urls], given[urls : urls + rules]
    rows = _Rows(declarants)
    for number, url in enumerate(own):
        rows.add_url(number, url)
    for number, key in enumerate(_ruled(foreign)):
        rows.add_rule(number, key)
    rows.copy()
    return Loaded(own, foreign)


def empty() -> None:
    """Nothing is left of what the benchmark registry held."""
    with connection.cursor() as cursor:
        tables = ", ".join(connection.introspection.django_table_names(only_existing=True))
        # The append-only tables refuse to be emptied, but not by a replica; this database is the bench's own.
        cursor.execute(f"SET session_replication_role = replica; TRUNCATE {tables} RESTART IDENTITY CASCADE")
        cursor.execute("SET session_replication_role = origin")
    # The same seed makes the same log, of which an index of the last run would seem to be.
    shutil.rmtree(index_folder(), ignore_errors=True)


def _declarants() -> list[Declarant]:
    organization = Organization.objects.create(name="Benchmark creators", side=Organization.Side.CREATOR)
    return Declarant.objects.bulk_create(
        [Declarant(organization=organization, name=f"creator {i}") for i in range(DECLARANTS)]
    )


def _distinct(urls: Iterator[str]) -> Iterator[str]:
    """Those that are readable, one for each key."""
    seen = set()
    for url in urls:
        try:
            key = canonicalize(url).surt
        except HoldoutError:
            continue
        if key not in seen:
            seen.add(key)
            yield url


def _ruled(urls: Sequence[str]) -> Iterator[RuleKey]:
    """Distinct places that people reserve: one in 3,000 is the folder of a crawled URL, so that some percent
    of a crawl lie in one; the others are sites of their own.
    """
    seen = set()
    for number, url in enumerate(urls):
        if number % 3_000 == 0:
            key = rule_keys(canonicalize(url))[1]  # its innermost folder
        else:
            site = f"https://gallery{number}.artist{number % 50_000}.example/works/"
            key = rule_keys(canonicalize(site))[(1, 3, 5)[number % 3]]  # a folder, the host, the domain
        if key.text not in seen:
            seen.add(key.text)
            yield key


class _Rows:
    def __init__(self, declarants: Sequence[Declarant]) -> None:
        self._declarants = declarants
        self._locators: list[tuple[Any, ...]] = []
        self._works: list[tuple[Any, ...]] = []
        self._statements: list[tuple[Any, ...]] = []
        self._proofs: list[tuple[Any, ...]] = []
        self._entries: list[tuple[Any, ...]] = []
        self._ids = random.Random(7)  # noqa: S311

    def add_url(self, number: int, url: str) -> None:
        work = number // PLACES_OF_A_WORK + 1
        declarant = self._declarants[work % DECLARANTS]
        if number % PLACES_OF_A_WORK == 0:
            self._works.append((work, self._id("wrk"), declarant.organization_id, declarant.pk, ""))
            self._registration = self._id("lor")
            self._entry("places", self._registration)
            self._say(declarant, work=work)
        key = rule_keys(canonicalize(url))[0]
        self._locator(declarant, key, url, work=work, registration=self._registration)

    def add_rule(self, number: int, key: RuleKey) -> None:
        declarant = self._declarants[number % DECLARANTS]
        locator = self._locator(declarant, key, key.text)
        proof = self._id("aut")
        self._proofs.append((len(self._proofs) + 1, proof, declarant.pk, locator, 3, "operator"))
        self._entry("authorization", proof)
        self._say(declarant, locator=locator)

    def _locator(
        self,
        declarant: Declarant,
        key: RuleKey,
        target: str,
        work: int | None = None,
        registration: str = "",
    ) -> int:
        number = len(self._locators) + 1
        check = key_check(key.text)
        self._locators.append(
            (
                number,
                self._id("loc"),
                declarant.pk,
                work,
                key.kind.value,
                target,
                key.text,
                check,
                registration,
            )
        )
        return number

    def _say(self, declarant: Declarant, work: int | None = None, locator: int | None = None) -> None:
        statement = self._id("stm")
        number = len(self._statements) + 1
        self._statements.append((number, statement, declarant.pk, work, locator, *_NO_AI, "", False))
        self._entry("statement", statement)

    def _entry(self, entry_type: str, record: str) -> None:
        number = len(self._entries)
        leaf = hashlib.sha256(record.encode()).digest()
        self._entries.append(
            (number + 1, "declarations", number, entry_type, record, 1_790_000_000_000 + number, leaf, leaf)
        )

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{base64.b32encode(self._ids.randbytes(16)).decode().rstrip('=').lower()}"

    def copy(self) -> None:
        tables = (
            (Work, "id public_id organization_id declarant_id title", self._works),
            (
                Locator,
                "id public_id declarant_id work_id kind target key key_check registration",
                _once(self._locators),
            ),
            (Authorization, "id public_id declarant_id locator_id level method", self._proofs),
            (
                Statement,
                "id public_id declarant_id work_id locator_id train_gen train_other ai_input tdm search"
                " terms_url vouched",
                self._statements,
            ),
            (LogEntry, "id log index entry_type record_id time_ms commitment leaf_hash", self._entries),
        )
        with connection.cursor() as cursor:
            # Foreign keys and triggers look at each row by itself; these rows were made to fit.
            cursor.execute("SET session_replication_role = replica")
            for model, columns, rows in tables:
                table = f"{model._meta.db_table} ({', '.join(columns.split())})"
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)
            cursor.execute("SET session_replication_role = origin")
            for model, *_ in tables:
                name = model._meta.db_table
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), max(id)) FROM {name}"  # noqa: S608
                )
                cursor.execute(f"ANALYZE {name}")


def _once(locators: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """One declarant registers a place once; two rules may have come to the same one."""
    seen = set()
    for row in locators:
        key = (row[2], row[7], row[3])
        if key not in seen:
            seen.add(key)
            yield row
