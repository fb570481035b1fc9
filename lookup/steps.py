"""Taking and finishing a job's steps: leases and fencing tokens in PostgreSQL.

The step table is the truth. A Celery message says only "look here"; losing one, or getting it twice,
changes nothing but the time it takes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from holdout.errors import HoldoutError
from lookup.models import JobStep, LookupJob


class LeaseLost(Exception):
    """Another worker holds the step now, or its job is over; what was done here does not count."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that this worker may work on until its lease ends."""

    step: JobStep
    fence: int

    @property
    def tries(self) -> int:
        """How often it was taken, this time included, since the job was submitted or resumed."""
        return self.fence - self.step.forgiven

    def name(self, stem: str) -> str:
        """A file name that no other holder of this step can use."""
        return f"{stem}-{self.step.number:06d}.{self.fence}"

    def renew(self) -> None:
        """Ask for another full lease, on long work. Raises `LeaseLost`."""
        lease = timedelta(seconds=settings.HOLDOUT_JOB_LEASE_SECONDS)
        if not self._mine().update(lease_until=Now() + lease):
            raise LeaseLost

    @contextmanager
    def finishing(self, **values: Any) -> Iterator[LookupJob]:
        """One transaction that marks the step done with `values`, around what else follows from it.

        Yields the job, locked. Raises `LeaseLost` before anything is written when the fence has moved on.
        """
        with transaction.atomic():
            job = LookupJob.objects.select_for_update().get(pk=self.step.job_id)
            if not self._mine().update(done=True, lease_until=None, **values):
                raise LeaseLost
            yield job

    def fail(self, error: HoldoutError) -> None:
        """End the job with `error`, if this worker still holds the step."""
        with transaction.atomic():
            job = LookupJob.objects.select_for_update().get(pk=self.step.job_id)
            if self._mine().exists():
                job.state, job.finished_at = LookupJob.State.FAILED, Now()
                job.error_code, job.error_detail = error.code, error.detail[:500]
                job.save(update_fields=["state", "finished_at", "error_code", "error_detail"])

    def release(self, *, after_seconds: float) -> None:
        """Give the step back, for another try in a while."""
        self._mine().update(lease_until=Now() + timedelta(seconds=after_seconds))

    def wait(self, *, seconds: float) -> None:
        """Give the step back for a while, for a reason that lies outside of it: that was no try."""
        lease_until = Now() + timedelta(seconds=seconds)
        self._mine().update(lease_until=lease_until, forgiven=F("forgiven") + 1)

    def reopen(self, step: JobStep) -> None:
        """Have a finished step done again; whoever does it makes this one anew. Raises `LeaseLost`."""
        with transaction.atomic():
            LookupJob.objects.select_for_update().get(pk=self.step.job_id)
            if not self._mine().exists():
                raise LeaseLost
            JobStep.objects.filter(pk=step.pk).update(
                done=False, output_name="", output_sha256=None, forgiven=F("fence"), lease_until=None
            )
            self.step.delete()

    def _mine(self) -> QuerySet[JobStep]:
        running = [LookupJob.State.QUEUED, LookupJob.State.RUNNING]
        return JobStep.objects.filter(pk=self.step.pk, fence=self.fence, done=False, job__state__in=running)


_TAKE = """
UPDATE lookup_jobstep SET fence = fence + 1, lease_until = now() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT step.id FROM lookup_jobstep step JOIN lookup_lookupjob job ON job.id = step.job_id
    LEFT JOIN (
        SELECT j.organization_id, count(*) AS steps
        FROM lookup_jobstep s JOIN lookup_lookupjob j ON j.id = s.job_id
        WHERE NOT s.done AND s.lease_until >= now() GROUP BY j.organization_id
    ) served ON served.organization_id = job.organization_id
    WHERE NOT step.done AND (step.lease_until IS NULL OR step.lease_until < now())
      AND job.state IN ('queued', 'running')
    ORDER BY COALESCE(served.steps, 0), step.id LIMIT 1
    FOR UPDATE OF step SKIP LOCKED
)
RETURNING id, fence
"""


def take() -> Taken | None:
    """A step that nobody works on, leased to the caller; None when there is none.

    The organisation for which the fewest workers are busy comes first, so that one huge job starves nobody;
    within it the oldest step.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"lease": settings.HOLDOUT_JOB_LEASE_SECONDS})
        row = cursor.fetchone()
    if row is None:
        return None
    step, fence = row
    # The fence is the one of this very taking: read back later it could already be the next holder's.
    return Taken(JobStep.objects.select_related("job__organization").get(pk=step), fence)


def open_steps() -> int:
    """How many steps wait for a worker."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    return JobStep.objects.filter(free, done=False, job__state__in=["queued", "running"]).count()
