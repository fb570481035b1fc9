"""`AsyncClient`: a registry for programs on asyncio; otherwise the same as `Client`."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar

import httpx

from holdout.answers import Answer, Answers, joined
from holdout.client import calls, jobs, snapshots
from holdout.client.jobs import Job, Progress
from holdout.client.lookups import MOST_KEYS, MOST_QUERIES, QueryChunk
from holdout.client.retry import Retry, Terms
from holdout.client.snapshots import Ranges, SnapshotList
from holdout.client.transport import BROKEN, PART_BYTES, heard, http_options, http_request, why
from holdout.client.wire import Broken, Conversation, Heard, Request, Save, Send, Step, Upload
from holdout.questions import Questions
from holdout.signing import PublicKey
from holdout.verdicts import AsOf, Query

if TYPE_CHECKING:
    from holdout.snapshot.files import Header
    from holdout.snapshot.ranges import Confirmed
    from holdout.snapshot.read import Hits

_T = TypeVar("_T")


class AsyncClient:
    """As `Client`, awaited. Files are read in short blocking pieces of a megabyte.

    Close it, or use it in an `async with` statement. Tasks of one loop may share one.
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
        transport: httpx.AsyncBaseTransport | None = None,
        trust_env: bool = True,
    ) -> None:
        options = http_options(base_url, key, timeout_seconds=timeout_seconds, trust_env=trust_env)
        self._server = base_url
        self._http = httpx.AsyncClient(transport=transport, **options)
        self._terms = Terms(retry or Retry())
        self._parallel = parallel
        self._compress = compress

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End all connections."""
        await self._http.aclose()

    async def lookup(self, queries: Iterable[Query] | AsyncIterable[Query]) -> AsyncIterator[Answer]:
        """Screen pictures by any mix of keys; each answer has all its reasons."""
        chunks = _query_chunks(queries)
        async with aclosing(self._each(calls.look_up(c, self._terms) async for c in chunks)) as batches:
            async for answers in batches:
                for answer in answers:
                    yield answer

    async def lookup_urls(self, urls: Iterable[str] | AsyncIterable[str]) -> AsyncIterator[Answer]:
        """Screen URLs by the quickest door; each answer names the statement that weighs most."""
        chunks = _chunks(urls)
        async with aclosing(self._each(calls.look_up_urls(c, self._terms) async for c in chunks)) as batches:
            async for answers in batches:
                for answer in answers:
                    yield answer

    async def lookup_files(self, digests: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterator[Answer]:
        """Screen files by the SHA-256 of their bytes (32 bytes each), by the packed door."""
        chunks = _chunks(digests, size=MOST_KEYS)
        conversations = (
            calls.look_up_digests(list(map(calls.checked_digest, c)), self._terms) async for c in chunks
        )
        async with aclosing(self._each(conversations)) as batches:
            async for answers in batches:
                for answer in answers:
                    yield answer

    async def ask(self, questions: Questions) -> Answers:
        """Screen a batch in columns (`holdout.questions`), by the quickest door that takes it."""
        conversations = _aiter(calls.parts(questions, self._terms))
        return joined([answers async for answers in self._each(conversations)])

    def record(self) -> dict[str, Any]:
        """What is asked, for the file of evidence; nothing of the key."""
        return {"kind": "registry", "server": self._server}

    async def status(self, url: str | None = None, *, sha256: bytes | None = None) -> Answer:
        """The public status of one picture, by its URL, its file's SHA-256 or both; needs no key."""
        return await self._hold(calls.status(url, sha256, self._terms))

    async def submit_job(
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
        """As `Client.submit_job`."""
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
            return await self._hold(jobs.submit(given, self._terms))

    async def job(self, job: Job | str) -> Job:
        """How far it is."""
        return await self._hold(jobs.look(jobs.id_of(job), self._terms))

    async def wait(
        self, job: Job | str, progress: Progress | None = None, *, timeout_seconds: float | None = None
    ) -> Job:
        """As `Client.wait`."""
        return await self._hold(
            jobs.wait(jobs.id_of(job), self._terms, progress=progress, timeout_seconds=timeout_seconds)
        )

    async def result(self, job: Job | str, to: Path | str) -> Path:
        """As `Client.result`."""
        return await self._hold(jobs.result(jobs.id_of(job), Path(to), self._terms))

    async def receipt(self, job: Job | str) -> dict[str, Any]:
        """As `Client.receipt`."""
        return await self._hold(jobs.receipt(jobs.id_of(job), self._terms))

    async def cancel(self, job: Job | str) -> Job:
        """As `Client.cancel`."""
        return await self._hold(jobs.cancel(jobs.id_of(job), self._terms))

    async def resume(self, job: Job | str) -> Job:
        """As `Client.resume`."""
        return await self._hold(jobs.resume(jobs.id_of(job), self._terms))

    async def snapshots(self) -> SnapshotList:
        """The snapshots that can be fetched."""
        return await self._hold(snapshots.listed(self._terms))

    async def fetch_snapshot(
        self, folder: Path | str, *, public_keys: Sequence[PublicKey], now: datetime | None = None
    ) -> "Header":
        """As `Client.fetch_snapshot`; what came is checked and stored before other tasks go on."""
        moment = now or datetime.now(UTC)
        return await self._hold(snapshots.fetch(Path(folder), public_keys, self._terms, now=moment))

    async def confirm(self, hits: "Hits", by: Ranges) -> "tuple[Confirmed, AsOf | None]":
        """As `Client.confirm`."""
        return await self._hold(snapshots.confirm(hits, by, self._terms))

    async def _each(self, conversations: AsyncIterator[Conversation[_T]]) -> AsyncGenerator[_T, None]:
        """What the conversations come to, in order, `parallel` of them held at a time."""
        held: deque[asyncio.Task[_T]] = deque()
        try:
            async for conversation in conversations:
                held.append(asyncio.create_task(self._hold(conversation)))
                if len(held) >= self._parallel:
                    yield await held.popleft()
            while held:
                yield await held.popleft()
        finally:
            for task in held:
                task.cancel()
            await asyncio.gather(*held, return_exceptions=True)

    async def _hold(self, conversation: Conversation[_T]) -> _T:
        heard_last: Heard = None
        while True:
            try:
                step = conversation.send(heard_last)
            except StopIteration as end:
                result: _T = end.value
                return result
            heard_last = await self._do(step)

    async def _do(self, step: Step) -> Heard:
        if not isinstance(step, Send | Save):
            await asyncio.sleep(step.seconds)
            return None
        arguments = http_request(step.request, _body(step.request), compress=self._compress)
        try:
            async with self._http.stream(**arguments) as response:
                if isinstance(step, Save) and response.status_code == 200:
                    with step.to.open("wb") as file:
                        async for part in response.aiter_bytes(PART_BYTES):
                            file.write(part)
                    return heard(response, b"")
                return heard(response, await response.aread())
        except BROKEN as error:
            return Broken(why(error))


def _body(request: Request) -> bytes | AsyncIterator[bytes]:
    if isinstance(request.body, Upload):
        return _aiter(iter(request.body))
    return request.body


async def _aiter(values: Iterable[_T] | AsyncIterable[_T]) -> AsyncIterator[_T]:
    if isinstance(values, AsyncIterable):
        async for value in values:
            yield value
    else:
        for value in values:
            yield value


async def _query_chunks(queries: Iterable[Query] | AsyncIterable[Query]) -> AsyncIterator[list[Query]]:
    chunk = QueryChunk()
    async for query in _aiter(queries):
        if full := chunk.add(query):
            yield full
    if chunk.queries:
        yield chunk.queries


async def _chunks(
    values: Iterable[_T] | AsyncIterable[_T], *, size: int = MOST_QUERIES
) -> AsyncIterator[list[_T]]:
    chunk: list[_T] = []
    async for value in _aiter(values):
        chunk.append(value)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
