"""What the registry says, key by key, as the read index keeps it: all of it, or what log entries changed.

Everything that can change an answer stands in the declarations log, so the log's order is the change feed:
an entry names the statement, proof, file or places that it is about, and those name the keys.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from django.db import connection
from numpy.typing import NDArray

from holdout.fingerprints.algorithms import ISCC_INSTANCE, PDQ_256, PHASH_256, PIXELS_SHA256, SHA256
from holdout.fingerprints.picture import Gate, Pane, PaneKind, PictureFingerprints
from holdout.ids import id_bits
from holdout.index.pictures import RegisteredPicture, Standing
from holdout.index.records import GRANT, RECORD
from holdout.resolution import LEAST_ASSURANCE_TO_ALLOW
from holdout.vocabulary import UsageCategory
from registry import assurances
from registry.models import Fingerprint

_BLOCK_BYTES: Final = 64 * 1024 * 1024
_PICTURES_AT_ONCE: Final = 500
_ID = pa.binary(26)
"""A public id without its prefix: 128 bits in base32."""


@dataclass(frozen=True, slots=True)
class Said:
    """One line per key and statement in force about it: `key[i]` is a key's text, or a file's digest."""

    key: pa.Array
    record: NDArray[np.void]


_SAID: Final = " + ".join(
    f"(CASE s.{use.value} WHEN 'deny' THEN 1 WHEN 'conditional' THEN 2 WHEN 'allow' THEN 3 ELSE 0 END"
    f" << {2 * i})"
    for i, use in enumerate(UsageCategory)
)
"""What `holdout.index.said` makes of a statement's preferences, in SQL."""

_RECORD: Final = f"""
substr(s.public_id, 5), substr(d.public_id, 5), entry.index, {_SAID}, {{assurance}}, ({{only_restricts}})::int
"""

_IN_FORCE: Final = """
JOIN registry_declarant d ON d.id = s.declarant_id
JOIN ledger_logentry entry ON entry.record_id = s.public_id AND entry.index <= %(as_of)s
WHERE NOT EXISTS (
    SELECT FROM consent_statement successor
    JOIN ledger_logentry ending ON ending.record_id = successor.public_id AND ending.index <= %(as_of)s
    WHERE successor.supersedes_id = s.id
)
"""

_FILE_ASSURANCE: Final = f"""
CASE WHEN f.algorithm = '{Fingerprint.CODES}' THEN LEAST({assurances.UPLOADED}, {assurances.BY_PLACES})
WHEN {assurances.OF_FILE} >= {assurances.UPLOADED}
THEN GREATEST({assurances.OF_FILE}, {assurances.BY_PLACES}) ELSE {assurances.OF_FILE} END
"""
"""Codes that only a browser saw count while their declarant controls a place, and never as more than an
upload by itself.
"""

_FILE_MAY_ONLY_RESTRICT: Final = f"""
s.vouched OR {assurances.OF_FILE} < {int(LEAST_ASSURANCE_TO_ALLOW)}
"""

_PLACE_RECORD: Final = _RECORD.format(assurance=assurances.OF_PLACE, only_restricts="s.vouched")
_FILE_RECORD: Final = _RECORD.format(assurance=_FILE_ASSURANCE, only_restricts=_FILE_MAY_ONLY_RESTRICT)

_PLACES: Final = f"""
SELECT l.key, {_PLACE_RECORD}
FROM registry_locator l JOIN consent_statement s ON s.locator_id = l.id {_IN_FORCE} {{restriction}}
UNION ALL
SELECT l.key, {_PLACE_RECORD}
FROM registry_locator l
JOIN ledger_logentry placed ON placed.record_id = l.registration AND placed.index <= %(as_of)s
JOIN consent_statement s ON s.work_id = l.work_id {_IN_FORCE} {{restriction}}
"""  # noqa: S608

_KEYS: Final = ", ".join(
    f"'{name}'" for name in (SHA256.id, PIXELS_SHA256.id, ISCC_INSTANCE.id, Fingerprint.CODES)
)
"""What a file is found by as the very file, and what names its looks: hashes of 256 bits, so that all of them
are keys of one table.
"""

_NAMES_LOOKS: Final = f"""
f.algorithm = CASE WHEN EXISTS (
    SELECT FROM registry_fingerprint c WHERE c.asset_id = f.asset_id AND c.algorithm = '{Fingerprint.CODES}'
) THEN '{Fingerprint.CODES}' ELSE '{SHA256.id}' END
"""

_FILES: Final = f"""
SELECT encode(f.value, 'hex'), {_FILE_RECORD}
FROM registry_fingerprint f
JOIN registry_asset a ON a.id = f.asset_id
JOIN registry_work w ON w.id = a.work_id
JOIN ledger_logentry uploaded ON uploaded.record_id = a.public_id AND uploaded.index <= %(as_of)s
JOIN consent_statement s ON s.work_id = a.work_id {_IN_FORCE} AND f.algorithm IN ({_KEYS}) {{restriction}}
"""  # noqa: S608

_CHANGED: Final = """
WITH changed AS (
    SELECT record_id FROM ledger_logentry
    WHERE log = 'declarations' AND index > %(after)s AND index <= %(as_of)s
), said AS (
    SELECT s.work_id, s.locator_id FROM consent_statement s JOIN changed ON changed.record_id = s.public_id
), proven AS (
    SELECT p.asset_id, p.locator_id, p.declarant_id FROM registry_authorization p
    JOIN changed ON changed.record_id = p.public_id
    UNION ALL
    SELECT p.asset_id, p.locator_id, p.declarant_id FROM registry_lapse x
    JOIN changed ON changed.record_id = x.public_id
    JOIN registry_authorization p ON x.authorization_id IN (p.id, p.rests_on_id)
)
"""

_CHANGED_PLACES: Final = f"""{_CHANGED} SELECT l.key FROM registry_locator l WHERE l.id IN (SELECT
locator_id FROM said UNION SELECT locator_id FROM proven) UNION SELECT l.key FROM registry_locator l WHERE
l.work_id IN (SELECT work_id FROM said) UNION SELECT l.key FROM registry_locator l WHERE l.registration IN
(SELECT record_id FROM changed)
"""  # noqa: S608

_CHANGED_FILES: Final = f"""{_CHANGED}
SELECT DISTINCT f.value FROM registry_fingerprint f JOIN registry_asset a ON a.id = f.asset_id
WHERE f.algorithm IN ({_KEYS}) AND (
    a.id IN (SELECT asset_id FROM proven)
    OR a.work_id IN (SELECT work_id FROM said)
    -- Who controls a place is better proven for all that they uploaded.
    OR a.work_id IN (
        SELECT w.id FROM registry_work w JOIN proven ON proven.declarant_id = w.declarant_id
        WHERE proven.locator_id IS NOT NULL
    )
    OR a.public_id IN (SELECT record_id FROM changed)
)
"""  # noqa: S608


_GRANTS: Final = f"""
SELECT o.public_id, g.public_id, d.public_id, floor(extract(epoch FROM g.expires_at))::bigint,
    {" + ".join(f"(('{use.value}' = ANY(g.uses))::int << {i})" for i, use in enumerate(UsageCategory))}
FROM consent_grant g
JOIN accounts_organization o ON o.id = g.grantee_id
JOIN registry_declarant d ON d.id = g.declarant_id
JOIN ledger_logentry entry ON entry.record_id = g.public_id AND entry.index <= %(as_of)s
WHERE NOT EXISTS (
    SELECT FROM consent_revocation r
    JOIN ledger_logentry ending ON ending.record_id = r.public_id AND ending.index <= %(as_of)s
    WHERE r.grant_id = g.id
) {{restriction}}
ORDER BY g.id
"""  # noqa: S608

_CHANGED_GRANTEES: Final = """
WITH changed AS (
    SELECT record_id FROM ledger_logentry
    WHERE log = 'declarations' AND index > %(after)s AND index <= %(as_of)s
        AND entry_type IN ('grant', 'revocation')
)
SELECT DISTINCT o.public_id FROM consent_grant g JOIN accounts_organization o ON o.id = g.grantee_id
WHERE g.public_id IN (SELECT record_id FROM changed) OR g.id IN (
    SELECT r.grant_id FROM consent_revocation r JOIN changed ON changed.record_id = r.public_id
)
"""

_PICTURES: Final = f"""
WITH said AS (
    SELECT DISTINCT ON (f.value) f.value, st.standing, entry.index
    FROM registry_standing st
    JOIN ledger_logentry entry ON entry.record_id = st.public_id AND entry.index <= %(as_of)s
    JOIN registry_fingerprint f ON f.asset_id = st.asset_id AND {_NAMES_LOOKS}
    ORDER BY f.value, entry.index DESC
)
"""  # noqa: S608

_CHANGED_STANDINGS: Final = f"""{_PICTURES}
SELECT said.value, said.standing, NULL FROM said WHERE said.index > %(after)s
"""  # noqa: S608

_NEW_PICTURES: Final = f"""{_PICTURES}
SELECT f.value, COALESCE(said.standing, 'live'), looks.value
FROM registry_looks looks
JOIN registry_asset a ON a.id = looks.asset_id
JOIN ledger_logentry entry ON entry.record_id = a.public_id
    AND entry.index > %(after)s AND entry.index <= %(as_of)s
JOIN registry_fingerprint f ON f.asset_id = a.id AND f.algorithm = '{SHA256.id}'
LEFT JOIN said ON said.value = f.value
"""  # noqa: S608

_NEW_CODES: Final = f"""{_PICTURES}
SELECT f.value, COALESCE(said.standing, 'live'), phash.value, pdq.value, a.width, a.height
FROM registry_fingerprint f
JOIN registry_asset a ON a.id = f.asset_id
JOIN ledger_logentry entry ON entry.record_id = a.public_id
    AND entry.index > %(after)s AND entry.index <= %(as_of)s
JOIN registry_fingerprint phash ON phash.asset_id = a.id AND phash.algorithm = '{PHASH_256.id}'
JOIN registry_fingerprint pdq ON pdq.asset_id = a.id AND pdq.algorithm = '{PDQ_256.id}'
LEFT JOIN said ON said.value = f.value
WHERE f.algorithm = '{Fingerprint.CODES}'
"""  # noqa: S608


def changed_places(*, after: int, as_of: int) -> list[str]:
    """The texts of the place and URL keys about which entries in (after, as_of] may say something new."""
    return [row[0] for row in _rows(_CHANGED_PLACES, after=after, as_of=as_of)]


def changed_files(*, after: int, as_of: int) -> list[bytes]:
    """The exact fingerprints of the files about which entries in (after, as_of] may say something new."""
    return [bytes(row[0]) for row in _rows(_CHANGED_FILES, after=after, as_of=as_of)]


def said_of_places(*, as_of: int, checks: list[bytes] | None = None) -> Iterator[Said]:
    """The statements in force at log index `as_of` about every place, or those with these checks; in
    blocks.
    """
    restriction = "" if checks is None else "AND l.key_check = ANY(%(checks)s)"
    yield from _said(_PLACES.format(restriction=restriction), as_of=as_of, checks=checks)


def said_of_files(*, as_of: int, digests: list[bytes] | None = None) -> Iterator[Said]:
    """The statements in force at log index `as_of` about every file, by each of its exact fingerprints, or
    about those with these fingerprints; in blocks.
    """
    restriction = "" if digests is None else "AND f.value = ANY(%(digests)s)"
    for said in _said(_FILES.format(restriction=restriction), as_of=as_of, digests=digests):
        digest = [bytes.fromhex(key.decode()) for key in said.key.to_pylist()]
        yield Said(pa.array(digest, pa.binary(32)), said.record)


@dataclass(frozen=True, slots=True)
class Grants:
    """One line per grant in force, in `GRANT`'s form: `grantee[i]` is the public id of whose it is."""

    grantee: list[str]
    record: NDArray[np.void]


def changed_grantees(*, after: int, as_of: int) -> list[str]:
    """The public ids of the organisations whose grants entries in (after, as_of] give or revoke."""
    return [row[0] for row in _rows(_CHANGED_GRANTEES, after=after, as_of=as_of)]


def grants(*, as_of: int, grantees: list[str] | None = None) -> Grants:
    """The grants in force at log index `as_of`, whenever they end: all, or those to these organisations."""
    restriction = "" if grantees is None else "AND o.public_id = ANY(%(grantees)s)"
    rows = _rows(_GRANTS.format(restriction=restriction), as_of=as_of, grantees=grantees)
    record = np.zeros(len(rows), dtype=GRANT)
    for i, (_, grant, declarant, expires, uses) in enumerate(rows):
        record[i] = (id_bits(grant), id_bits(declarant), expires, uses, 0)
    return Grants([row[0] for row in rows], record)


def pictures(*, after: int, as_of: int) -> Iterator[RegisteredPicture]:
    """The pictures with looks that were registered, or whose standing changed, in (after, as_of].

    Whatever is said of them: a picture of which nothing is said in force is found, and nothing follows. One
    that only changed its standing comes without panes, and before the others.
    """
    # From index 0 on the new pictures are all there are, and they come with their standing.
    queries: list[tuple[str, Callable[..., Sequence[Pane]]]] = [
        (_NEW_PICTURES, _panes),
        (_NEW_CODES, _panes_of_codes),
    ]
    for query, panes in queries if after < 0 else [(_CHANGED_STANDINGS, _panes), *queries]:
        # A cursor of the server's: nobody holds the looks of all pictures at once.
        with connection.chunked_cursor() as cursor:
            cursor.execute(query, {"after": after, "as_of": as_of})
            while rows := cursor.fetchmany(_PICTURES_AT_ONCE):
                for digest, word, *looks in rows:
                    yield RegisteredPicture(bytes(digest), Standing[word.upper()], panes(*looks))


def _panes(looks: memoryview | None) -> Sequence[Pane]:
    return PictureFingerprints.from_bytes(bytes(looks)).panes if looks is not None else ()


def _panes_of_codes(phash: memoryview, pdq: memoryview, width: int, height: int) -> Sequence[Pane]:
    box = 0, 0, width, height
    return (Pane(PaneKind.WHOLE, box, Gate.OK, 0, (bytes(phash),), (bytes(pdq),), b""),)


def _rows(query: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _said(query: str, **parameters: Any) -> Iterator[Said]:
    """Rows by COPY and Arrow's CSV reader: no Python object is made per row."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)", parameters) as out,
    ):
        waiting: list[bytes] = []
        size = 0
        for block in out:
            waiting.append(bytes(block))
            size += len(block)
            if size >= _BLOCK_BYTES:
                yield _parsed(b"".join(waiting))
                waiting, size = [], 0
        if waiting:
            yield _parsed(b"".join(waiting))


_COLUMNS: Final[Mapping[str, pa.DataType]] = {
    "key": pa.binary(),
    "statement": _ID,
    "declarant": _ID,
    "declared_at": pa.int64(),
    "said": pa.uint16(),
    "assurance": pa.uint8(),
    "vouched": pa.uint8(),
}


def _parsed(csv: bytes) -> Said:
    table = pa_csv.read_csv(
        pa.BufferReader(csv),
        read_options=pa_csv.ReadOptions(
            column_names=list(_COLUMNS), use_threads=False, block_size=len(csv) + 1
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=False),
        convert_options=pa_csv.ConvertOptions(column_types=dict(_COLUMNS), strings_can_be_null=False),
    )
    column = {name: table[name].combine_chunks() for name in _COLUMNS}
    record = np.zeros(table.num_rows, dtype=RECORD)
    record["statement"] = _id_bits(column["statement"])
    record["declarant"] = _id_bits(column["declarant"])
    record["declared_at"] = column["declared_at"].to_numpy()
    record["said"] = column["said"].to_numpy()
    record["assurance"] = column["assurance"].to_numpy()
    record["flags"] = column["vouched"].to_numpy()
    return Said(column["key"], record)


_BASE32: Final = np.zeros(256, dtype=np.uint8)
_BASE32[np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", dtype=np.uint8)] = np.arange(32)
_FIVE_BITS: Final = np.arange(4, -1, -1, dtype=np.uint8)


def _id_bits(ids: pa.Array) -> NDArray[np.void]:
    """The 16 bytes behind the base32 of public ids (`holdout.ids`)."""
    letters = np.frombuffer(ids.buffers()[1], dtype=np.uint8, count=len(ids) * 26, offset=ids.offset * 26)
    values = _BASE32[letters].reshape(-1, 26, 1)
    bits = (values >> _FIVE_BITS & 1).reshape(-1, 130)[:, :128]
    return np.packbits(bits, axis=1).view("V16").ravel()
