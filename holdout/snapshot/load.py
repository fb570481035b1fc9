"""From files to a state: everything that must hold before anybody screens with one."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

from holdout.durable import replacing_file
from holdout.errors import SnapshotRefused
from holdout.picture_hosts import TABLE_VERSION
from holdout.signing import PublicKey
from holdout.snapshot.files import Header, SnapshotFile, damaged, read_snapshot_file
from holdout.snapshot.folder import Stored, chain, file_name, seen_version, stored_files
from holdout.snapshot.state import State, changed

_CLOCK_SKEW: Final = timedelta(days=1)
"""A clock further behind than this has been set back, which would keep a snapshot fresh for ever."""
_LOCK_FILE: Final = "lock"


def load(path: Path, *, public_keys: Sequence[PublicKey]) -> list[SnapshotFile]:
    """The files that lead to the newest version of a folder, or the base in one file; signed and whole.

    Raises `SnapshotRefused` (`snapshot_missing`, and what `read_snapshot_file` does).
    """
    try:
        if not path.is_dir():
            return [_based(read_snapshot_file(path.read_bytes(), public_keys=public_keys))]
        files = [_read(stored, public_keys) for stored in chain(stored_files(path))]
    except OSError as error:
        raise _missing(f"cannot be read: {error.strerror}") from error
    if not files:
        raise _missing("is not in that folder")
    return files


def state_of(files: Sequence[SnapshotFile]) -> State:
    """The state to which a base and its deltas lead, whose digest is right after each of them.

    Raises `SnapshotRefused` (`snapshot_damaged`).
    """
    state = State.empty()
    for file in files:
        state = changed(state, file.change())
        if len(state) != file.header.prefixes or state.digest() != file.header.digest:
            raise damaged(f"version {file.header.version} is not what its digest says")
    return state


def refuse_outdated(header: Header, *, now: datetime, seen: int) -> None:
    """Raises `SnapshotRefused`: `snapshot_expired`, `snapshot_rollback`, `snapshot_hosts_differ`."""
    if header.version < seen:
        raise SnapshotRefused(
            "snapshot_rollback", f"Version {seen} was opened here before; version {header.version} is older."
        )
    if now >= header.expires:
        raise SnapshotRefused(
            "snapshot_expired", f"The snapshot was good until {header.expires.isoformat()}; fetch another."
        )
    if now < header.created - _CLOCK_SKEW:
        raise SnapshotRefused(
            "snapshot_expired",
            f"This machine's clock says {now.isoformat()}, but the snapshot was made at "
            f"{header.created.isoformat()}: set the clock, or nobody can tell whether it is still good.",
        )
    if header.hosts != TABLE_VERSION:
        raise SnapshotRefused(
            "snapshot_hosts_differ",
            "The snapshot and this library know different picture hosts; use the library's version that "
            "the registry names.",
        )


def install(folder: Path, *contents: bytes, public_keys: Sequence[PublicKey], now: datetime) -> Header:
    """Add downloaded files, each following on the one before, and delete what is not needed any more.

    They count together: a base may be older than what was seen when the delta with it is not. A folder that
    is as new already stays as it is.

    Raises `SnapshotRefused` as `Snapshot.open` does, or `snapshot_gap` when a delta does not start from the
    version before it, and `Unavailable` (`storage_full`, `storage_failed`); then its snapshot is as it was.
    """
    files = [read_snapshot_file(content, public_keys=public_keys) for content in contents]
    follows = files[0].header.since > 0
    if follows and not folder.is_dir():
        raise _missing("is not in that folder")
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder):
        before = load(folder, public_keys=public_keys) if follows else _sound(folder, public_keys)
        newest = files[-1].header
        refuse_outdated(newest, now=now, seen=seen_version(folder))
        if before and before[-1].header.version >= newest.version:
            return before[-1].header
        files = [*before, *files] if follows else files
        for earlier, later in pairwise(file.header for file in files):
            if later.since != earlier.version:
                raise SnapshotRefused(
                    "snapshot_gap", f"The delta needs version {later.since}; fetch the base."
                )
        state_of(files)
        names = [file_name(since=file.header.since, version=file.header.version) for file in files]
        for name, content in zip(names[-len(contents) :], contents, strict=True):
            with replacing_file(folder / name, shared=True) as stored:
                stored.write(content)
        _delete_others(folder, set(names))
    return newest


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two updates of a folder at once would delete each other's files; the second waits for the first."""
    with (folder / _LOCK_FILE).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sound(folder: Path, public_keys: Sequence[PublicKey]) -> list[SnapshotFile]:
    """What is there; nothing where it could not be opened."""
    try:
        return load(folder, public_keys=public_keys)
    except SnapshotRefused:
        return []


def _delete_others(folder: Path, needed: set[str]) -> None:
    """By name: a damaged file of a newer base must not be taken for the way to the newest version."""
    others = [stored.path for stored in stored_files(folder) if stored.path.name not in needed]
    for path in [*others, *folder.glob("*.snapshot*.new")]:  # the latter of updates that were killed
        path.unlink(missing_ok=True)


def _read(stored: Stored, public_keys: Sequence[PublicKey]) -> SnapshotFile:
    file = read_snapshot_file(stored.path.read_bytes(), public_keys=public_keys)
    if (file.header.since, file.header.version) != (stored.since, stored.version):
        raise damaged(f"{stored.path.name} holds another version")
    return file


def _based(file: SnapshotFile) -> SnapshotFile:
    if file.header.since:
        raise SnapshotRefused("snapshot_gap", f"This delta needs version {file.header.since} too.")
    return file


def _missing(why: str) -> SnapshotRefused:
    return SnapshotRefused("snapshot_missing", f"The snapshot {why}.")
