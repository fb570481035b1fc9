"""Publishing: from real statements to files that the library opens, and back to what the registry says."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from consent.services import withdraw
from holdout.errors import NotFound, SnapshotRefused, Unavailable
from holdout.resolution import Assurance
from holdout.signing import SigningKey
from holdout.snapshot.codes import ASK
from holdout.snapshot.folder import file_name, stored_files
from holdout.snapshot.read import Snapshot as Opened
from holdout.url_keys import url_keys
from holdout.urls import KeyKind
from holdout.verdicts import Query
from holdout.vocabulary import PRESETS
from lookup import published, snapshots, tasks
from lookup.engine import answer
from lookup.models import Snapshot
from lookup.published import Gone
from lookup.snapshots import publish
from registry.models import Declarant
from tests.factories import OPEN, reserve_place, reserve_work, settle

pytestmark = pytest.mark.django_db
URLS = ["https://a.example/x.jpg", "https://b.example/art/y.jpg", "https://nobody.example/"]


def opened() -> Opened:
    folder, keys = published.snapshot_folder(), published.public_keys()
    return Opened.open(folder, public_key=keys, now=timezone.now(), cache=False)


def codes(urls: list[str], snapshot: Opened | None = None) -> list[int]:
    octets = "\n".join(urls).encode()
    ends = np.cumsum([len(url) + 1 for url in urls]) - 1
    starts = np.append(0, ends[:-1] + 1)
    keys = url_keys(np.frombuffer(octets, np.uint8), starts, ends)
    return [int(code) for code in (snapshot or opened()).urls(keys)]


def names() -> set[str]:
    folder = published.snapshot_folder()
    return {stored.path.name for stored in stored_files(folder)} if folder.exists() else set()


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Call it to let some hours pass for the publisher; what is opened is opened now."""
    passed = timedelta()
    clock = snapshots._database_time

    def later() -> datetime:
        return clock() - timedelta(hours=200) + passed

    def let_pass(number: float) -> None:
        nonlocal passed
        passed += timedelta(hours=number)

    monkeypatch.setattr(snapshots, "_database_time", later)
    monkeypatch.setattr(snapshots, "EXPIRES_AFTER", timedelta(hours=400))
    return let_pass


# --- what is published


def test_an_empty_registry_publishes_an_empty_snapshot() -> None:
    version = publish()
    snapshot = opened()
    assert (snapshot.version, snapshot.watermark, snapshot.header.prefixes) == (version, -1, 0)
    assert codes(URLS, snapshot) == [0, 0, 0]


def test_what_creators_said_is_what_a_vendor_reads(alice: Declarant, bob: Declarant) -> None:
    reserve_place(alice, "https://a.example/x.jpg")
    reserve_place(bob, "b.example", kind=KeyKind.DOMAIN, preferences=PRESETS["no-generative-ai"])
    reserve_place(bob, "https://b.example/art/", kind=KeyKind.PATH, preferences=OPEN)
    reserve_work(alice, {"sha256": b"a" * 32})
    publish()
    snapshot = opened()
    assert codes([*URLS, "https://b.example/", "rubbish"], snapshot) == [240, ASK, 0, 180, 254]
    digests = np.frombuffer(b"a" * 32 + b"b" * 32, np.uint8).reshape(2, 32)
    assert snapshot.files(digests).tolist() == [240, 0]
    assert snapshot.watermark == answer([Query(url=URLS[0])])[0].as_of.log_index  # type: ignore[union-attr]


def test_a_statement_that_has_no_effect_is_not_in_it(alice: Declarant) -> None:
    reserve_place(alice, URLS[0], preferences=OPEN, level=Assurance.L0)
    publish()
    assert opened().header.prefixes == 0


def test_what_was_withdrawn_is_gone_with_the_next(alice: Declarant) -> None:
    statement = reserve_place(alice, URLS[0])
    first = publish()
    withdraw(statement=statement)
    settle()
    second = publish()
    assert codes(URLS) == [0, 0, 0]
    assert names() == {
        file_name(since=0, version=first or 0),
        file_name(since=first or 0, version=second or 0),
    }


# --- when something is published


def test_nothing_is_published_when_nothing_has_changed(alice: Declarant) -> None:
    assert publish()
    before = names()
    assert publish() is None
    assert names() == before
    reserve_place(alice, URLS[0])
    assert publish()


def test_the_clock_publishes_once_an_hour_changed_or_not(
    alice: Declarant, hours: Callable[[float], None]
) -> None:
    first = publish(when_due=True) or 0
    reserve_place(alice, URLS[0])
    assert publish(when_due=True) is None
    hours(1)
    assert publish(when_due=True)
    hours(1)
    renewed = publish(when_due=True)
    assert renewed
    last = Snapshot.objects.get(version=renewed, since=first)
    assert last.expires_at - last.created_at == snapshots.EXPIRES_AFTER
    assert codes(URLS) == [240, 0, 0]


def test_the_task_is_what_beat_has_done(alice: Declarant, settings: LazySettings) -> None:
    tasks.publish_snapshot()
    tasks.publish_snapshot()
    assert Snapshot.objects.count() == 1
    entries = settings.CELERY_BEAT_SCHEDULE.values()
    assert tasks.publish_snapshot.name in {entry["task"] for entry in entries}


def test_what_is_good_for_two_days_is_renewed_every_hour() -> None:
    assert timedelta(hours=48) == snapshots.EXPIRES_AFTER
    assert snapshots.DELTA_EVERY * 10 < snapshots.EXPIRES_AFTER


def test_a_base_comes_every_day_and_two_are_kept(
    hours: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(hours=24) == snapshots.BASE_EVERY
    monkeypatch.setattr(snapshots, "BASE_EVERY", timedelta(hours=3))
    for _ in range(8):
        assert publish(when_due=True)
        hours(1)
    newer, older = published.bases()
    apart = newer.created_at - older.created_at
    assert apart == pytest.approx(timedelta(hours=3), abs=timedelta(minutes=1))
    assert Snapshot.objects.exclude(since=0).count() == 7


def test_from_every_version_of_three_days_a_delta_leads_to_the_newest(
    alice: Declarant, hours: Callable[[float], None]
) -> None:
    versions, states = [], []
    for number in range(5):
        reserve_place(alice, f"https://a.example/{number}.jpg")
        versions.append(publish() or 0)
        states.append(opened().header.digest)
        hours(20)
    last = versions[-1]
    assert [d.since for d in published.deltas(last)] == versions[1:-1]  # the first is 80 hours old
    for since in versions[1:-1]:
        folder = published.snapshot_folder().parent / str(since)
        folder.mkdir()
        delta = published.delta_file(since)
        assert delta
        content = published.path_of(delta).read_bytes()
        (folder / delta.name).write_bytes(content)
        base = _base_at(folder, since)
        if base:
            found = Opened.open(folder, public_key=published.public_keys(), now=timezone.now(), cache=False)
            assert found.version == last
            assert codes([f"https://a.example/{n}.jpg" for n in range(5)], found) == [240] * 5


def _base_at(folder: Path, version: int) -> Path | None:
    base = published.bases().filter(version=version).first()
    if base is None:
        return None
    copy = folder / base.name
    copy.write_bytes(published.path_of(base).read_bytes())
    return copy


def test_a_delta_that_is_no_shorter_than_fetching_the_base_is_not_kept(
    alice: Declarant, hours: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "DELTA_WORTH", 0)
    first = publish()
    hours(1)
    second = publish()
    hours(1)
    third = publish()
    assert [d.since for d in published.deltas(third or 0)] == [second]
    with pytest.raises(Gone, match="snapshot_too_old"):
        published.delta_file(first or 0)


def test_where_the_delta_from_the_base_is_not_kept_a_base_takes_its_place(
    alice: Declarant, hours: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "DELTA_WORTH", 0)
    for _ in range(4):
        version = publish() or 0
        base = published.bases()[0].version
        assert base == version or published.deltas(version).filter(since=base).exists()
        hours(1)


def test_one_publishes_at_a_time() -> None:
    other = connection.copy()  # the same session would get the lock twice
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [snapshots._LOCK])
            assert publish() is None
            cursor.execute("SELECT pg_advisory_unlock(%s)", [snapshots._LOCK])
    finally:
        other.close()
    assert not Snapshot.objects.exists()
    assert publish()


def test_versions_only_go_up_also_after_the_database_was_restored() -> None:
    first = publish(base=True) or 0
    second = publish(base=True) or 0
    assert second > first
    Snapshot.objects.all().delete()
    assert abs((publish() or 0) - timezone.now().timestamp()) < 60


# --- what goes wrong


def test_an_index_that_cannot_speak_publishes_nothing(tmp_path: Path) -> None:
    (tmp_path / "index" / "manifest.json").unlink()
    with pytest.raises(Unavailable, match="index_missing"):
        publish()
    with pytest.raises(CommandError, match="index_missing"):
        call_command("publish_snapshot")
    assert not Snapshot.objects.exists()
    assert names() == set()


def test_a_disk_that_is_full_publishes_nothing_and_the_next_begins_afresh(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = publish()
    reserve_place(alice, URLS[0])
    before = names()
    with monkeypatch.context() as full:

        def refuse(_descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        full.setattr("os.fsync", refuse)
        with pytest.raises(Unavailable, match="storage_full"):
            publish()
    assert names() == before
    assert published.newest().version == first
    assert publish()
    assert codes(URLS) == [240, 0, 0]


def test_a_publisher_that_died_leaves_nothing_behind(
    alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    reserve_place(alice, URLS[0])
    before = names()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Snapshot.objects, "bulk_create", die)
        with pytest.raises(KeyboardInterrupt):
            publish()
    assert len(names() - before) == 1
    publish()
    assert {row.name for row in Snapshot.objects.all()} == names()
    assert codes(URLS) == [240, 0, 0]


@pytest.mark.parametrize("damage", ["gone", "changed", "another key"])
def test_where_the_last_version_cannot_be_read_a_new_base_begins(
    alice: Declarant, damage: str, settings: LazySettings
) -> None:
    first = publish() or 0
    path = published.path_of(published.base_file(first))
    if damage == "gone":
        path.unlink()
    elif damage == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    else:
        settings.HOLDOUT_SNAPSHOT_SIGNING_KEY = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
    reserve_place(alice, URLS[0])
    second = publish() or 0
    assert published.base_file(second).version == second
    assert not published.deltas(second)
    Snapshot.objects.filter(version=first).delete()
    assert codes(URLS) == [240, 0, 0]


def test_while_keys_change_both_are_trusted_and_deltas_go_on(
    alice: Declarant, settings: LazySettings
) -> None:
    first = publish() or 0
    old = published.signing_key().public
    settings.HOLDOUT_SNAPSHOT_SIGNING_KEY = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="
    settings.HOLDOUT_SNAPSHOT_PUBLIC_KEYS = [old.text]
    reserve_place(alice, URLS[0])
    publish()
    assert published.public_keys() == [SigningKey(b"\x02" * 32).public, old]
    assert published.delta_file(first)
    assert codes(URLS) == [240, 0, 0]
    with pytest.raises(SnapshotRefused, match="snapshot_untrusted"):
        Opened.open(published.snapshot_folder(), public_key=old, now=timezone.now())


def test_files_that_nobody_can_be_reading_any_more_are_deleted(
    hours: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        publish(base=True)
        hours(1)
    kept = {row.name for row in Snapshot.objects.all()}
    assert names() > kept  # somebody may just have been told of them
    monkeypatch.setattr(snapshots, "_GRACE_SECONDS", -1)
    publish(base=True)
    assert names() == {row.name for row in Snapshot.objects.all()}


# --- reading


def test_before_the_first_there_is_none() -> None:
    with pytest.raises(NotFound, match="snapshot_unknown"):
        published.newest()
    for ask in (published.delta_file, published.base_file):
        with pytest.raises(NotFound, match="snapshot_unknown"):
            ask(1)


def test_the_command_publishes(alice: Declarant, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("publish_snapshot")
    call_command("publish_snapshot")
    call_command("publish_snapshot", "--base")
    first, nothing, second = capsys.readouterr().out.splitlines()
    assert (nothing, first.split()[0], second.split()[0]) == ("nothing to publish", "version", "version")
    assert published.bases().count() == 2
