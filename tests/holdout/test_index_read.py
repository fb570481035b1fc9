import os
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest

from holdout.errors import Unavailable
from holdout.index.files import open_index
from holdout.index.manifest import Manifest, read_manifest, write_manifest
from holdout.index.publish import Publisher
from holdout.index.read import ReadIndex, View
from holdout.verdicts import AsOf
from tests.holdout.index_tables import LEAF, TIME, Key, contents, tables


class Clock:
    """Unix seconds that stand still until somebody moves them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def publisher(tmp_path: Path, clock: Clock) -> Iterator[Publisher]:
    with Publisher(tmp_path, clock=clock) as made:
        yield made


@pytest.fixture
def index(tmp_path: Path, clock: Clock) -> ReadIndex:
    return ReadIndex(tmp_path, clock=clock)


KEY: Key = (7, bytes(16))
OTHER: Key = (8, bytes(16))


def _base(publisher: Publisher, number: int, *, watermark: int = 10) -> int:
    return publisher.publish_base(
        tables(urls={KEY: [number]}), watermark=watermark, leaf_hash=LEAF, time=TIME
    )


def _overlay(publisher: Publisher, number: int, *, watermark: int = 11) -> int:
    return publisher.publish_overlay(
        tables(urls={KEY: [number]}), watermark=watermark, leaf_hash=LEAF, time=TIME
    )


def _said(view: View) -> list[int]:
    return contents(view.merged("urls"))[KEY]


def _refused(index: ReadIndex) -> str:
    with pytest.raises(Unavailable) as refused:
        index.view()
    return refused.value.code


def test_before_anything_is_published_there_is_no_index(index: ReadIndex, publisher: Publisher) -> None:
    assert _refused(index) == "index_missing"
    assert _refused(index) == "index_missing"
    _base(publisher, 1)
    assert _said(index.view()) == [1]


def test_a_folder_that_does_not_exist_holds_no_index(tmp_path: Path) -> None:
    assert _refused(ReadIndex(tmp_path / "nowhere")) == "index_missing"


def test_a_view_knows_the_moment_that_it_speaks_of(index: ReadIndex, publisher: Publisher) -> None:
    _base(publisher, 1, watermark=10)
    assert (index.view().version, index.view().as_of) == (1, AsOf(10, TIME))
    _overlay(publisher, 2, watermark=12)
    view = index.view()
    assert (view.version, view.as_of, view.leaf_hash) == (2, AsOf(12, TIME), LEAF)


def test_while_nothing_changes_the_view_is_the_same_and_no_file_is_opened(
    index: ReadIndex, publisher: Publisher
) -> None:
    _base(publisher, 1)
    view = index.view()
    with patch("pathlib.Path.open", side_effect=AssertionError("opened a file")):
        assert index.view() is view


def test_each_publication_is_seen_at_the_next_look_and_old_views_stay_as_they_were(
    index: ReadIndex, publisher: Publisher
) -> None:
    _base(publisher, 1)
    views = [index.view()]
    for number in range(2, 9):
        _overlay(publisher, number)
        views.append(index.view())
    publisher.merge()
    views.append(index.view())
    _base(publisher, 9, watermark=3)
    views.append(index.view())
    assert [_said(view) for view in views] == [[1], [2], [3], [4], [5], [6], [7], [8], [8], [9]]
    assert [view.version for view in views] == list(range(1, 11))


def test_a_new_overlay_does_not_open_the_base_again(index: ReadIndex, publisher: Publisher) -> None:
    _base(publisher, 1)
    before = index.view()
    _overlay(publisher, 2)
    assert index.view().base is before.base


def test_a_heartbeat_opens_nothing(index: ReadIndex, publisher: Publisher) -> None:
    _base(publisher, 1)
    _overlay(publisher, 2)
    before = index.view()
    publisher.heartbeat()
    assert index.view().base is before.base
    assert index.view().overlay is before.overlay


def test_an_index_without_a_heartbeat_for_a_minute_is_stale_until_the_next_one(
    index: ReadIndex, publisher: Publisher, clock: Clock
) -> None:
    _base(publisher, 1)
    clock.now += 60
    assert _said(index.view()) == [1]
    clock.now += 0.1
    assert _refused(index) == "index_stale"
    publisher.heartbeat()
    assert _said(index.view()) == [1]
    clock.now += 60
    assert _said(index.view()) == [1]


def test_a_heartbeat_from_the_future_is_no_heartbeat(
    index: ReadIndex, publisher: Publisher, clock: Clock
) -> None:
    _base(publisher, 1)
    clock.now -= 61
    assert _refused(index) == "index_stale"


@pytest.mark.parametrize("garbage", [b"", b"{", b"null", b'{"format":1}', b"\xff\xfe", b"[" * 10_000])
def test_a_manifest_that_cannot_be_read_is_damage_however_good_the_one_before(
    tmp_path: Path, index: ReadIndex, publisher: Publisher, garbage: bytes
) -> None:
    _base(publisher, 1)
    index.view()
    (tmp_path / "manifest.json").write_bytes(garbage)
    assert _refused(index) == "index_damaged"
    assert _refused(index) == "index_damaged"
    publisher.heartbeat()
    assert _said(index.view()) == [1]


def test_a_flipped_bit_in_any_byte_of_a_manifest_is_damage(
    tmp_path: Path, index: ReadIndex, publisher: Publisher
) -> None:
    _base(publisher, 1)
    path = tmp_path / "manifest.json"
    whole = path.read_bytes()
    for i in range(len(whole)):
        damaged = bytearray(whole)
        damaged[i] ^= 1 << i % 8
        path.write_bytes(damaged)
        with pytest.raises(Unavailable, match="index_damaged"):
            ReadIndex(tmp_path, clock=lambda: 1_000_000.0).view()


def _hostile(path: Path, **changes: object) -> None:
    _, manifest = read_manifest(path)
    write_manifest(path, msgspec.structs.replace(manifest, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"base": "../base-10-1.index"},
        {"base": "/etc/passwd"},
        {"base": "manifest.json"},
        {"base": "base-10-1.index\n"},
        {"overlay": "base-10-1.index"},
        {"format": 3},
        {"leaf_hash": "zz"},
        {"leaf_hash": "00"},
        {"watermark": 11},
        {"time": TIME.replace(year=2027)},
    ],
)
def test_a_manifest_that_names_what_it_must_not_is_damage(
    tmp_path: Path, index: ReadIndex, publisher: Publisher, changes: dict[str, object]
) -> None:
    _base(publisher, 1)
    _hostile(tmp_path / "manifest.json", **changes)
    assert _refused(index) == "index_damaged"


def test_an_overlay_over_an_older_base_than_its_own_is_damage(
    tmp_path: Path, index: ReadIndex, publisher: Publisher
) -> None:
    """What the log said between the two would be missing."""
    _base(publisher, 1, watermark=10)
    old = tmp_path / "base-10-1.index"
    copy = old.read_bytes()
    _base(publisher, 1, watermark=20)
    _overlay(publisher, 2, watermark=21)
    old.write_bytes(copy)
    _hostile(tmp_path / "manifest.json", base=old.name)
    assert _refused(index) == "index_damaged"


def test_a_base_that_is_gone_is_damage(tmp_path: Path, index: ReadIndex, publisher: Publisher) -> None:
    _base(publisher, 1)
    (tmp_path / "base-10-1.index").unlink()
    assert _refused(index) == "index_damaged"


def test_a_base_that_is_gone_gets_no_further_heartbeat(
    tmp_path: Path, index: ReadIndex, publisher: Publisher
) -> None:
    """Who has it open goes on until it is stale; somebody has to write a new one."""
    _base(publisher, 1)
    view = index.view()
    (tmp_path / "base-10-1.index").unlink()
    with pytest.raises(Unavailable):
        publisher.heartbeat()
    assert _said(view) == [1]
    assert _refused(ReadIndex(tmp_path)) == "index_damaged"


def test_a_damaged_base_is_not_answered_from_and_a_new_one_is(
    tmp_path: Path, index: ReadIndex, publisher: Publisher
) -> None:
    _base(publisher, 1)
    path = tmp_path / "base-10-1.index"
    path.write_bytes(path.read_bytes()[:-1])
    assert _refused(index) == "index_damaged"
    _base(publisher, 2)
    assert _said(index.view()) == [2]


def test_a_file_that_was_replaced_under_its_name_is_opened_again(
    tmp_path: Path, index: ReadIndex, publisher: Publisher
) -> None:
    _base(publisher, 1)
    index.view()
    path = tmp_path / "base-10-1.index"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(bytes(len(whole)))
    publisher.heartbeat()
    assert _refused(index) == "index_damaged"


def test_a_file_removed_between_manifest_and_opening_leads_to_the_new_manifest(
    index: ReadIndex, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer publishes twice just after the reader has read the manifest: the files it names are gone."""
    _base(publisher, 1)
    _overlay(publisher, 2)
    left = [3, 4, 5]

    def slow(path: Path) -> tuple[object, Manifest]:
        answer = read_manifest(path)
        if left:
            for _ in range(3):
                _overlay(publisher, left[0])
            left.pop(0)
        return answer

    monkeypatch.setattr("holdout.index.read.read_manifest", slow)
    assert _said(index.view()) == [5]


def test_two_manifests_within_one_tick_of_the_kernel_clock_differ(
    tmp_path: Path, publisher: Publisher
) -> None:
    _base(publisher, 1)
    stamps = []
    for _ in range(200):
        publisher.heartbeat()
        stamps.append((tmp_path / "manifest.json").stat().st_mtime_ns)
    assert len(set(stamps)) == 200


def test_a_clock_that_was_set_back_does_not_hide_a_manifest(
    tmp_path: Path, index: ReadIndex, publisher: Publisher
) -> None:
    _base(publisher, 1)
    future = (tmp_path / "manifest.json").stat().st_mtime_ns + 10**15
    os.utime(tmp_path / "manifest.json", ns=(future, future))
    index.view()
    _overlay(publisher, 2)
    assert _said(index.view()) == [2]
    assert (tmp_path / "manifest.json").stat().st_mtime_ns == future + 1


def test_while_one_thread_opens_a_base_others_answer_from_the_view_before(
    index: ReadIndex, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    _base(publisher, 1)
    index.view()
    _base(publisher, 2)
    opening, go_on = threading.Event(), threading.Event()

    def slow(path: Path) -> object:
        opening.set()
        assert go_on.wait(20)
        return open_index(path)

    monkeypatch.setattr("holdout.index.generation.open_index", slow)
    seen: list[list[int]] = []
    opener = threading.Thread(target=lambda: seen.append(_said(index.view())))
    opener.start()
    assert opening.wait(20)
    assert _said(index.view()) == [1]
    go_on.set()
    opener.join()
    assert seen == [[2]]
    assert _said(index.view()) == [2]


def test_threads_that_have_no_view_yet_wait_for_one_and_open_it_once(
    index: ReadIndex, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    _base(publisher, 1)
    opened = []

    def counted(path: Path) -> object:
        opened.append(path)
        return open_index(path)

    monkeypatch.setattr("holdout.index.generation.open_index", counted)
    views: list[View] = []
    threads = [threading.Thread(target=lambda: views.append(index.view())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(views) == 8
    assert len({id(view) for view in views}) == 1
    assert len(opened) == 1


def test_threads_that_waited_for_a_damaged_index_do_not_open_it_once_more_each(
    tmp_path: Path, index: ReadIndex, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    _base(publisher, 1)
    path = tmp_path / "base-10-1.index"
    path.write_bytes(path.read_bytes()[:-1])
    opened: list[Path] = []
    waiting = threading.Barrier(9)

    def slow(path: Path) -> object:
        if not opened:
            waiting.wait(20)
        opened.append(path)
        return open_index(path)

    def look() -> None:
        if threading.current_thread() is not threads[0]:
            waiting.wait(20)
        with pytest.raises(Unavailable, match="index_damaged"):
            index.view()

    monkeypatch.setattr("holdout.index.generation.open_index", slow)
    threads = [threading.Thread(target=look) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


def test_readers_never_see_half_a_publication(tmp_path: Path, clock: Clock) -> None:
    """Two keys always change together; threads that look meanwhile see both old or both new, never less."""
    stop = threading.Event()
    wrong: list[object] = []

    def look() -> None:
        index = ReadIndex(tmp_path, clock=clock)
        last = 0
        while not stop.is_set():
            try:
                view = index.view()
            except Unavailable as error:
                wrong.append(error.code)
                continue
            said = contents(view.merged("urls"))
            if said[KEY] != said[OTHER] or said[KEY][0] < last:
                wrong.append(said)
            last = said[KEY][0]

    def both(number: int) -> dict[Key, list[int]]:
        return {KEY: [number], OTHER: [number]}

    with Publisher(tmp_path, clock=clock) as publisher:
        publisher.publish_base(tables(urls=both(1)), watermark=1, leaf_hash=LEAF, time=TIME)
        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(2, 60):
            publisher.publish_overlay(tables(urls=both(number)), watermark=number, leaf_hash=LEAF, time=TIME)
            if number % 7 == 0:
                publisher.merge()
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []
