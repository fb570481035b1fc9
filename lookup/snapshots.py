"""Writing: publish what the read index says as a signed snapshot.

A base is the whole state, once a day; every publication, one an hour, has deltas that lead to it from the
versions before, one from each. A delta is published even when nothing has changed: it renews what would
expire. One process publishes at a time (an advisory lock); one that dies leaves files that no row names, and
the next deletes them.
"""

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from django.db import connection, transaction

from holdout.durable import durable_file
from holdout.errors import SnapshotRefused
from holdout.index.view import View
from holdout.picture_hosts import TABLE_VERSION
from holdout.signing import SigningKey
from holdout.snapshot.files import Header, read_snapshot_file, snapshot_file
from holdout.snapshot.folder import file_name, stored_files
from holdout.snapshot.load import load, state_of
from holdout.snapshot.state import Change, State, composed, difference
from lookup import published
from lookup.key_codes import Said, key_codes
from lookup.models import Snapshot
from registry.read_index import current_view

logger = logging.getLogger(__name__)

EXPIRES_AFTER: Final = timedelta(hours=48)
DELTA_EVERY: Final = timedelta(hours=1)
BASE_EVERY: Final = timedelta(hours=24)
BASES_KEPT: Final = 2
DELTAS_KEPT: Final = timedelta(hours=72)
"""From versions of so long a delta leads to the newest."""
DELTA_WORTH: Final = 64 * 1024
"""A delta larger than this, and than half of the base, is not kept: the base is no more trouble then.

Where that was the delta from the newest base, a base of the new version is published in its place."""
_GRACE_SECONDS: Final = 3600
"""A file that no row names any more may still be about to be opened by somebody who read the row."""
_LOCK: Final = 0x536E617073686F74


def publish(*, base: bool = False, when_due: bool = False) -> int | None:
    """Publish what the index says now; the new version, or None where there was nothing to do.

    With `base` the whole state is written whatever its age; with `when_due` nothing happens within an hour of
    the last publication, otherwise only where nothing has changed since. Raises `Unavailable` when the index
    cannot speak for the registry or the disk does not take the files; then nothing was published.
    """
    with _alone() as alone:
        if not alone:
            return None
        now = _database_time()
        last = Snapshot.objects.order_by("-version").first()
        young = last is not None and now < last.created_at + DELTA_EVERY
        if young and when_due and not base:
            return None
        view = current_view()
        if young and not base and last is not None and last.log_index == view.as_of.log_index:
            return None
        return _publish(view, last, now=now, base=base)


def _publish(view: View, last: Snapshot | None, *, now: datetime, base: bool) -> int:
    _sweep(newer_than=last.version if last else 0)
    state = state_of_index(view)
    before = _published_state(last) if last else None
    version = max(_version_of(now), last.version + 1 if last else 0)
    header = Header(
        version=version,
        since=0,
        created=now,
        expires=now + EXPIRES_AFTER,
        log_index=view.as_of.log_index,
        hosts=TABLE_VERSION,
        prefixes=len(state),
        digest=state.digest(),
    )
    files = _Files(header, published.signing_key())
    if base or before is None or _base_is_due(now):
        files.write(Change.from_nothing(state), since=0)
    if last is not None and before is not None:
        change = difference(before, state)
        files.write(change, since=last.version)
        for since, earlier in _earlier_changes(last, since=_version_of(now - DELTAS_KEPT)):
            files.write(composed(earlier, change), since=since, most_bytes=_worth())
    if not _base_leads_here(files.rows):
        files.write(Change.from_nothing(state), since=0)
    with transaction.atomic():
        Snapshot.objects.bulk_create(files.rows)
        Snapshot.objects.exclude(since=0).exclude(version=version).delete()
        kept = published.bases().values_list("pk", flat=True)[:BASES_KEPT]
        Snapshot.objects.filter(since=0).exclude(pk__in=list(kept)).delete()
    _sweep(newer_than=version)
    logger.info("snapshot published", extra={"entries": len(state), "rows": len(files.rows)})
    return version


def _version_of(time: datetime) -> int:
    """Versions are unix seconds: so a registry that was restored does not use one again."""
    return int(time.timestamp())


def state_of_index(view: View) -> State:
    """Every key that something with an effect is said of, and its code."""
    tables = [view.merged("urls"), view.merged("places"), view.merged("files")]
    codes = key_codes(Said(table.first, table.record) for table in tables)
    return State.of(np.concatenate([table.probe for table in tables]), np.concatenate(codes))


@dataclass
class _Files:
    """Writes the files of one version; `rows` are theirs."""

    header: Header
    key: SigningKey

    def __post_init__(self) -> None:
        self.rows: list[Snapshot] = []

    def write(self, change: Change, *, since: int, most_bytes: int | None = None) -> None:
        """Write one, unless it would be larger than `most_bytes`."""
        content = snapshot_file(replace(self.header, since=since), change, key=self.key)
        if most_bytes is not None and len(content) > most_bytes:
            return
        name = file_name(since=since, version=self.header.version)
        with durable_file(published.snapshot_folder() / name) as file:
            file.write(content)
        self.rows.append(
            Snapshot(
                version=self.header.version,
                since=since,
                created_at=self.header.created,
                expires_at=self.header.expires,
                log_index=self.header.log_index,
                prefixes=self.header.prefixes,
                name=name,
                sha256=hashlib.sha256(content).digest(),
                bytes=len(content),
            )
        )


def _published_state(last: Snapshot) -> State | None:
    """The state of the version published last; None where its files are gone, damaged or not trusted."""
    try:
        files = load(published.snapshot_folder(), public_keys=published.public_keys())
        return state_of(files) if files[-1].header.version == last.version else None
    except SnapshotRefused as error:
        logger.warning("a new base begins, the last one cannot be read", extra={"code": error.code})
        return None


def _earlier_changes(last: Snapshot, *, since: int) -> Iterable[tuple[int, Change]]:
    """The deltas that lead to the version published last, from version `since` on."""
    for delta in published.deltas(last.version).filter(since__gte=since):
        try:
            content = published.path_of(delta).read_bytes()
            file = read_snapshot_file(content, public_keys=published.public_keys())
            yield delta.since, file.change()
        except (OSError, SnapshotRefused):
            logger.warning("a delta cannot be read and ends here")


def _base_is_due(now: datetime) -> bool:
    base = published.bases().first()
    return base is None or now >= base.created_at + BASE_EVERY


def _base_leads_here(rows: list[Snapshot]) -> bool:
    """Whether who begins with the newest base can come to the version of these rows."""
    written = {row.since for row in rows}
    base = published.bases().first()
    return 0 in written or (base is not None and base.version in written)


def _worth() -> int:
    base = published.bases().first()
    return max(DELTA_WORTH, base.bytes // 2 if base else 0)


def _sweep(*, newer_than: int) -> None:
    """Delete files that no row names: those of a version that was never published, and old ones."""
    folder = published.snapshot_folder()
    if not folder.exists():
        return
    named = set(Snapshot.objects.values_list("name", flat=True))
    for stored in stored_files(folder):
        old = time.time() - stored.path.stat().st_mtime > _GRACE_SECONDS
        if stored.path.name not in named and (old or stored.version > newer_than):
            stored.path.unlink(missing_ok=True)


def _database_time() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this is the only publisher, held until the end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
        (alone,) = cursor.fetchone()
    try:
        yield alone
    finally:
        if alone:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
