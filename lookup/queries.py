"""Reading: jobs, their progress and receipts."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
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
    rows: Counter[int] = Counter()
    counts: dict[int, Counter[str]] = {job.pk: Counter() for job in jobs}
    done = JobStep.objects.filter(job__in=counts, kind=JobStep.Kind.SCREEN, done=True)
    for job, answered, by_outcome in done.values_list("job_id", "rows", "counts"):
        rows[job] += answered
        counts[job].update(by_outcome)
    return {job: Progress(rows_done=rows[job], counts=dict(counts[job])) for job in counts}


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
