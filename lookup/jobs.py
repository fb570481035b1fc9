"""The worker's part of a bulk job: cut the upload, screen the pieces, join the results, sign off.

Each step's result and its state are committed in one transaction, under the step's fence; files are named
by the fence. Whatever dies in between is done again by the next holder of the step.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.conf import settings
from django.db import Error as DatabaseError
from django.db.models import Q
from django.db.models.functions import Now
from structlog.contextvars import bound_contextvars

from holdout.durable import durable_file
from holdout.errors import InvalidInput, Unavailable
from holdout.index.read import View
from holdout.index.view import ANSWER_TOO_LARGE
from ledger.models import Log
from ledger.services import append
from lookup import storage
from lookup.formats import Columns, pieces
from lookup.hits import store_hits
from lookup.models import JobStep, LookupJob, LookupReceipt
from lookup.screening import Screened, filled_rows, screen
from lookup.steps import LeaseLost, Taken, take
from registry.read_index import current_view

logger = logging.getLogger(__name__)

MAX_ATTEMPTS: Final = 5
"""A step that failed when it was taken for the fifth time fails its job."""
MAX_DEATHS: Final = 20
"""A step that was taken this often, whose workers never came back, is not tried again."""
_WAIT_SECONDS: Final = 5.0
_CODES_AT_ONCE: Final = 4_096
"""Rows between two looks at the lease where codes are compared: with every registered one."""
_LOOKS_AT_ONCE: Final = 8
"""Likewise pictures by all their fingerprints: 50 ms each, or seconds for one with very many panes."""
UPLOADS_KEPT: Final = timedelta(days=7)
RESULTS_KEPT: Final = timedelta(days=30)
ORPHANS_KEPT: Final = timedelta(days=1)


def work_once() -> JobStep.Kind | None:
    """Take one open step and do it; returns its kind, or None when there was none.

    What a caller can mend fails the job with its code. Anything else gives the step back, and fails the job
    at the fifth try; so does a step whose workers keep dying.
    """
    taken = take()
    if taken is None:
        return None
    step, kind = taken.step, JobStep.Kind(taken.step.kind)
    with bound_contextvars(job=step.job.public_id, step=step.pk, kind=kind.value, attempt=taken.fence):
        _do(taken, kind)
    return kind


def _do(taken: Taken, kind: JobStep.Kind) -> None:
    began = time.monotonic()
    try:
        if taken.tries > MAX_DEATHS:
            raise InvalidInput(
                "step_kills_workers", "Something in this upload ends every worker that reads it."
            )
        _WORK[kind](taken)
    except LeaseLost:
        logger.info("step went to another worker")
    except InvalidInput as error:
        logger.info("job failed", extra={"code": error.code})
        taken.fail(error)
    except Unavailable as error:
        # The index is being built, the disk is full: the job waits, however long that takes.
        logger.warning("step waits", extra={"code": error.code})
        taken.wait(seconds=_WAIT_SECONDS)
    except DatabaseError:
        # Nothing can be written now. The lease runs out, and somebody takes the step again.
        logger.exception("the database failed in a step")
    except Exception:
        logger.exception("step failed")
        if taken.tries >= MAX_ATTEMPTS:
            taken.fail(Unavailable("step_failed", f"A worker failed {taken.tries} times; tell the operator."))
        else:
            taken.release(after_seconds=2**taken.tries)
    else:
        milliseconds = round((time.monotonic() - began) * 1000, 1)
        extra = {
            "organization": taken.step.job.organization.public_id,
            "rows": taken.step.rows,
            "duration_ms": milliseconds,
        }
        logger.info("step done", extra=extra)


def _split(taken: Taken) -> None:
    """Cut the upload into Arrow files of `JOB_CHUNK_ROWS` rows, in one pass."""
    job = taken.step.job
    steps: list[JobStep] = []
    first_row = 0
    upload = storage.upload_path(job.public_id)
    if storage.sha256_of(upload) != bytes(job.upload_sha256):
        raise _damaged("upload")
    for number, table in enumerate(
        pieces(upload, job.upload_format, _columns(job), rows=settings.HOLDOUT_JOB_CHUNK_ROWS)
    ):
        name = f"piece-{number:06d}.{taken.fence}.arrow"
        with (
            durable_file(storage.folder(job.public_id) / name) as file,
            pa.ipc.new_file(file, table.schema) as writer,
        ):
            writer.write_table(table)
        steps.append(
            JobStep(
                job=job,
                kind=JobStep.Kind.SCREEN,
                number=number,
                rows=table.num_rows,
                first_row=first_row,
                input_name=name,
                input_checksum=storage.checksum_of(storage.folder(job.public_id) / name),
            )
        )
        first_row += table.num_rows
        taken.renew()
    if not steps:
        raise InvalidInput("upload_has_no_rows", "There is no row below the header.")
    with taken.finishing() as job:
        JobStep.objects.bulk_create(steps, batch_size=1_000)
        job.state, job.rows = LookupJob.State.RUNNING, sum(step.rows for step in steps)
        job.save(update_fields=["state", "rows"])


def _screen(taken: Taken) -> None:
    """Look up one piece; whoever finishes the last one opens the join."""
    step, job = taken.step, taken.step.job
    folder = storage.folder(job.public_id)
    if storage.checksum_of(folder / step.input_name) != bytes(step.input_checksum or b""):
        raise _damaged("piece")
    with pa.memory_map(str(folder / step.input_name)) as source:
        table = pa.ipc.open_file(source).read_all()
    view = current_view()
    screened = list(_screened(taken, table, view))
    name = f"{taken.name('result')}.parquet"
    with durable_file(folder / name) as file:
        whole = pa.concat_tables([part.table for part in screened])
        pq.write_table(whole, file, compression="zstd")
    with taken.finishing(
        output_name=name,
        output_sha256=storage.sha256_of(folder / name),
        log_index=view.as_of.log_index,
        index_version=view.version,
        counts=dict(sum((Counter(part.counts) for part in screened), Counter())),
    ):
        if step.log_index is None:  # else its result was lost, and its hits were counted before
            for part in screened:
                store_hits(job.organization, part.hits)
        if not job.steps.filter(kind=JobStep.Kind.SCREEN, done=False).exists():
            JobStep.objects.create(job=job, kind=JobStep.Kind.JOIN)


def _screened(taken: Taken, table: pa.Table, view: View) -> Iterator[Screened]:
    """The table with its answers, in parts: what is said about some rows can be more than memory holds."""
    step, job = taken.step, taken.step.job
    columns = _columns(job)
    waiting = _parts(table, columns)
    waiting.reverse()
    while waiting:
        start, rows = waiting.pop()
        taken.renew()
        try:
            yield screen(
                table.slice(start, rows),
                columns=columns,
                view=view,
                vendor=job.organization.public_id,
                first_row=step.first_row + start,
                hits_only=job.answers == LookupJob.Answers.HITS,
            )
        except InvalidInput as error:
            if error.code != ANSWER_TOO_LARGE or rows == 1:
                raise
            half = rows // 2
            waiting += [(start + half, rows - half), (start, half)]


def _parts(table: pa.Table, columns: Columns) -> list[tuple[int, int]]:
    """First row and number of rows of each part that takes no longer than a lease lasts."""
    effort = np.zeros(table.num_rows)
    if columns.phash:
        effort += 1 / _CODES_AT_ONCE
    if columns.fingerprints:
        effort[filled_rows(table, columns.fingerprints)] += 1 / _LOOKS_AT_ONCE
    starts = np.flatnonzero(np.diff(np.floor(np.cumsum(effort) - effort), prepend=-1))
    return list(zip(starts.tolist(), np.diff(starts, append=table.num_rows).tolist(), strict=True))


def _damaged(what: str) -> InvalidInput:
    return InvalidInput(
        "job_damaged", f"A stored file of this job ({what}) is not what was written; submit it again."
    )


def _join(taken: Taken) -> None:
    """Put the pieces' results together in order, check each against its digest, and write the receipt."""
    job = taken.step.job
    folder = storage.folder(job.public_id)
    screened = list(job.steps.filter(kind=JobStep.Kind.SCREEN).order_by("number"))
    for step in screened:
        if not _is_whole(folder / step.output_name, step):
            logger.error("a result was damaged", extra={"code": "result_damaged"})
            taken.reopen(step)
            raise LeaseLost
        taken.renew()
    name = f"{taken.name('joined')}.parquet"
    with durable_file(folder / name) as file:
        _write_joined(taken, screened, file)
    digest = storage.sha256_of(folder / name)
    with taken.finishing(output_name=name, output_sha256=digest) as job:
        job.state, job.finished_at = LookupJob.State.DONE, Now()
        job.result_name, job.result_sha256 = name, digest
        job.save(update_fields=["state", "finished_at", "result_name", "result_sha256"])
        _write_receipt(job, screened)
    storage.keep_only(job.public_id, {storage.UPLOAD, name})


def _is_whole(path: Path, step: JobStep) -> bool:
    try:
        return storage.sha256_of(path) == bytes(step.output_sha256 or b"")
    except FileNotFoundError:
        return False


def _write_joined(taken: Taken, screened: list[JobStep], file: object) -> None:
    folder = storage.folder(taken.step.job.public_id)
    writer = None
    try:
        for step in screened:
            table = pq.read_table(folder / step.output_name)
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
            taken.renew()
    finally:
        if writer is not None:
            writer.close()


def _write_receipt(job: LookupJob, screened: list[JobStep]) -> None:
    indices = [step.log_index for step in screened if step.log_index is not None]
    versions = [step.index_version for step in screened if step.index_version is not None]
    receipt = LookupReceipt.objects.create(job=job)
    append(
        log=Log.LOOKUPS,
        entry_type="lookup-job",
        record_id=receipt.public_id,
        record={
            "receipt": receipt.public_id,
            "job": job.public_id,
            "organization": job.organization.public_id,
            "request": {"sha256": bytes(job.upload_sha256).hex(), "bytes": job.upload_bytes},
            "columns": asdict(_columns(job)),
            "answers": job.answers,
            "rows": job.rows,
            "counts": dict(sum((Counter(step.counts) for step in screened), Counter())),
            "result": {"sha256": bytes(job.result_sha256 or b"").hex()},
            "declarations_log": {"lowest_index": min(indices), "highest_index": max(indices)},
            "index_versions": {"lowest": min(versions), "highest": max(versions)},
        },
    )


def _columns(job: LookupJob) -> Columns:
    return Columns(
        url=job.url_column,
        sha256=job.sha256_column,
        page_url=job.page_url_column,
        phash=job.phash_column,
        fingerprints=job.fingerprints_column,
    )


_WORK: Final = {JobStep.Kind.SPLIT: _split, JobStep.Kind.SCREEN: _screen, JobStep.Kind.JOIN: _join}


def sweep() -> int:
    """Delete what retention ends: files of ended jobs, uploads before results; returns how many jobs went."""
    ended = LookupJob.objects.filter(swept_at=None, finished_at__isnull=False)
    for job in ended.filter(finished_at__lt=Now() - UPLOADS_KEPT):
        storage.keep_only(job.public_id, {job.result_name})
    # What was cancelled or failed can be resumed as long as its upload is kept.
    without_result = ~Q(state=LookupJob.State.DONE) & Q(finished_at__lt=Now() - UPLOADS_KEPT)
    expired = Q(finished_at__lt=Now() - RESULTS_KEPT) | without_result
    swept = [job for job in ended.filter(expired) if storage.delete(job.public_id)]
    # A process that died between writing an upload and committing its row left a folder without a row.
    for job_id in storage.untouched_since(ORPHANS_KEPT):
        if not LookupJob.objects.filter(public_id=job_id).exists():
            storage.delete(job_id)
    LookupJob.objects.filter(pk__in=[job.pk for job in swept]).update(swept_at=Now())
    return len(swept)
