"""From files to a state: everything that must hold before anybody screens with one."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from holdout.durable import replacing_file
from holdout.errors import SnapshotRefused
from holdout.picture_hosts import TABLE_VERSION
from holdout.signing import PublicKey
from holdout.snapshot.files import Header, SnapshotFile, damaged, read_snapshot_file
from holdout.snapshot.folder import Stored, chain, file_name, seen_version, stored_files
from holdout.snapshot.state import State, changed


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
    if header.hosts != TABLE_VERSION:
        raise SnapshotRefused(
            "snapshot_hosts_differ",
            "The snapshot and this library know different picture hosts; use the library's version that "
            "the registry names.",
        )


def install(folder: Path, content: bytes, *, public_keys: Sequence[PublicKey], now: datetime) -> Header:
    """Add a downloaded base or delta to a folder and delete the files that are not needed any more.

    Raises `SnapshotRefused` as `Snapshot.open` does, or `snapshot_gap` when a delta does not start from the
    folder's version, and `Unavailable` (`storage_full`, `storage_failed`); then the folder is as it was.
    """
    file = read_snapshot_file(content, public_keys=public_keys)
    header = file.header
    before = load(folder, public_keys=public_keys) if header.since else []
    if before and before[-1].header.version != header.since:
        raise SnapshotRefused("snapshot_gap", f"The delta needs version {header.since}; fetch the base.")
    folder.mkdir(parents=True, exist_ok=True)
    refuse_outdated(header, now=now, seen=seen_version(folder))
    state_of([*before, file])
    with replacing_file(folder / file_name(since=header.since, version=header.version)) as stored:
        stored.write(content)
    stored_now = stored_files(folder)
    for unneeded in set(stored_now) - set(chain(stored_now)):
        unneeded.path.unlink(missing_ok=True)
    return header


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
