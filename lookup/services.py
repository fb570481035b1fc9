"""Writing: submit and cancel bulk jobs."""

import hashlib
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from accounts.models import Organization
from holdout.durable import durable_file
from holdout.errors import Conflict, InvalidInput
from lookup import storage, tasks
from lookup.models import JobStep, LookupJob, job_id
from lookup.tables import find_columns


def submit_job(
    *,
    organization: Organization,
    upload: Iterable[bytes],
    upload_format: LookupJob.Format,
    url_column: str = "",
    sha256_column: str = "",
) -> LookupJob:
    """Store an upload as it streams in and queue it for screening.

    Raises `InvalidInput` for what is too large, damaged, or has no column to look up (`lookup.tables`), and
    `Unavailable` when the disk does not take it; then nothing of the upload stays.
    """
    public_id = job_id()
    try:
        digest, size = _store(upload, public_id)
        path = storage.upload_path(public_id)
        columns = find_columns(path, upload_format, url=url_column, sha256=sha256_column)
        with transaction.atomic():
            job = LookupJob.objects.create(
                public_id=public_id,
                organization=organization,
                upload_format=upload_format,
                upload_sha256=digest,
                upload_bytes=size,
                url_column=columns.url,
                sha256_column=columns.sha256,
            )
            JobStep.objects.create(job=job, kind=JobStep.Kind.SPLIT)
            # A bell that cannot be rung is no error: beat rings again, and the job waits.
            transaction.on_commit(tasks.work.delay, robust=True)
    except BaseException:
        storage.delete(public_id)
        raise
    return job


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
