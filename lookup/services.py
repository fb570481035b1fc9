"""Writing: submit and cancel bulk jobs."""

import hashlib
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from accounts.models import Organization
from holdout.durable import durable_file
from holdout.errors import Conflict, InvalidInput, NotFound
from lookup import storage, tasks
from lookup.formats import Columns, find_columns
from lookup.models import JobStep, LookupJob, job_id

NO_NAMES: Final = Columns()
"""The columns are found by their usual names."""


def submit_job(
    *,
    organization: Organization,
    upload: Iterable[bytes],
    upload_format: LookupJob.Format,
    columns: Columns = NO_NAMES,
    answers: LookupJob.Answers = LookupJob.Answers.ALL,
) -> LookupJob:
    """Store an upload as it streams in and queue it for screening.

    Raises `InvalidInput` for what is too large, damaged, or has no column to look up (`lookup.formats`), and
    `Unavailable` when the disk does not take it; then nothing of the upload stays.
    """
    public_id = job_id()
    try:
        digest, size = _store(upload, public_id)
        path = storage.upload_path(public_id)
        found = find_columns(path, upload_format, columns)
        with transaction.atomic():
            job = LookupJob.objects.create(
                public_id=public_id,
                organization=organization,
                upload_format=upload_format,
                upload_sha256=digest,
                upload_bytes=size,
                answers=answers,
                url_column=found.url,
                sha256_column=found.sha256,
                page_url_column=found.page_url,
                phash_column=found.phash,
                fingerprints_column=found.fingerprints,
            )
            JobStep.objects.create(job=job, kind=JobStep.Kind.SPLIT)
            # A bell that cannot be rung is no error: beat rings again, and the job waits.
            transaction.on_commit(tasks.work.delay, robust=True)
    except BaseException:
        storage.delete(public_id)
        raise
    return job


def discard_uploads(*, jobs: Iterable[LookupJob]) -> None:
    """Delete the files of jobs whose transaction was rolled back: the files know nothing of that."""
    for job in jobs:
        storage.delete(job.public_id)


def _store(upload: Iterable[bytes], public_id: str) -> tuple[bytes, int]:
    digest, size = hashlib.sha256(), 0
    with durable_file(storage.upload_path(public_id)) as file:
        for part in upload:
            size += len(part)
            if size > settings.HOLDOUT_JOB_MAX_UPLOAD_BYTES:
                raise InvalidInput(
                    "upload_too_large", "The upload is larger than this registry takes; split it."
                )
            digest.update(part)
            file.write(part)
    if size == 0:
        raise InvalidInput("upload_empty", "Send the file as the body of the request.")
    return digest.digest(), size


def cancel_job(*, job: LookupJob) -> LookupJob:
    """Stop a job that has not ended. Raises `Conflict` (`job_ended`) when it has."""
    running = LookupJob.objects.filter(pk=job.pk, state__in=["queued", "running"])
    if not running.update(state=LookupJob.State.CANCELLED, finished_at=Now()):
        raise Conflict("job_ended", "The job has ended already.")
    job.refresh_from_db()
    return job


def resume_job(*, job: LookupJob) -> LookupJob:
    """Go on with a job that was cancelled or failed: what is done stays done, what failed is tried anew.

    Raises `Conflict` (`job_not_ended` for one that still runs, `job_done`), and `NotFound` (`upload_deleted`)
    when retention has deleted its file.
    """
    with transaction.atomic():
        locked = LookupJob.objects.select_for_update().get(pk=job.pk)
        if locked.state == LookupJob.State.DONE:
            raise Conflict("job_done", "The job is done; fetch its result.")
        if locked.state in (LookupJob.State.QUEUED, LookupJob.State.RUNNING):
            raise Conflict("job_not_ended", "The job has not ended.")
        if locked.swept_at or not storage.upload_path(locked.public_id).is_file():
            raise NotFound(
                "upload_deleted", "The job's file was deleted when its retention ended; send it again."
            )
        cut = not locked.steps.filter(kind=JobStep.Kind.SPLIT, done=False).exists()
        locked.state = LookupJob.State.RUNNING if cut else LookupJob.State.QUEUED
        locked.finished_at, locked.error_code, locked.error_detail = None, "", ""
        locked.save(update_fields=["state", "finished_at", "error_code", "error_detail"])
        locked.steps.filter(done=False).update(forgiven=F("fence"), lease_until=None)
        transaction.on_commit(tasks.ring.delay, robust=True)
    return locked
