"""Keeps the read index up to the log: the base built once, changes in an overlay, both merged now and then.

One process does it (`manage.py indexer`). PostgreSQL is the truth: an index that is damaged, or that
belongs to another log than this one, is built anew.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Self

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from holdout.errors import Unavailable
from holdout.index.files import Tables
from holdout.index.keys import IndexKeys, file_keys, grantee_keys, text_keys
from holdout.index.pictures import PictureTable, RegisteredPicture
from holdout.index.publish import Publisher
from holdout.index.records import RECORD, Kind
from holdout.index.table import Table
from holdout.urls import key_check
from ledger.queries import as_of_index, head, leaf_hash_at
from lookup import feed
from lookup.decisions import joined_records
from registry.read_index import current_view, index_folder

logger = logging.getLogger(__name__)

MERGE_PICTURES_AT: Final = 8
"""Files of pictures: each is asked by itself, and with every change of the log one more may come."""
_PICTURES_AT_ONCE: Final = 50_000
MERGE_AT: Final = 50_000
"""Keys in the overlay: it is written whole with every change, so it must stay small."""
_CHANGES_AT_ONCE: Final = 20_000
"""Log entries that one overlay takes on: what a bulk registration changes becomes visible in steps."""
_STEP_SECONDS: Final = 0.02
_HEARTBEAT_SECONDS: Final = 1.0


class Indexer:
    """The one writer of the index. Raises `Conflict` where another one is at work on the same folder."""

    def __init__(self) -> None:
        self._publisher = Publisher(index_folder())
        self._heartbeat_at = -_HEARTBEAT_SECONDS
        self._merging: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._merging:
            self._merging.join()
        self._publisher.close()

    def catch_up(self) -> int:
        """Bring the index up to the log's head, or a long step towards it; returns how many entries it
        took.
        """
        with _one_moment():
            seen, last = self._seen(), head().log_index
            if seen is None:
                pictures = _table_of(feed.pictures(after=-1, as_of=last))
                self._publisher.publish_base(_everything(as_of=last), pictures=pictures, **_moment(last))
                logger.info("index built", extra={"watermark": last})
                return last + 1
            if seen == last:
                self._give_heartbeat()
                return 0
            as_of = min(last, seen + _CHANGES_AT_ONCE)
            changes = _extended(self._changes, _tables_changed(after=seen, as_of=as_of))
            pictures = _table_of(feed.pictures(after=seen, as_of=as_of))
            self._publisher.publish_overlay(changes, pictures=pictures, **_moment(as_of))
        if changes.keys > MERGE_AT:
            self._beside(self._publisher.merge)
        if self._publisher.current and len(self._publisher.current.pictures) > MERGE_PICTURES_AT:
            self._beside(self._publisher.merge_pictures)
        return as_of - seen

    def _beside(self, merge: Callable[[], int]) -> None:
        """Merge beside what goes on, one at a time: with ten million keys or pictures it takes a while."""
        if self._merging is None or not self._merging.is_alive():
            self._merging = threading.Thread(target=_merged, args=(merge,))
            self._merging.start()

    def _seen(self) -> int | None:
        """The log index that the files are at; None where there are none that belong to this log."""
        if self._publisher.current is None:
            return None
        moment = self._publisher.current.moment
        return moment.watermark if leaf_hash_at(moment.watermark).hex() == moment.leaf_hash else None

    @property
    def _changes(self) -> Tables:
        return self._publisher.current.changes if self._publisher.current else Tables.nothing()

    def _give_heartbeat(self) -> None:
        if time.monotonic() - self._heartbeat_at > _HEARTBEAT_SECONDS:
            self._publisher.heartbeat()
            self._heartbeat_at = time.monotonic()


def _merged(merge: Callable[[], int]) -> None:
    try:
        version = merge()
    except Unavailable:
        logger.exception("merging failed; what was to be merged stays")
    else:
        logger.info("index merged", extra={"index_version": version})


def wait_until_indexed(log_index: int, *, timeout_seconds: float) -> None:
    """Return when lookups speak of `log_index`. Raises `Unavailable` (`not_indexed_yet`) when it takes too
    long.
    """
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        try:
            if current_view().as_of.log_index >= log_index:
                return
        except Unavailable:
            pass  # not built yet
        time.sleep(_STEP_SECONDS)
    raise Unavailable(
        "not_indexed_yet", "The read index has not reached that log entry yet; look again soon."
    )


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read the log and the tables as they were at one moment."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _moment(log_index: int) -> dict[str, Any]:
    """The moment of an entry; the epoch for an empty log."""
    time = as_of_index(log_index).time if log_index >= 0 else datetime.fromtimestamp(0, tz=UTC)
    return {"watermark": log_index, "leaf_hash": leaf_hash_at(log_index), "time": time}


def _everything(*, as_of: int) -> Tables:
    places = [_place_lines(said) for said in feed.said_of_places(as_of=as_of)]
    files = [_file_lines(said) for said in feed.said_of_files(as_of=as_of)]
    return _tables(places, files, [_grant_lines(feed.grants(as_of=as_of))])


def _table_of(pictures: Iterator[RegisteredPicture]) -> PictureTable:
    """One table of all pictures, of which only some are in memory at a time as they came."""
    tables = []
    while block := list(islice(pictures, _PICTURES_AT_ONCE)):
        tables.append(PictureTable.build(block))
    if len(tables) > 1:
        return PictureTable.merged(tables, first=False)
    return tables[0] if tables else PictureTable.nothing()


def _tables_changed(*, after: int, as_of: int) -> Tables:
    """The whole value, at `as_of`, of every key that something may have changed since `after`."""
    keys = feed.changed_places(after=after, as_of=as_of)
    digests = feed.changed_files(after=after, as_of=as_of)
    checks = [key_check(key) for key in keys]
    places = [_place_lines(said) for said in feed.said_of_places(as_of=as_of, checks=checks)] if keys else []
    files = (
        [_file_lines(said) for said in feed.said_of_files(as_of=as_of, digests=digests)] if digests else []
    )
    grantees = feed.changed_grantees(after=after, as_of=as_of)
    granted = [_grant_lines(feed.grants(as_of=as_of, grantees=grantees))] if grantees else []
    return _tables(
        [*places, _Lines.empty(text_keys([key.encode() for key in keys]))],
        [*files, _Lines.empty(file_keys(_columns_of_32(digests)))],
        [*granted, _Lines.empty(grantee_keys(grantees))],
    )


def _extended(old: Tables, new: Tables) -> Tables:
    """The changes of both, where the new value of a key replaces the old one; keys without records stay."""
    return Tables(*(_replaced(*pair) for pair in zip(old, new, strict=True)))


def _replaced(old: Table, new: Table) -> Table:
    kept = np.flatnonzero(new.locate(old.probe, old.check) < 0)
    counts, records = old.lines(kept)
    return Table.build(
        probes=np.concatenate([old.probe[kept], new.probe]),
        checks=np.concatenate([old.check[kept], new.check]).view(np.uint8).reshape(-1, 16),
        counts=np.concatenate([counts, new.counts]),
        records=joined_records([records, new.record]),
    )


class _Lines:
    """Keys, and at most one record for each: a key that several statements are about stands several times."""

    def __init__(self, keys: IndexKeys, record: NDArray[np.void], counts: NDArray[np.int64]) -> None:
        self.keys, self.record, self.counts = keys, record, counts

    @classmethod
    def of(cls, keys: IndexKeys, record: NDArray[np.void]) -> Self:
        record["kind"] = keys.kind
        return cls(keys, record, np.ones(len(record), dtype=np.int64))

    @classmethod
    def empty(cls, keys: IndexKeys) -> Self:
        """Keys about which nothing need be said any more."""
        return cls(keys, np.empty(0, dtype=RECORD), np.zeros(len(keys.probe), dtype=np.int64))


def _place_lines(said: feed.Said) -> _Lines:
    return _Lines.of(text_keys(said.key.to_pylist()), said.record)


def _file_lines(said: feed.Said) -> _Lines:
    return _Lines.of(file_keys(_columns_of_32(said.key.to_pylist())), said.record)


def _grant_lines(grants: feed.Grants) -> _Lines:
    return _Lines.of(grantee_keys(grants.grantee), grants.record.view(RECORD))


def _columns_of_32(digests: Sequence[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


def _tables(places: Sequence[_Lines], files: Sequence[_Lines], grants: Sequence[_Lines]) -> Tables:
    urls = (Kind.URL, Kind.PICTURE)
    return Tables(
        urls=_table(places, kinds=urls),
        places=_table(places, kinds=(Kind.PATH, Kind.HOST, Kind.DOMAIN, Kind.ACCOUNT)),
        files=_table(files, kinds=(Kind.FILE,)),
        grants=_table(grants, kinds=(Kind.GRANTEE,)),
    )


def _table(lines: Sequence[_Lines], *, kinds: tuple[Kind, ...]) -> Table:
    if not lines:
        return Table.nothing()
    wanted = [np.isin(part.keys.kind, kinds) for part in lines]
    return Table.build(
        probes=np.concatenate([part.keys.probe[w] for part, w in zip(lines, wanted, strict=True)]),
        checks=np.concatenate([part.keys.check[w] for part, w in zip(lines, wanted, strict=True)]),
        counts=np.concatenate([part.counts[w] for part, w in zip(lines, wanted, strict=True)]),
        records=joined_records(
            [part.record[w] for part, w in zip(lines, wanted, strict=True) if len(part.record)]
        ),
    )
