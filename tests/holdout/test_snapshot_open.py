"""Opening a folder: what must hold before anybody screens, and what is remembered."""

import os
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from holdout.durable import replacing_file
from holdout.errors import SnapshotRefused, Unavailable
from holdout.signing import PublicKey, SigningKey
from holdout.snapshot.folder import chain, file_name, remember_seen, seen_version, stored_files
from holdout.snapshot.load import install
from holdout.snapshot.read import Snapshot
from tests.holdout.snapshot_stories import KEY, NOW, OTHER_KEY, Said, base, delta, said_by, state_of
from tests.holdout.test_snapshot_state import saids

FIRST: Said = {7: 240, 9: 80}
SECOND: Said = {7: 240, 11: 255}
THIRD: Said = {11: 1}


def opened(path: Path, *, key: PublicKey = KEY.public, now: datetime = NOW, cache: bool = False) -> Snapshot:
    return Snapshot.open(path, public_key=key, now=now, cache=cache)


def refusal(path: Path, *, now: datetime = NOW, key: PublicKey = KEY.public) -> str:
    with pytest.raises(SnapshotRefused) as refused:
        opened(path, now=now, key=key)
    return refused.value.code


def said(snapshot: Snapshot) -> Said:
    return dict(zip(snapshot.entries.prefix.tolist(), snapshot.entries.code.tolist(), strict=True))


def put(folder: Path, content: bytes, *, since: int = 0, version: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / file_name(since=since, version=version)
    path.write_bytes(content)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "lock")


def put_chain(folder: Path) -> None:
    one, two, three = map(state_of, (FIRST, SECOND, THIRD))
    put(folder, base(one))
    put(folder, delta(one, two, since=1, version=2), since=1, version=2)
    put(folder, delta(two, three, since=2, version=3), since=2, version=3)


# --- what is opened


def test_a_base_alone_is_opened(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    snapshot = opened(tmp_path)
    assert said(snapshot) == FIRST
    assert (snapshot.version, snapshot.watermark) == (1, 41)
    assert (snapshot.created, snapshot.expires) == (NOW, NOW + timedelta(days=2))


def test_one_file_is_opened_by_itself(tmp_path: Path) -> None:
    path = put(tmp_path, base(state_of(FIRST)))
    assert said(opened(path.rename(tmp_path / "anything"))) == FIRST


def test_a_delta_by_itself_is_no_snapshot(tmp_path: Path) -> None:
    content = delta(state_of(FIRST), state_of(SECOND), since=1, version=2)
    assert refusal(put(tmp_path, content, since=1, version=2)) == "snapshot_gap"
    assert refusal(tmp_path) == "snapshot_missing"


def test_deltas_are_applied_one_after_the_other(tmp_path: Path) -> None:
    put_chain(tmp_path)
    snapshot = opened(tmp_path)
    assert (snapshot.version, said(snapshot)) == (3, THIRD)


def test_the_delta_that_leads_furthest_is_taken(tmp_path: Path) -> None:
    put_chain(tmp_path)
    (tmp_path / file_name(since=2, version=3)).unlink()
    put(tmp_path, delta(state_of(FIRST), state_of(THIRD), since=1, version=3), since=1, version=3)
    assert [stored.version for stored in chain(stored_files(tmp_path))] == [1, 3]
    assert said(opened(tmp_path)) == THIRD


def test_the_newest_base_that_leads_to_the_newest_version_is_taken(tmp_path: Path) -> None:
    put_chain(tmp_path)
    put(tmp_path, base(state_of(THIRD), version=3), version=3)
    assert [stored.path.name for stored in chain(stored_files(tmp_path))] == ["base-0000000003.snapshot"]


def test_other_files_in_the_folder_do_not_matter(tmp_path: Path) -> None:
    put_chain(tmp_path)
    for name in (
        "base-2.snapshot",
        "base-0000000009.snapshot.new",
        "delta-0000000003-0000000003.snapshot",
        "x",
    ):
        (tmp_path / name).write_bytes(b"rubbish")
    assert said(opened(tmp_path)) == THIRD


@pytest.mark.parametrize("name", ["nothing", "nothing/at/all"])
def test_where_nothing_is_nothing_is_opened(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path) == "snapshot_missing"
    assert refusal(tmp_path / name) == "snapshot_missing"


# --- what is refused


def test_an_expired_snapshot_is_refused_to_the_second(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    end = NOW + timedelta(days=2)
    snapshot = opened(tmp_path, now=end - timedelta(microseconds=1))
    assert refusal(tmp_path, now=end) == "snapshot_expired"
    with pytest.raises(SnapshotRefused, match="snapshot_expired"):
        snapshot.require_fresh(now=end)
    snapshot.require_fresh(now=NOW)


def test_an_empty_delta_renews_what_has_not_changed(tmp_path: Path) -> None:
    same, later = state_of(FIRST), NOW + timedelta(days=3)
    put(tmp_path, base(same))
    put(tmp_path, delta(same, same, since=1, version=2, expires=later), since=1, version=2)
    assert said(opened(tmp_path, now=later - timedelta(hours=1))) == FIRST


def test_nothing_older_than_what_was_seen_is_opened(tmp_path: Path) -> None:
    put_chain(tmp_path)
    opened(tmp_path)
    (tmp_path / file_name(since=2, version=3)).unlink()
    assert refusal(tmp_path) == "snapshot_rollback"
    assert refusal(put(tmp_path, base(state_of(FIRST)))) == "snapshot_rollback"
    assert seen_version(tmp_path) == 3


def test_an_expired_version_is_not_remembered_as_seen(tmp_path: Path) -> None:
    put_chain(tmp_path)
    refusal(tmp_path, now=NOW + timedelta(days=9))
    assert seen_version(tmp_path) == 0


def test_only_the_highest_version_seen_is_kept(tmp_path: Path) -> None:
    for version in (2, 5, 3, 5):
        remember_seen(tmp_path, version)
    assert seen_version(tmp_path) == 5
    assert "seen-0000000005" in names(tmp_path)
    assert "seen-0000000002" not in names(tmp_path)


def test_another_key_opens_nothing_until_it_is_trusted_too(tmp_path: Path) -> None:
    one, two = state_of(FIRST), state_of(SECOND)
    put(tmp_path, base(one))
    put(tmp_path, delta(one, two, since=1, version=2, key=OTHER_KEY), since=1, version=2)
    assert refusal(tmp_path) == "snapshot_untrusted"
    assert refusal(tmp_path, key=OTHER_KEY.public) == "snapshot_untrusted"
    both = [KEY.public, OTHER_KEY.public]
    assert said(Snapshot.open(tmp_path, public_key=both, now=NOW, cache=False)) == SECOND


def test_a_file_under_another_files_name_is_refused(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)), version=2)
    assert refusal(tmp_path) == "snapshot_damaged"


def test_a_delta_for_another_state_is_refused(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    put(tmp_path, delta(state_of(THIRD), state_of(SECOND), since=1, version=2), since=1, version=2)
    assert refusal(tmp_path) == "snapshot_damaged"


@pytest.mark.parametrize("changes", [{"digest": bytes(32)}, {"prefixes": 3}])
def test_a_state_that_is_not_what_its_header_says_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    put(tmp_path, base(state_of(FIRST), **changes))
    assert refusal(tmp_path) == "snapshot_damaged"


@pytest.mark.parametrize("hosts", [0, 2])
def test_keys_of_another_host_table_would_not_be_found_and_are_refused(tmp_path: Path, hosts: int) -> None:
    put(tmp_path, base(state_of(FIRST), hosts=hosts))
    assert refusal(tmp_path) == "snapshot_hosts_differ"


# --- adding what was fetched


def add(folder: Path, content: bytes, *, key: SigningKey = KEY, now: datetime = NOW) -> None:
    install(folder, content, public_keys=[key.public], now=now)


def test_what_is_fetched_replaces_what_is_not_needed_any_more(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    one, two, three = map(state_of, (FIRST, SECOND, THIRD))
    add(folder, base(one))
    add(folder, delta(one, two, since=1, version=2))
    add(folder, delta(two, three, since=2, version=3))
    assert said(opened(folder)) == THIRD
    add(folder, base(three, version=4))
    assert names(folder) == ["base-0000000004.snapshot", "seen-0000000003"]


@pytest.mark.parametrize(
    ("content", "now", "code"),
    [
        (base(state_of(THIRD), version=3, key=OTHER_KEY), NOW, "snapshot_untrusted"),
        (base(state_of(THIRD), version=3)[:-1], NOW, "snapshot_damaged"),
        (base(state_of(THIRD), version=3, digest=bytes(32)), NOW, "snapshot_damaged"),
        (base(state_of(THIRD), version=3), NOW + timedelta(days=2), "snapshot_expired"),
        (base(state_of(THIRD), version=1), NOW, "snapshot_rollback"),
        (delta(state_of(FIRST), state_of(THIRD), since=1, version=3), NOW, "snapshot_gap"),
        (delta(state_of(THIRD), state_of(THIRD), since=2, version=3), NOW, "snapshot_damaged"),
    ],
)
def test_what_may_not_be_opened_is_not_added(
    tmp_path: Path, content: bytes, now: datetime, code: str
) -> None:
    add(tmp_path, base(state_of(SECOND), version=2))
    opened(tmp_path)
    before = names(tmp_path)
    with pytest.raises(SnapshotRefused, match=code):
        add(tmp_path, content, now=now)
    assert names(tmp_path) == before
    assert said(opened(tmp_path)) == SECOND


def test_a_clock_that_was_set_back_makes_no_snapshot_fresh(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    opened(tmp_path, now=NOW - timedelta(hours=23))
    with pytest.raises(SnapshotRefused, match="clock") as refused:
        opened(tmp_path, now=NOW - timedelta(hours=25))
    assert refused.value.code == "snapshot_expired"


def test_a_base_older_than_what_was_seen_is_added_with_the_delta_that_leads_on(tmp_path: Path) -> None:
    one, two, three = map(state_of, (FIRST, SECOND, THIRD))
    add(tmp_path, base(three, version=3))
    opened(tmp_path)
    (tmp_path / file_name(since=0, version=3)).unlink()
    with pytest.raises(SnapshotRefused, match="snapshot_rollback"):
        add(tmp_path, base(one))
    whole = [base(one), delta(one, three, since=1, version=3)]
    install(tmp_path, *whole, public_keys=[KEY.public], now=NOW)
    assert said(opened(tmp_path)) == THIRD
    gap = [base(one, version=4), delta(two, three, since=2, version=5)]
    with pytest.raises(SnapshotRefused, match="snapshot_gap"):
        install(tmp_path, *gap, public_keys=[KEY.public], now=NOW)


def test_a_damaged_newer_base_does_not_stand_in_the_way(tmp_path: Path) -> None:
    put(tmp_path, b"rubbish", version=2)
    put(tmp_path, b"rubbish", since=2, version=3)
    one, three = state_of(FIRST), state_of(THIRD)
    whole = [base(one), delta(one, three, since=1, version=3)]
    install(tmp_path, *whole, public_keys=[KEY.public], now=NOW)
    assert said(opened(tmp_path)) == THIRD


def test_of_two_updates_at_once_the_second_waits_and_finds_nothing_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = state_of(FIRST), state_of(SECOND)
    add(tmp_path, base(one))
    at_work, most = 0, 0

    def slow(*arguments: Any, **options: Any) -> Any:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.05)
        at_work -= 1
        return state_of_files(*arguments, **options)

    from holdout.snapshot.load import state_of as state_of_files

    monkeypatch.setattr("holdout.snapshot.load.state_of", slow)
    refused: list[Exception] = []

    def update() -> None:
        try:
            add(tmp_path, delta(one, two, since=1, version=2))
        except SnapshotRefused as error:
            refused.append(error)

    threads = [threading.Thread(target=update) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, refused) == (1, [])
    assert said(opened(tmp_path)) == SECOND


def test_two_that_replace_a_shared_file_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing_file(path, shared=True) as first:
        first.write(b"first")
        with replacing_file(path, shared=True) as second:
            second.write(b"2")
        assert path.read_bytes() == b"2"
    assert path.read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


def test_what_a_killed_update_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "base-0000000001.snapshot.0a1b2c3d.new").write_bytes(b"cut")
    add(tmp_path, base(state_of(FIRST)))
    assert names(tmp_path) == ["base-0000000001.snapshot"]


def test_a_delta_into_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotRefused, match="snapshot_missing"):
        add(tmp_path / "empty", delta(state_of(FIRST), state_of(SECOND), since=1, version=2))


def test_a_disk_that_is_full_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(tmp_path, base(state_of(FIRST)))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="storage_full"):
        add(tmp_path, base(state_of(SECOND), version=2))
    assert names(tmp_path) == ["base-0000000001.snapshot"]


@hypothesis_settings(max_examples=30)
@given(states=st.lists(saids, min_size=1, max_size=6), data=st.data())
def test_a_vendor_that_updates_now_and_then_always_has_one_of_the_published_states(
    tmp_path_factory: pytest.TempPathFactory, states: list[Said], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("vendor")
    held = 0
    for version, newest in enumerate(states, start=1):
        choice = data.draw(st.sampled_from(["wait", "base", "delta"]))
        if choice == "base" or (choice == "delta" and not held):
            add(folder, base(state_of(newest), version=version))
        elif choice == "delta":
            before = state_of(states[held - 1])
            add(folder, delta(before, state_of(newest), since=held, version=version))
        held = held if choice == "wait" else version
        if held:
            snapshot = opened(folder)
            assert (snapshot.version, said(snapshot)) == (held, said_by(state_of(states[held - 1])))


# --- the decoded copy


def decoded(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.decoded"))


def test_the_decoded_copy_says_the_same_and_is_shared(tmp_path: Path) -> None:
    put_chain(tmp_path)
    assert said(opened(tmp_path, cache=True)) == THIRD
    (copy,) = decoded(tmp_path)
    assert copy.stat().st_mode & 0o077 == 0
    snapshot = opened(tmp_path, cache=True)
    assert said(snapshot) == THIRD
    assert snapshot.entries.prefix.base is not None
    assert not snapshot.entries.prefix.flags.writeable


def test_there_is_one_decoded_copy_that_of_the_newest_version(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    opened(tmp_path, cache=True)
    held = opened(tmp_path, cache=True)
    (old,) = decoded(tmp_path)
    put_chain(tmp_path)
    opened(tmp_path, cache=True)
    assert len(decoded(tmp_path)) == 1
    assert not old.exists()
    assert said(held) == FIRST  # it still has the file that is gone


def test_a_damaged_copy_is_made_anew(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    opened(tmp_path, cache=True)
    (copy,) = decoded(tmp_path)
    whole = copy.read_bytes()
    for place in range(0, len(whole), 7):
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert said(opened(tmp_path, cache=True)) == FIRST, place
        assert copy.read_bytes() == whole
    for length in (0, 10, 64, len(whole) - 1):
        copy.write_bytes(whole[:length])
        assert said(opened(tmp_path, cache=True)) == FIRST


def test_a_copy_that_others_can_write_to_is_not_believed(tmp_path: Path) -> None:
    """It is not signed: somebody else could take entries out of it."""
    put(tmp_path, base(state_of(FIRST)))
    put(tmp_path / "other", base(state_of(THIRD)))
    opened(tmp_path, cache=True)
    opened(tmp_path / "other", cache=True)
    ((copy,), (forged,)) = decoded(tmp_path), decoded(tmp_path / "other")
    octets = bytearray(forged.read_bytes())
    octets[8:40] = copy.read_bytes()[8:40]
    copy.write_bytes(octets)
    assert said(opened(tmp_path, cache=True)) == THIRD  # that is how one is forged
    copy.chmod(0o620)
    assert said(opened(tmp_path, cache=True)) == FIRST


def test_a_copy_that_somebody_killed_never_finished_is_deleted(tmp_path: Path) -> None:
    put(tmp_path, base(state_of(FIRST)))
    for name, age in (("old.decoding", 7_200), ("new.decoding", 0)):
        (tmp_path / name).write_bytes(b"cut")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    opened(tmp_path, cache=True)
    assert [path.name for path in tmp_path.glob("*.decoding")] == ["new.decoding"]


def test_a_folder_that_cannot_be_written_to_is_opened_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, base(state_of(FIRST)))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("holdout.snapshot.cache.NamedTemporaryFile", refuse)
    monkeypatch.setattr(Path, "touch", refuse)
    assert said(opened(tmp_path, cache=True)) == FIRST
    assert names(tmp_path) == ["base-0000000001.snapshot"]


def test_a_copy_that_could_not_be_written_whole_is_not_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, base(state_of(FIRST)))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert said(opened(tmp_path, cache=True)) == FIRST
    assert names(tmp_path) == ["base-0000000001.snapshot", "seen-0000000001"]
