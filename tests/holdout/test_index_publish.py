import errno
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import holdout.index.publish as publishing
from holdout.errors import Conflict, Unavailable
from holdout.index.files import TABLES, Tables
from holdout.index.merge import merged
from holdout.index.publish import Publisher
from holdout.index.read import ReadIndex
from holdout.index.records import Kind
from holdout.index.table import Table
from tests.holdout.index_tables import LEAF, TIME, Key, contents, table_of, tables

ONE, TWO, THREE, FOUR = ((number, bytes([number]) * 16) for number in (1, 2, 3, 4))
_PUBLISHED = {"leaf_hash": LEAF, "time": TIME}


@pytest.fixture
def publisher(tmp_path: Path) -> Iterator[Publisher]:
    with Publisher(tmp_path) as made:
        yield made


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"publisher.lock"}


def _said(folder: Path) -> dict[Key, list[int]]:
    return contents(ReadIndex(folder).view().merged("urls"))


def _publish(publisher: Publisher, said: dict[Key, list[int]], *, watermark: int, base: bool = False) -> int:
    publish = publisher.publish_base if base else publisher.publish_overlay
    return publish(tables(urls=said), watermark=watermark, leaf_hash=LEAF, time=TIME)


def test_each_publication_has_the_next_version_also_after_a_restart(tmp_path: Path) -> None:
    with Publisher(tmp_path) as publisher:
        assert _publish(publisher, {ONE: [1]}, watermark=1, base=True) == 1
        assert _publish(publisher, {TWO: [2]}, watermark=2) == 2
        publisher.heartbeat()
    with Publisher(tmp_path) as publisher:
        assert publisher.current is not None
        assert publisher.current.moment.watermark == 2
        assert publisher.current.base.moment.watermark == 1
        assert publisher.current.changes.keys == 1
        assert _publish(publisher, {TWO: [3]}, watermark=3) == 3
        assert publisher.merge() == 4
        assert publisher.merge() == 4
    assert _said(tmp_path) == {ONE: [1], TWO: [3]}


def test_a_merge_keeps_the_moment_and_drops_what_is_no_longer_said(
    tmp_path: Path, publisher: Publisher
) -> None:
    _publish(publisher, {ONE: [1], TWO: [2]}, watermark=1, base=True)
    _publish(publisher, {TWO: [], THREE: [3, 4]}, watermark=5)
    publisher.merge()
    view = ReadIndex(tmp_path).view()
    assert view.as_of.log_index == 5
    assert not view.overlay.keys
    assert contents(view.base.urls) == {ONE: [1], THREE: [3, 4]}


def test_an_overlay_replaces_the_one_before_as_a_whole(tmp_path: Path, publisher: Publisher) -> None:
    _publish(publisher, {ONE: [1]}, watermark=1, base=True)
    _publish(publisher, {TWO: [2]}, watermark=2)
    _publish(publisher, {THREE: [3]}, watermark=3)
    assert _said(tmp_path) == {ONE: [1], THREE: [3]}


def test_only_the_files_of_the_last_two_publications_stay(tmp_path: Path, publisher: Publisher) -> None:
    _publish(publisher, {ONE: [1]}, watermark=1, base=True)
    assert _names(tmp_path) == {"manifest.json", "base-1-1.index"}
    for number in (2, 3, 4):
        _publish(publisher, {TWO: [number]}, watermark=number)
    kept = {"manifest.json", "base-1-1.index", "overlay-3-3.index", "overlay-4-4.index"}
    assert _names(tmp_path) == kept
    publisher.heartbeat()
    assert _names(tmp_path) == kept
    publisher.merge()
    assert _names(tmp_path) == {"manifest.json", "base-1-1.index", "overlay-4-4.index", "base-4-5.index"}
    _publish(publisher, {}, watermark=5)
    assert _names(tmp_path) == {"manifest.json", "base-4-5.index", "overlay-5-6.index"}


def test_what_a_killed_writer_left_is_cleared_away(tmp_path: Path) -> None:
    with Publisher(tmp_path) as publisher:
        _publish(publisher, {ONE: [1]}, watermark=1, base=True)
    for name in ("base-9-9.index.new", "overlay-3-7.index", "manifest.json.new", "notes.txt"):
        (tmp_path / name).write_bytes(b"half")
    with Publisher(tmp_path) as publisher:
        _publish(publisher, {ONE: [2]}, watermark=2)
    assert _names(tmp_path) == {"manifest.json", "base-1-1.index", "overlay-2-10.index", "notes.txt"}


def test_a_second_publisher_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    with Publisher(tmp_path) as publisher:
        _publish(publisher, {ONE: [1]}, watermark=1, base=True)
        with pytest.raises(Conflict, match="index_publisher_runs"):
            Publisher(tmp_path)
        _publish(publisher, {ONE: [2]}, watermark=2)
    Publisher(tmp_path).close()


@pytest.mark.parametrize("act", [Publisher.heartbeat, Publisher.merge])
def test_without_a_base_there_is_nothing_to_keep(
    publisher: Publisher, act: Callable[[Publisher], object]
) -> None:
    assert publisher.current is None
    with pytest.raises(Unavailable, match="index_missing"):
        act(publisher)


def test_without_a_base_no_overlay_is_written(tmp_path: Path, publisher: Publisher) -> None:
    with pytest.raises(Unavailable, match="index_missing"):
        _publish(publisher, {ONE: [1]}, watermark=1)
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("damaged", ["base-1-1.index", "overlay-2-2.index", "manifest.json"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_publisher_that_finds_damage_asks_for_a_new_base_and_goes_on_counting(
    tmp_path: Path, damaged: str, how: str
) -> None:
    with Publisher(tmp_path) as publisher:
        _publish(publisher, {ONE: [1]}, watermark=1, base=True)
        _publish(publisher, {ONE: [2]}, watermark=2)
    path = tmp_path / damaged
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    with Publisher(tmp_path) as publisher:
        assert publisher.current is None
        with pytest.raises(Unavailable, match="index_missing"):
            _publish(publisher, {ONE: [3]}, watermark=3)
        assert _publish(publisher, {ONE: [4]}, watermark=3, base=True) == 3
    assert _said(tmp_path) == {ONE: [4]}


def test_a_base_may_go_back_behind_the_one_published_and_an_overlay_may_not(
    tmp_path: Path, publisher: Publisher
) -> None:
    _publish(publisher, {ONE: [1]}, watermark=10, base=True)
    _publish(publisher, {ONE: [2]}, watermark=12)
    with pytest.raises(ValueError, match="11 lies before 12"):
        _publish(publisher, {ONE: [3]}, watermark=11)
    assert _said(tmp_path) == {ONE: [2]}
    _publish(publisher, {ONE: [4]}, watermark=4, base=True)
    assert ReadIndex(tmp_path).view().as_of.log_index == 4
    assert _said(tmp_path) == {ONE: [4]}


def test_the_index_of_an_empty_log_has_the_watermark_minus_one(tmp_path: Path, publisher: Publisher) -> None:
    epoch = datetime.fromtimestamp(0, tz=UTC)
    publisher.publish_base(Tables.nothing(), watermark=-1, leaf_hash=b"", time=epoch)
    publisher.publish_overlay(tables(urls={ONE: [1]}), watermark=0, leaf_hash=LEAF, time=TIME)
    assert _said(tmp_path) == {ONE: [1]}
    assert "base--1-1.index" in _names(tmp_path)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("kind", Kind)
def test_a_record_in_a_table_that_does_not_hold_its_kind_is_refused(
    tmp_path: Path, publisher: Publisher, name: str, kind: Kind
) -> None:
    homes = {"urls": "uk", "places": "phda", "files": "f", "grants": "g"}
    belongs = "uphdkafg"[kind] in homes[name]
    made = tables()._replace(**{name: table_of({ONE: [1]}, kind)})
    if belongs:
        publisher.publish_base(made, watermark=1, leaf_hash=LEAF, time=TIME)
        return
    with pytest.raises(ValueError, match="kind"):
        publisher.publish_base(made, watermark=1, leaf_hash=LEAF, time=TIME)
    assert _names(tmp_path) == set()


def test_a_time_without_a_zone_is_refused(tmp_path: Path, publisher: Publisher) -> None:
    with pytest.raises(ValueError, match="zone"):
        publisher.publish_base(Tables.nothing(), watermark=1, leaf_hash=LEAF, time=TIME.replace(tzinfo=None))
    assert _names(tmp_path) == set()


@pytest.mark.parametrize("failing", range(1, 7))
def test_a_full_disk_leaves_what_was_published_and_the_next_try_goes_on(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """Whichever of the six times fails that something is forced to disk: files, and the folder after each."""
    _publish(publisher, {ONE: [1]}, watermark=1, base=True)
    _publish(publisher, {ONE: [2]}, watermark=2)
    calls = []
    fsync = os.fsync

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr("holdout.durable.os.fsync", full)
        with pytest.raises(Unavailable, match="storage_full"):
            _publish(publisher, {ONE: [3]}, watermark=3)
    # Only after the last rename does it stand there, and then it is whole.
    assert _said(tmp_path) == {ONE: [3] if failing == 6 else [2]}
    version = ReadIndex(tmp_path).view().version
    assert version == (3 if failing == 6 else 2)
    publisher.heartbeat()
    assert _said(tmp_path) == {ONE: [3] if failing == 6 else [2]}
    assert _publish(publisher, {ONE: [4]}, watermark=4) == version + 1
    assert _said(tmp_path) == {ONE: [4]}
    assert len([name for name in _names(tmp_path) if name.endswith(".new")]) == 0


def test_a_disk_that_stays_full_holds_no_more_files_after_many_tries(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(publisher, {ONE: [1]}, watermark=1, base=True)

    def full(*_: object) -> None:
        raise Unavailable("storage_full", "full")

    with monkeypatch.context() as patched:
        patched.setattr(publishing, "write_manifest", full)
        for _ in range(5):
            with pytest.raises(Unavailable, match="storage_full"):
                _publish(publisher, {ONE: [2]}, watermark=2)
    assert len(_names(tmp_path)) <= 3
    assert _said(tmp_path) == {ONE: [1]}


def test_overlays_and_heartbeats_go_on_during_a_merge(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(publisher, {ONE: [1], TWO: [1]}, watermark=1, base=True)
    _publish(publisher, {ONE: [2], FOUR: [2]}, watermark=2)
    merging, go_on = threading.Event(), threading.Event()

    def slow(base: Table, overlay: Table) -> Table:
        merging.set()
        assert go_on.wait(20)
        return merged(base, overlay)

    monkeypatch.setattr(publishing, "merged", slow)
    thread = threading.Thread(target=publisher.merge)
    thread.start()
    assert merging.wait(20)
    # Everything since the base at 1: the merge must neither lose the new nor bring back the old.
    _publish(publisher, {ONE: [3], TWO: [], THREE: [3], FOUR: [2]}, watermark=3)
    publisher.heartbeat()
    assert _said(tmp_path) == {ONE: [3], THREE: [3], FOUR: [2]}
    go_on.set()
    thread.join()
    view = ReadIndex(tmp_path).view()
    assert (view.version, view.as_of.log_index) == (4, 3)
    assert contents(view.base.urls) == {ONE: [2], TWO: [1], FOUR: [2]}
    assert contents(view.overlay.urls) == {ONE: [3], TWO: [], THREE: [3]}
    assert contents(view.merged("urls")) == {ONE: [3], THREE: [3], FOUR: [2]}
    assert publisher.current is not None
    assert publisher.current.base.moment.watermark == 2
    # From now on, the overlay may begin at 2.
    _publish(publisher, {ONE: [4], TWO: [], THREE: [3]}, watermark=4)
    publisher.merge()
    assert _said(tmp_path) == {ONE: [4], THREE: [3], FOUR: [2]}


def test_a_base_published_during_a_merge_wins(
    tmp_path: Path, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    _publish(publisher, {ONE: [1]}, watermark=1, base=True)
    _publish(publisher, {ONE: [2]}, watermark=2)

    def overtaken(base: Table, overlay: Table) -> Table:
        monkeypatch.setattr(publishing, "merged", merged)
        _publish(publisher, {ONE: [9]}, watermark=1, base=True)
        return merged(base, overlay)

    monkeypatch.setattr(publishing, "merged", overtaken)
    assert publisher.merge() == 3
    assert _said(tmp_path) == {ONE: [9]}
    _publish(publisher, {ONE: [10]}, watermark=2)
    assert _said(tmp_path) == {ONE: [10]}


def test_tables_of_all_names_are_merged(tmp_path: Path, publisher: Publisher) -> None:
    base = tables(urls={ONE: [1]}, places={ONE: [2]}, files={ONE: [3]}, grants={ONE: [8]})
    changes = tables(
        urls={TWO: [4]}, places={ONE: []}, files={ONE: [6], THREE: [7]}, grants={ONE: [9], TWO: [10]}
    )
    publisher.publish_base(base, watermark=1, leaf_hash=LEAF, time=TIME)
    publisher.publish_overlay(changes, watermark=2, leaf_hash=LEAF, time=TIME)
    publisher.merge()
    view = ReadIndex(tmp_path).view()
    assert [contents(view.merged(name)) for name in TABLES] == [
        {ONE: [1], TWO: [4]},
        {},
        {ONE: [6], THREE: [7]},
        {ONE: [9], TWO: [10]},
    ]


@pytest.mark.slow
def test_a_large_base_takes_a_merge_like_a_small_one(tmp_path: Path, publisher: Publisher) -> None:
    random = np.random.default_rng(5)
    size = 300_000
    everything = table_of({}, Kind.URL)
    made = Table.build(
        probes=random.integers(0, 2**64, size, dtype=np.uint64),
        checks=random.integers(0, 256, (size, 16), dtype=np.uint8),
        counts=np.ones(size, dtype=np.uint32),
        records=np.zeros(size, dtype=everything.record.dtype),
    )
    publisher.publish_base(Tables.nothing()._replace(urls=made), watermark=1, leaf_hash=LEAF, time=TIME)
    chosen = random.choice(size, 1_000, replace=False)
    gone = Table.build(
        probes=made.probe[chosen],
        checks=np.ascontiguousarray(made.check[chosen]).view(np.uint8).reshape(-1, 16),
        counts=np.zeros(1_000, dtype=np.uint32),
        records=everything.record,
    )
    publisher.publish_overlay(Tables.nothing()._replace(urls=gone), watermark=2, leaf_hash=LEAF, time=TIME)
    publisher.merge()
    left = ReadIndex(tmp_path).view().base.urls
    assert left.keys == size - 1_000
    assert np.array_equal(left.probe, np.delete(made.probe, chosen))
