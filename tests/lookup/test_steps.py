"""Leases and fences: whatever dies, each piece counts once."""

import os
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq
import pytest
from django.db import DatabaseError
from django.db.models.functions import Now

from accounts.models import Organization
from holdout.errors import Unavailable
from holdout.urls import KeyKind
from ledger.models import PendingEntry
from lookup import storage
from lookup.jobs import MAX_ATTEMPTS, MAX_DEATHS, sweep, work_once
from lookup.models import HitBatch, JobStep, LookupJob, LookupReceipt
from lookup.services import submit_job
from lookup.steps import LeaseLost, Taken, open_steps, take
from registry.models import Declarant
from tests.factories import reserve_place

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(vera: Organization, settings: Any) -> LookupJob:
    settings.HOLDOUT_JOB_CHUNK_ROWS = 2
    rows = "url\n" + "".join(f"https://x.example/{i}\n" for i in range(5))
    return submit_job(organization=vera, upload=[rows.encode()], upload_format=LookupJob.Format.CSV)


def expire_leases() -> None:
    """What time does to a worker that died."""
    JobStep.objects.update(lease_until=Now() - timedelta(seconds=1))


def test_a_step_is_taken_by_one_worker_at_a_time(job: LookupJob) -> None:
    assert take() is not None
    assert take() is None
    assert open_steps() == 0


def test_the_step_of_a_dead_worker_is_taken_again(job: LookupJob) -> None:
    first = take()
    expire_leases()
    assert open_steps() == 1
    second = take()
    assert first is not None
    assert second is not None
    assert (second.step.pk, second.fence) == (first.step.pk, first.fence + 1)


def test_a_worker_back_from_the_dead_changes_nothing(job: LookupJob) -> None:
    dead = take()
    assert dead is not None
    expire_leases()
    assert take() is not None
    with pytest.raises(LeaseLost), dead.finishing():
        raise AssertionError("must not be reached")
    with pytest.raises(LeaseLost):
        dead.renew()
    assert not JobStep.objects.get().done


def test_the_fence_is_that_of_the_taking_even_if_another_takes_at_once(
    job: LookupJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slow worker stops between taking and reading on; meanwhile its lease ends and another takes."""
    read_on = JobStep.objects.select_related
    others: list[Taken | None] = []

    def stopped(*relations: str) -> Any:
        monkeypatch.setattr(JobStep.objects, "select_related", read_on)
        expire_leases()
        others.append(take())
        return read_on(*relations)

    monkeypatch.setattr(JobStep.objects, "select_related", stopped)
    slow = take()
    (quick,) = others
    assert slow is not None
    assert quick is not None
    assert (slow.fence, quick.fence) == (1, 2)
    with pytest.raises(LeaseLost):
        slow.renew()
    quick.renew()


def test_a_cancelled_job_stops_the_worker_at_its_next_word(job: LookupJob) -> None:
    taken = take()
    assert taken is not None
    LookupJob.objects.update(state=LookupJob.State.CANCELLED, finished_at=Now())
    with pytest.raises(LeaseLost):
        taken.renew()


def test_a_worker_that_lost_its_step_cannot_fail_the_job(job: LookupJob) -> None:
    dead = take()
    expire_leases()
    assert take() is not None
    assert dead is not None
    dead.fail(Unavailable("step_failed", "too late"))
    job.refresh_from_db()
    assert job.state == LookupJob.State.QUEUED


def test_a_huge_job_starves_nobody(job: LookupJob, vera: Organization) -> None:
    work_once()
    first = take()
    rival = Organization.objects.create(name="Rival", side=Organization.Side.VENDOR)
    small = submit_job(organization=rival, upload=[b"url\nx\n"], upload_format=LookupJob.Format.CSV)
    second = take()
    assert first is not None
    assert second is not None
    assert first.step.job == job
    assert second.step.job == small


def test_two_holders_of_a_step_never_write_the_same_file(job: LookupJob) -> None:
    work_once()
    first = take()
    expire_leases()
    second = take()
    assert first is not None
    assert second is not None
    assert first.name("result") != second.name("result")


def test_a_job_whose_every_step_dies_once_still_counts_each_row_once(job: LookupJob) -> None:
    while open_steps():
        assert take() is not None
        expire_leases()
        work_once()
    job.refresh_from_db()
    assert job.state == LookupJob.State.DONE
    assert LookupReceipt.objects.count() == 1
    assert sum(s.rows for s in JobStep.objects.filter(kind="screen", done=True)) == 5


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_a_result_that_was_damaged_on_disk_is_made_again(alice: Declarant, job: LookupJob, how: str) -> None:
    reserve_place(alice, "https://x.example/0")
    for _ in range(4):
        work_once()
    damaged = JobStep.objects.filter(kind="screen").earliest("number")
    path = storage.folder(job.public_id) / damaged.output_name
    path.write_bytes(b"rubbish") if how == "damaged" else path.unlink()
    work_once()
    assert not LookupReceipt.objects.exists()
    while work_once():
        pass
    job.refresh_from_db()
    assert job.state == LookupJob.State.DONE
    answered = pq.read_table(storage.folder(job.public_id) / job.result_name)
    assert answered["url"].to_pylist() == [f"https://x.example/{i}" for i in range(5)]
    assert HitBatch.objects.count() == 1


@pytest.mark.parametrize("name", ["upload", "piece-*"])
def test_what_was_damaged_before_it_was_screened_is_never_answered(job: LookupJob, name: str) -> None:
    if name != "upload":
        work_once()
    path = next(iter(sorted(storage.folder(job.public_id).glob(name))))
    octets = bytearray(path.read_bytes())
    octets[octets.index(b"x.example")] ^= 1
    path.write_bytes(octets)
    while work_once():
        pass
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "job_damaged")


def test_an_index_that_is_away_makes_a_job_wait_and_never_fail(job: LookupJob) -> None:
    work_once()
    away = Unavailable("index_stale", "not kept up to date")
    with patch("lookup.jobs.current_view", side_effect=away):
        for _ in range(3 * MAX_ATTEMPTS):
            assert work_once() is not None
            expire_leases()
    while work_once():
        pass
    job.refresh_from_db()
    assert job.state == LookupJob.State.DONE


def test_a_piece_about_which_too_much_is_said_is_screened_in_parts(
    alice: Declarant, bob: Declarant, job: LookupJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    for declarant in (alice, bob):
        reserve_place(declarant, "x.example", kind=KeyKind.DOMAIN)
    monkeypatch.setattr("holdout.index.view.MAX_LINES", 2)
    while work_once():
        pass
    job.refresh_from_db()
    assert job.state == LookupJob.State.DONE
    answered = pq.read_table(storage.folder(job.public_id) / job.result_name)
    assert answered["url"].to_pylist() == [f"https://x.example/{i}" for i in range(5)]
    assert answered["holdout_train_gen"].to_pylist() == ["deny"] * 5


def test_a_folder_that_belongs_to_no_job_is_deleted_after_a_day(job: LookupJob) -> None:
    orphan = storage.folder("job_" + "a" * 26)
    orphan.mkdir()
    (orphan / "upload").write_bytes(b"half")
    sweep()
    assert orphan.exists()
    for path in (orphan / "upload", orphan, storage.upload_path(job.public_id)):
        os.utime(path, (0, 0))
    sweep()
    assert not orphan.exists()
    assert storage.upload_path(job.public_id).exists()


def test_a_step_that_fails_is_tried_again_and_then_fails_the_job(job: LookupJob) -> None:
    with patch("lookup.jobs.pieces", side_effect=RuntimeError("bug")):
        for _ in range(MAX_ATTEMPTS):
            assert work_once() is not None
            expire_leases()
        assert work_once() is None
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "step_failed")


def test_a_disk_that_is_full_only_delays(job: LookupJob) -> None:
    with patch("holdout.durable.os.fsync", side_effect=OSError(28, "No space left on device")):
        work_once()
    assert not list(storage.folder(job.public_id).glob("piece-*"))
    expire_leases()
    while work_once():
        pass
    job.refresh_from_db()
    assert job.state == LookupJob.State.DONE


def test_a_database_that_fails_leaves_the_step_to_its_lease(job: LookupJob) -> None:
    with patch("lookup.jobs.pieces", side_effect=DatabaseError("gone")):
        work_once()
    assert open_steps() == 0
    expire_leases()
    assert open_steps() == 1


def test_an_upload_that_kills_its_workers_is_given_up(job: LookupJob) -> None:
    JobStep.objects.update(fence=MAX_DEATHS)
    work_once()
    job.refresh_from_db()
    assert (job.state, job.error_code) == ("failed", "step_kills_workers")


def test_a_job_that_was_cancelled_meanwhile_gets_no_result(job: LookupJob) -> None:
    taken = take()
    assert taken is not None
    LookupJob.objects.update(state=LookupJob.State.CANCELLED, finished_at=Now())
    with pytest.raises(LeaseLost), taken.finishing():
        raise AssertionError("must not be reached")
    assert not PendingEntry.objects.exists()


def test_a_disk_that_is_full_refuses_the_upload_and_leaves_nothing(vera: Organization, settings: Any) -> None:
    with (
        patch("holdout.durable.os.fsync", side_effect=OSError(28, "No space left on device")),
        pytest.raises(Unavailable) as refused,
    ):
        submit_job(organization=vera, upload=[b"url\n"], upload_format=LookupJob.Format.CSV)
    assert refused.value.code == "storage_full"
    assert not list(settings.HOLDOUT_STORE_DIR.glob("jobs/*"))


def test_files_are_deleted_when_their_time_is_over(job: LookupJob) -> None:
    while work_once():
        pass
    folder = storage.folder(job.public_id)
    assert sweep() == 0
    assert folder.exists()
    LookupJob.objects.update(finished_at=Now() - timedelta(days=31))
    assert sweep() == 1
    assert not folder.exists()
    assert sweep() == 0


def test_an_upload_goes_before_its_result(job: LookupJob) -> None:
    while work_once():
        pass
    job.refresh_from_db()
    folder = storage.folder(job.public_id)
    assert {path.name for path in folder.iterdir()} == {storage.UPLOAD, job.result_name}
    LookupJob.objects.update(finished_at=Now() - timedelta(days=8))
    assert sweep() == 0
    assert {path.name for path in folder.iterdir()} == {job.result_name}


def test_the_files_of_a_cancelled_job_stay_for_a_week_so_that_it_can_be_resumed(job: LookupJob) -> None:
    LookupJob.objects.update(state=LookupJob.State.CANCELLED, finished_at=Now() - timedelta(days=6))
    assert sweep() == 0
    assert storage.upload_path(job.public_id).exists()
    LookupJob.objects.update(finished_at=Now() - timedelta(days=8))
    assert sweep() == 1
    assert not storage.folder(job.public_id).exists()
