"""`Client`: a registry for programs that wait."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

import httpx

from holdout.answers import Answer, Answers, joined
from holdout.client import calls, jobs, snapshots
from holdout.client.jobs import Job, Progress
from holdout.client.lookups import MOST_KEYS, chunks, query_chunks
from holdout.client.retry import Retry, Terms
from holdout.client.snapshots import Ranges, SnapshotList
from holdout.client.transport import BROKEN, PART_BYTES, heard, http_options, http_request, why
from holdout.client.wire import Broken, Conversation, Heard, Save, Send, Step, Upload
from holdout.errors import RegistryAway
from holdout.questions import Questions
from holdout.signing import PublicKey
from holdout.verdicts import AsOf, Query

if TYPE_CHECKING:
    from holdout.snapshot.files import Header
    from holdout.snapshot.ranges import Confirmed
    from holdout.snapshot.read import Hits

_T = TypeVar("_T")
_LOOK_UP_SECONDS = 0.5


class Client:
    """A registry at `base_url`, asked with the API key `key` (None: only what is public).

    Questions are sent in calls of at most 10,000 (files: 100,000), `parallel` calls at a time; answers come
    back in the order of the questions. Waits by the registry's RateLimit headers rather than be refused,
    tries again what may pass later (`retry`), and otherwise raises a `ClientError`: a call without an answer
    is no answer.

    Close it, or use it in a `with` statement. Threads may share one.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        timeout_seconds: float = 60.0,
        retry: Retry | None = None,
        parallel: int = 2,
        compress: bool = False,
        transport: httpx.BaseTransport | None = None,
        trust_env: bool = True,
    ) -> None:
        """`timeout_seconds` is the longest silence on a connection; `compress` sends bodies as gzip;
        `transport` is httpx's (`httpx.MockTransport` for tests); `trust_env` takes proxies from the
        environment.
        """
        options = http_options(base_url, key, timeout_seconds=timeout_seconds, trust_env=trust_env)
        self._server = base_url
        self._http = httpx.Client(transport=transport, **options)
        self._terms = Terms(retry or Retry())
        self._parallel = parallel
        self._compress = compress
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all connections; whoever waits is woken with `RegistryAway`."""
        self._closed.set()
        self._http.close()

    def lookup(self, queries: Iterable[Query]) -> Iterator[Answer]:
        """Screen pictures by any mix of keys; each answer has all its reasons."""
        chunked = query_chunks(iter(queries))
        for answers in self._each(calls.look_up(chunk, self._terms) for chunk in chunked):
            yield from answers

    def lookup_urls(self, urls: Iterable[str]) -> Iterator[Answer]:
        """Screen URLs by the quickest door; each answer names the statement that weighs most."""
        for answers in self._each(calls.look_up_urls(chunk, self._terms) for chunk in chunks(iter(urls))):
            yield from answers

    def lookup_files(self, digests: Iterable[bytes]) -> Iterator[Answer]:
        """Screen files by the SHA-256 of their bytes (32 bytes each), by the packed door."""
        checked = map(calls.checked_digest, digests)
        for answers in self._each(
            calls.look_up_digests(chunk, self._terms) for chunk in chunks(checked, size=MOST_KEYS)
        ):
            yield from answers

    def ask(self, questions: Questions) -> Answers:
        """Screen a batch in columns (`holdout.questions`), by the quickest door that takes it."""
        return joined(list(self._each(calls.parts(questions, self._terms))))

    def record(self) -> dict[str, Any]:
        """What is asked, for the file of evidence; nothing of the key."""
        return {"kind": "registry", "server": self._server}

    def status(self, url: str | None = None, *, sha256: bytes | None = None) -> Answer:
        """The public status of one picture, by its URL, its file's SHA-256 or both; needs no key."""
        return self._hold(calls.status(url, sha256, self._terms))

    def submit_job(
        self,
        file: Path | str | BinaryIO,
        *,
        url_column: str | None = None,
        sha256_column: str | None = None,
        page_url_column: str | None = None,
        phash_column: str | None = None,
        fingerprints_column: str | None = None,
        answers: str | None = None,
        media_type: str | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Send a file of any number of rows (Parquet, CSV, NDJSON, lines) to be screened by the registry.

        `answers` "hits" leaves the rows out of the result of which nothing is said. However often the
        connection breaks, there is one job; with an `idempotency_key` of your own also when you call again
        within 24 hours. Raises `InvalidInput` for a file that cannot be sent.
        """
        options = {
            "url_column": url_column,
            "sha256_column": sha256_column,
            "page_url_column": page_url_column,
            "phash_column": phash_column,
            "fingerprints_column": fingerprints_column,
            "answers": answers,
        }
        with jobs.opened(file) as source:
            given = jobs.submission(
                source, media_type=media_type, idempotency_key=idempotency_key, options=options
            )
            return self._hold(jobs.submit(given, self._terms))

    def job(self, job: Job | str) -> Job:
        """How far it is."""
        return self._hold(jobs.look(jobs.id_of(job), self._terms))

    def wait(
        self, job: Job | str, progress: Progress | None = None, *, timeout_seconds: float | None = None
    ) -> Job:
        """The job once it has ended, however it did; `progress` is called with it now and then.

        Raises `RegistryAway` (`job_takes_longer`) after `timeout_seconds`; the job goes on.
        """
        return self._hold(
            jobs.wait(jobs.id_of(job), self._terms, progress=progress, timeout_seconds=timeout_seconds)
        )

    def result(self, job: Job | str, to: Path | str) -> Path:
        """Save the answered rows (Parquet) as `to`, whole and as the job's digest says, or not at all."""
        return self._hold(jobs.result(jobs.id_of(job), Path(to), self._terms))

    def receipt(self, job: Job | str) -> dict[str, Any]:
        """The lookup receipt of a finished job, as soon as the log has it; its record fits its log entry."""
        return self._hold(jobs.receipt(jobs.id_of(job), self._terms))

    def cancel(self, job: Job | str) -> Job:
        """Stop a job. Raises `RequestRefused` (`job_ended`) when it has ended."""
        return self._hold(jobs.cancel(jobs.id_of(job), self._terms))

    def resume(self, job: Job | str) -> Job:
        """Go on with a job that was cancelled or failed. Raises `RequestRefused` when it is neither."""
        return self._hold(jobs.resume(jobs.id_of(job), self._terms))

    def snapshots(self) -> SnapshotList:
        """The snapshots that can be fetched."""
        return self._hold(snapshots.listed(self._terms))

    def fetch_snapshot(
        self, folder: Path | str, *, public_keys: Sequence[PublicKey], now: datetime | None = None
    ) -> "Header":
        """Bring the snapshot in `folder` to the newest version, by a delta where there is one.

        `public_keys` are the keys that you trust to sign it; learn them from somebody else than the network.
        Raises `SnapshotRefused` for what is not signed by them, damaged, expired or older than what is there.
        """
        moment = now or datetime.now(UTC)
        return self._hold(snapshots.fetch(Path(folder), public_keys, self._terms, now=moment))

    def confirm(self, hits: "Hits", by: Ranges) -> "tuple[Confirmed, AsOf | None]":
        """What is said of all keys of some rows (`holdout.snapshot.read.every_key`), asked by ranges.

        The registry does not learn which keys are meant. `by` comes from `snapshots().confirm`.
        """
        return self._hold(snapshots.confirm(hits, by, self._terms))

    def _each(self, conversations: Iterator[Conversation[_T]]) -> Iterator[_T]:
        """What the conversations come to, in order, `parallel` of them held at a time."""
        if self._parallel == 1:
            yield from map(self._hold, conversations)  # no thread, so that a debugger can follow
            return
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._parallel, thread_name_prefix="holdout")
        held: deque[Future[_T]] = deque()
        try:
            for conversation in conversations:
                held.append(pool.submit(self._hold, conversation, stop))
                if len(held) >= self._parallel:
                    yield held.popleft().result()
            while held:
                yield held.popleft().result()
        finally:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)

    def _hold(self, conversation: Conversation[_T], *stops: threading.Event) -> _T:
        heard_last: Heard = None
        while True:
            try:
                step = conversation.send(heard_last)
            except StopIteration as end:
                result: _T = end.value
                return result
            heard_last = self._do(step, *stops)

    def _do(self, step: Step, *stops: threading.Event) -> Heard:
        if not isinstance(step, Send | Save):
            _wait(step.seconds, self._closed, *stops)
            return None
        body = step.request.body
        arguments = http_request(
            step.request, iter(body) if isinstance(body, Upload) else body, compress=self._compress
        )
        try:
            with self._http.stream(**arguments) as response:
                if isinstance(step, Save) and response.status_code == 200:
                    with step.to.open("wb") as file:
                        for part in response.iter_bytes(PART_BYTES):
                            file.write(part)
                    return heard(response, b"")
                return heard(response, response.read())
        except BROKEN as error:
            return Broken(why(error))


def _wait(seconds: float, *ends: threading.Event) -> None:
    """Raises `RegistryAway` (`client_closed`) as soon as one of `ends` comes."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        if any(end.wait(min(left, _LOOK_UP_SECONDS) / len(ends)) for end in ends):
            raise RegistryAway("client_closed", "The client was closed while a call was waiting.")
