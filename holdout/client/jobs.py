"""Bulk jobs: submit a file, follow it, fetch its result and receipt."""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any, BinaryIO, Final, TypeVar

import msgspec

from holdout.client.retry import Terms, exchange
from holdout.client.wire import Conversation, Reply, Request, Save, Send, Upload, Wait
from holdout.errors import AnswerUnusable, InvalidInput, RegistryAway, RequestRefused
from holdout.ids import is_public_id
from holdout.receipts import verify_opening

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".parquet": "application/vnd.apache.parquet",
    ".pq": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".txt": "text/plain; charset=utf-8",
}
"""By the ending of a file's name."""

ENDED: Final = frozenset({"done", "failed", "cancelled"})
_FIRST_POLL, _SLOWEST_POLL = 0.2, 5.0
_NOT_IN_LOG_YET: Final = "not_in_log"
_Shape = TypeVar("_Shape")


class JobError(msgspec.Struct, frozen=True):
    """Why a job failed: a stable code, and what to do."""

    code: str
    detail: str = ""


class Job(msgspec.Struct, frozen=True):
    """How far a job is. `counts` are rows by their most restrictive outcome, or `failed`."""

    id: str
    state: str
    """`queued`, `running`, `done`, `failed` or `cancelled`."""
    rows: int | None = None
    """Known once the upload has been cut."""
    rows_done: int = 0
    seconds_left: float | None = None
    """The registry's own estimate, while it has one."""
    counts: dict[str, int] = {}
    columns: dict[str, str] = {}
    created_at: datetime | None = None
    finished_at: datetime | None = None
    result_sha256: str | None = None
    error: JobError | None = None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


Progress = Callable[[Job], None]


@dataclass(frozen=True, slots=True)
class Submission:
    """A file to screen. Made by `submission`."""

    upload: Upload
    media_type: str
    params: Mapping[str, str]
    key: str


def media_type_of(name: str) -> str:
    """By the ending of a file's name. Raises `InvalidInput` (`upload_format_unknown`)."""
    try:
        return MEDIA_TYPES[PurePath(name).suffix.lower()]
    except KeyError:
        endings = ", ".join(MEDIA_TYPES)
        raise InvalidInput(
            "upload_format_unknown", f"Cannot tell what {name!r} is: its name must end in one of {endings}."
        ) from None


@contextmanager
def opened(file: Path | str | BinaryIO) -> Iterator[BinaryIO]:
    """A path is opened and closed again; a file stays as it is."""
    if isinstance(file, Path | str):
        with Path(file).open("rb") as source:
            yield source
    else:
        yield file


def submission(
    file: BinaryIO,
    *,
    media_type: str | None,
    idempotency_key: str | None,
    options: Mapping[str, str | None],
) -> Submission:
    """What to submit: `file` from where it stands to its end. It must be seekable: attempts are repeated.

    `options` are the call's parameters (`url_column` ...); None leaves the choice to the registry.
    """
    if not file.seekable():
        raise InvalidInput("upload_not_seekable", "Give a path, or a file that can be read twice.")
    start = file.tell()
    length = file.seek(0, 2) - start
    return Submission(
        upload=Upload(file, start, length),
        media_type=media_type or media_type_of(str(getattr(file, "name", ""))),
        params={name: value for name, value in options.items() if value is not None},
        key=idempotency_key or uuid.uuid4().hex,
    )


def submit(given: Submission, terms: Terms) -> Conversation[Job]:
    """Under one idempotency key: however often it is sent, there is one job."""
    headers = {
        "content-type": given.media_type,
        "content-length": str(given.upload.length),
        "idempotency-key": given.key,
    }
    request = Request("POST", "/v1/jobs", given.params, headers, given.upload, quota="jobs")
    return _job((yield from exchange(Send(request), terms)))


def look(job_id: str, terms: Terms) -> Conversation[Job]:
    return _job((yield from exchange(Send(Request("GET", f"/v1/jobs/{job_id}")), terms)))


def cancel(job_id: str, terms: Terms) -> Conversation[Job]:
    return _job((yield from exchange(Send(Request("DELETE", f"/v1/jobs/{job_id}")), terms)))


def resume(job_id: str, terms: Terms) -> Conversation[Job]:
    request = Request("POST", f"/v1/jobs/{job_id}/resume", quota="jobs")
    return _job((yield from exchange(Send(request), terms)))


def wait(
    job_id: str, terms: Terms, *, progress: Progress | None, timeout_seconds: float | None
) -> Conversation[Job]:
    """Look again and again until the job has ended, however it did; `progress` sees every look.

    Raises `RegistryAway` (`job_takes_longer`) after `timeout_seconds`: the job goes on.
    """
    began, seconds = terms.clock(), _FIRST_POLL
    while True:
        job = yield from look(job_id, terms)
        if progress:
            progress(job)
        if job.ended:
            return job
        if timeout_seconds is not None and terms.clock() - began >= timeout_seconds:
            raise RegistryAway(
                "job_takes_longer", f"Job {job_id} has not ended yet; it goes on. Look again later."
            )
        yield Wait(seconds)
        seconds = min(_SLOWEST_POLL, seconds * 1.5)


def result(job_id: str, to: Path, terms: Terms) -> Conversation[Path]:
    """Save the result and compare it with the digest that the job names.

    Raises `AnswerUnusable` (`result_damaged`), and then there is no file.
    """
    job = yield from look(job_id, terms)
    request = Request("GET", f"/v1/jobs/{job_id}/result")
    part = to.with_name(f".{to.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield from exchange(Save(request, part), terms)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != job.result_sha256:
            raise AnswerUnusable(
                "result_damaged", "The file that came is not the one that the job names; fetch it again."
            )
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return to


def receipt(job_id: str, terms: Terms) -> Conversation[dict[str, Any]]:
    """The receipt, once the log has it; its record opens its log entry (`holdout.receipts`)."""
    began, seconds = terms.clock(), _FIRST_POLL
    while True:
        try:
            reply = yield from exchange(Send(Request("GET", f"/v1/jobs/{job_id}/receipt")), terms)
            break
        except RequestRefused as error:
            if error.code != _NOT_IN_LOG_YET or terms.clock() - began > terms.retry.patience_seconds:
                raise
        yield Wait(seconds)
        seconds = min(_SLOWEST_POLL, seconds * 1.5)
    said = _decoded(reply, dict[str, Any])
    verify_opening(said)
    return said


def id_of(job: Job | str) -> str:
    """Raises `InvalidInput` (`job_unknown`) for a text that is no job's id: it goes into a path."""
    job_id = job.id if isinstance(job, Job) else job
    if not is_public_id(job_id):
        raise InvalidInput("job_unknown", f"{job_id!r} is no id of a job (job_...).")
    return job_id


def _job(reply: Reply) -> Job:
    return _decoded(reply, Job)


def _decoded(reply: Reply, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerUnusable(
            "answer_unusable", f"The registry's answer is no description of a job: {error}."
        ) from error
