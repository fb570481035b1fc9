"""`/v1/jobs`: screen a file of millions of rows."""

from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpResponse, JsonResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import caller
from api.body import UnsupportedMediaType, media_type, stream_body
from api.idempotency import once
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from holdout.errors import InvalidInput
from lookup import queries
from lookup.formats import Columns
from lookup.models import LookupJob
from lookup.services import cancel_job, discard_uploads, resume_job, submit_job

_FORMATS = {
    "text/csv": LookupJob.Format.CSV,
    "application/vnd.apache.parquet": LookupJob.Format.PARQUET,
    "application/x-parquet": LookupJob.Format.PARQUET,
    "application/x-ndjson": LookupJob.Format.NDJSON,
    "text/plain": LookupJob.Format.TEXT,
}
_COLUMNS = {f"{field.name}_column": field.name for field in fields(Columns)}
_PAGE = 100


class JobsView(MeteredView):
    """Submit a job (the file is the body), or list one's own."""

    permission_classes = (OfVendors,)
    quotas = {"POST": QuotaName.JOBS, "GET": QuotaName.CALLS}

    @operations.submit_job
    def post(self, request: Request) -> HttpResponse:
        upload_format = _FORMATS.get(media_type(request))
        if upload_format is None:
            raise UnsupportedMediaType("upload_format_unknown", f"Send one of {', '.join(_FORMATS)}.")
        answers = _answers_wanted(request)

        submitted: list[LookupJob] = []

        def submit(upload: Iterator[bytes]) -> HttpResponse:
            job = submit_job(
                organization=caller(request),
                upload=upload,
                upload_format=upload_format,
                columns=Columns(**{name: request.GET.get(p, "") for p, name in _COLUMNS.items()}),
                answers=answers,
            )
            submitted.append(job)
            location = f"/v1/jobs/{job.public_id}"
            return JsonResponse(_job_json(job), status=202, headers={"Location": location})

        upload = stream_body(request, max_bytes=settings.HOLDOUT_JOB_MAX_UPLOAD_BYTES)
        return once(request, upload, submit, undo=lambda: discard_uploads(jobs=submitted))

    @operations.list_jobs
    def get(self, request: Request) -> Response:
        jobs = queries.jobs_of(caller(request))[:_PAGE]
        return Response({"jobs": _jobs_json(jobs)})


class JobView(MeteredView):
    """One job: how far it is; DELETE cancels it."""

    permission_classes = (OfVendors,)
    quotas = {"GET": QuotaName.CALLS, "DELETE": QuotaName.CALLS}

    @operations.job
    def get(self, request: Request, job_id: str) -> Response:
        return Response(_job_json(queries.job_of(caller(request), job_id)))

    @operations.cancel_job
    def delete(self, request: Request, job_id: str) -> Response:
        return Response(_job_json(cancel_job(job=queries.job_of(caller(request), job_id))))


class JobResumeView(MeteredView):
    """Go on with a job that was cancelled or failed."""

    permission_classes = (OfVendors,)
    quotas = {"POST": QuotaName.JOBS}

    @operations.resume_job
    def post(self, request: Request, job_id: str) -> Response:
        return Response(_job_json(resume_job(job=queries.job_of(caller(request), job_id))))


class JobResultView(MeteredView):
    """The input's rows (all, or those with a finding) and columns in their order, with the answer's, as
    Parquet.
    """

    permission_classes = (OfVendors,)
    quotas = {"GET": QuotaName.CALLS}

    @operations.job_result
    def get(self, request: Request, job_id: str) -> FileResponse:
        job = queries.job_of(caller(request), job_id)
        return FileResponse(
            queries.result_path(job).open("rb"),
            as_attachment=True,
            filename=f"{job.public_id}.parquet",
            content_type="application/vnd.apache.parquet",
        )


class JobReceiptView(MeteredView):
    """Proof of what was asked and answered."""

    permission_classes = (OfVendors,)
    quotas = {"GET": QuotaName.CALLS}

    @operations.job_receipt
    def get(self, request: Request, job_id: str) -> HttpResponse:
        return Response(queries.receipt_of(queries.job_of(caller(request), job_id)))


def _answers_wanted(request: Request) -> LookupJob.Answers:
    given = request.GET.get("answers", LookupJob.Answers.ALL)
    if request.GET.keys() - {"answers", *_COLUMNS} or given not in LookupJob.Answers.values:
        raise InvalidInput(
            "parameter_unknown",
            f"Give answers={' or '.join(LookupJob.Answers.values)}, and any of {', '.join(_COLUMNS)}.",
        )
    return LookupJob.Answers(given)


def _job_json(job: LookupJob) -> dict[str, Any]:
    return _jobs_json([job])[0]


def _jobs_json(jobs: Iterable[LookupJob]) -> list[dict[str, Any]]:
    jobs = list(jobs)
    progress = queries.progress_of(jobs)
    return [_one_job_json(job, progress[job.pk]) for job in jobs]


def _one_job_json(job: LookupJob, progress: queries.Progress) -> dict[str, Any]:
    return {
        "id": job.public_id,
        "state": job.state,
        "rows": job.rows,
        "rows_done": progress.rows_done,
        "seconds_left": progress.seconds_left,
        "counts": progress.counts,
        "answers": job.answers,
        "columns": {name: getattr(job, column) for column, name in _COLUMNS.items()},
        "created_at": job.created_at.isoformat(),
        "finished_at": job.finished_at and job.finished_at.isoformat(),
        "result_sha256": job.result_sha256 and bytes(job.result_sha256).hex(),
        "error": {"code": job.error_code, "detail": job.error_detail} if job.error_code else None,
    }
