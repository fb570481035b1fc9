"""Reading: jobs, their progress and receipts."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from accounts.models import Organization
from holdout.errors import Conflict, NotFound
from holdout.ids import is_public_id
from ledger.queries import receipt
from lookup import storage
from lookup.models import JobStep, LookupJob


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: rows answered so far, by their most restrictive outcome (or `failed`)."""

    rows_done: int
    counts: dict[str, int]
    seconds_left: int | None
    """At the pace so far; None for a job that does not run, or of which no row is answered yet."""


def jobs_of(organization: Organization) -> QuerySet[LookupJob]:
    """A tenant's jobs, newest first."""
    return LookupJob.objects.filter(organization=organization).order_by("-created_at", "-pk")


def job_of(organization: Organization, public_id: str) -> LookupJob:
    """One of a tenant's jobs. Raises `NotFound` (`job_unknown`), also for another tenant's."""
    job = jobs_of(organization).filter(public_id=public_id).first() if is_public_id(public_id) else None
    if job is None:
        raise NotFound("job_unknown", "You have no job with that id.")
    return job


def progress_of(jobs: Iterable[LookupJob]) -> dict[int, Progress]:
    """How far each of these jobs is, by its primary key, in one query."""
    by_key = {job.pk: job for job in jobs}
    rows: Counter[int] = Counter()
    counts: dict[int, Counter[str]] = {job: Counter() for job in by_key}
    done = JobStep.objects.filter(job__in=counts, kind=JobStep.Kind.SCREEN, done=True)
    for job, answered, by_outcome in done.values_list("job_id", "rows", "counts"):
        rows[job] += answered
        counts[job].update(by_outcome)
    return {
        key: Progress(rows[key], dict(counts[key]), _seconds_left(job, rows[key]))
        for key, job in by_key.items()
    }


def _seconds_left(job: LookupJob, rows_done: int) -> int | None:
    if job.state != LookupJob.State.RUNNING or not rows_done or job.rows is None:
        return None
    passed = (datetime.now(tz=UTC) - job.created_at).total_seconds()
    return math.ceil(max(passed, 0) / rows_done * (job.rows - rows_done))


def result_path(job: LookupJob) -> Path:
    """The result file. Raises `Conflict` (`job_not_done`) and `NotFound` (`result_deleted`)."""
    if job.state != LookupJob.State.DONE:
        raise Conflict("job_not_done", f"The job is {job.state}; its result comes when it is done.")
    path = storage.folder(job.public_id) / job.result_name
    if job.swept_at or not path.is_file():
        raise NotFound("result_deleted", "The result was deleted when its retention ended.")
    return path


def receipt_of(job: LookupJob) -> dict[str, Any]:
    """The job's lookup receipt. Raises `Conflict` (`job_not_done`) and `NotFound` (`not_in_log`)."""
    if job.state != LookupJob.State.DONE:
        raise Conflict("job_not_done", f"The job is {job.state}; its receipt comes when it is done.")
    return receipt(job.receipt.public_id)
