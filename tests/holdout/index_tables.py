"""Small tables and asked keys for the tests of the read index, made the slow and obvious way."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import numpy as np
from xxhash import xxh3_64_intdigest

from holdout.errors import HoldoutError
from holdout.index.files import Tables
from holdout.index.records import RECORD, Kind, Records
from holdout.index.table import Table
from holdout.index.view import Found
from holdout.url_keys import UrlKeys
from holdout.urls import KeyKind, canonicalize, rule_keys

TIME = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
LEAF = sha256(b"leaf").digest()

Key = tuple[int, bytes]
"""A key's probe and its check of 16 bytes."""

_CODES = {
    KeyKind.URL: Kind.URL,
    KeyKind.PATH: Kind.PATH,
    KeyKind.HOST: Kind.HOST,
    KeyKind.DOMAIN: Kind.DOMAIN,
}


def records(numbers: Sequence[int], kind: Kind) -> Records:
    """Records that can be told from others by their numbers."""
    made = np.zeros(len(numbers), dtype=RECORD)
    made["statement"] = [number.to_bytes(16, "big") for number in numbers]
    made["declared_at"], made["kind"] = numbers, kind
    return made


def table_of(said: Mapping[Key, Sequence[int]], kind: Kind) -> Table:
    """A table in which each key has the records with these numbers."""
    return Table.build(
        probes=np.array([probe for probe, _ in said], dtype=np.uint64),
        checks=np.frombuffer(b"".join(check for _, check in said), dtype=np.uint8).reshape(-1, 16),
        counts=np.array([len(numbers) for numbers in said.values()], dtype=np.uint32),
        records=records([n for numbers in said.values() for n in numbers], kind),
    )


def tables(
    *,
    urls: Mapping[Key, Sequence[int]] | None = None,
    places: Mapping[Key, Sequence[int]] | None = None,
    files: Mapping[Key, Sequence[int]] | None = None,
    grants: Mapping[Key, Sequence[int]] | None = None,
) -> Tables:
    return Tables(
        table_of(urls or {}, Kind.URL),
        table_of(places or {}, Kind.PATH),
        table_of(files or {}, Kind.FILE),
        table_of(grants or {}, Kind.GRANTEE),
    )


def text_key(text: str) -> Key:
    return xxh3_64_intdigest(text.encode()), sha256(text.encode()).digest()[:16]


def file_key(digest: bytes) -> Key:
    return int.from_bytes(digest[:8], "big"), digest[8:24]


def contents(table: Table) -> dict[Key, list[int]]:
    """What stands in a table: the numbers of each key's records."""
    numbers = table.record["declared_at"].tolist()
    first = table.first.tolist()
    return {
        (int(table.probe[i]), table.check[i].tobytes()): numbers[first[i] : first[i + 1]]
        for i in range(table.keys)
    }


def found_lines(found: Found) -> list[tuple[int, int, int, int]]:
    """Row, kind, length and record number of each line."""
    columns = (found.row, found.kind, found.length, found.record["declared_at"])
    return list(zip(*(column.tolist() for column in columns), strict=True))


def asked_urls(urls: Sequence[str], *, extra: Sequence[tuple[int, Kind, str]] = ()) -> UrlKeys:
    """The keys of `urls` from the full parser alone, and extra keys: row, kind and text with its tag."""
    arena = bytearray()
    rows: list[tuple[int, int, int, int]] = []
    places: list[tuple[int, int, int, int]] = []
    extras: list[tuple[int, int, int, int, int]] = []
    for row, url in enumerate(urls):
        arena += b"??"
        try:
            exact, *wider = rule_keys(canonicalize(url))
        except HoldoutError:
            rows.append((len(arena), 0, 1, 0))
            continue
        surt = exact.text[2:].encode()
        rows.append((len(arena), len(surt), 0, text_key(exact.text)[0]))
        arena += surt
        places += [(row, _CODES[k.kind], len(k.text.encode()) - 2, text_key(k.text)[0]) for k in wider]
    for row, kind, text in extra:
        extras.append((row, kind, len(arena), len(text.encode()), text_key(text)[0]))
        arena += text.encode()
    columns = {
        ("start", np.int64): [start for start, *_ in rows],
        ("length", np.int32): [length for _, length, *_ in rows],
        ("error", np.uint8): [error for _, _, error, _ in rows],
        ("url_probe", np.uint64): [probe for *_, probe in rows],
        ("place_row", np.int64): [row for row, *_ in places],
        ("place_kind", np.uint8): [kind for _, kind, *_ in places],
        ("place_length", np.int32): [length for _, _, length, _ in places],
        ("place_probe", np.uint64): [probe for *_, probe in places],
        ("extra_row", np.int64): [row for row, *_ in extras],
        ("extra_kind", np.uint8): [kind for _, kind, *_ in extras],
        ("extra_start", np.int64): [start for _, _, start, *_ in extras],
        ("extra_length", np.int32): [length for *_, length, _ in extras],
        ("extra_probe", np.uint64): [probe for *_, probe in extras],
    }
    made: dict[str, Any] = {name: np.array(values, dtype=dtype) for (name, dtype), values in columns.items()}
    return UrlKeys(text=np.frombuffer(bytes(arena), dtype=np.uint8), full_parser_rows=0, **made)
