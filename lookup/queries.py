"""Reading: jobs, their progress and receipts."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from accounts.models import Organization
from holdout.errors import Conflict, NotFound
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
    job = jobs_of(organization).filter(public_id=public_id).first()
    if job is None:
        raise NotFound("job_unknown", "You have no job with that id.")
    return job


def progress_of(job: LookupJob) -> Progress:
    done = job.steps.filter(kind=JobStep.Kind.SCREEN, done=True).values_list("rows", "counts")
    counts: Counter[str] = Counter()
    for _, by_outcome in done:
        counts.update(by_outcome)
    return Progress(rows_done=sum(rows for rows, _ in done), counts=dict(counts))


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
