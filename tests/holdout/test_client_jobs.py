"""Jobs from a vendor's program, in both clients."""

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdout.client import AsyncClient, Client, Job, Retry
from holdout.errors import AnswerUnusable, InvalidInput, RegistryAway, RequestRefused
from holdout.questions import questions
from holdout.verdicts import Query
from tests.holdout.registry_stub import (
    JOB,
    NO_AI,
    RegistryStub,
    instead,
    later,
    lost,
    problem,
    run_to_end,
)

HASTY = Retry(attempts=3, first_seconds=0.001, patience_seconds=1)


@pytest.fixture
def stub() -> RegistryStub:
    return RegistryStub()


@pytest.fixture
def client(stub: RegistryStub) -> Iterator[Client]:
    with Client("https://registry.example", "ho_key", transport=stub.transport(), retry=HASTY) as opened:
        yield opened


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "scraped.csv"
    path.write_text("link\nhttps://a.example/\n" * 100_000)
    return path


def test_a_file_is_sent_whole_with_its_columns_named(stub: RegistryStub, client: Client, table: Path) -> None:
    job = client.submit_job(table, url_column="link", page_url_column="seen_on", answers="hits")
    assert (job.id, job.state, job.ended) == (JOB, "queued", False)
    (request,) = stub.requests
    assert request.content == table.read_bytes()
    assert request.headers["content-type"] == "text/csv"
    assert request.headers["content-length"] == str(table.stat().st_size)
    assert "transfer-encoding" not in request.headers
    assert dict(request.url.params) == {
        "url_column": "link",
        "page_url_column": "seen_on",
        "answers": "hits",
    }


def test_however_often_the_connection_breaks_there_is_one_job(
    stub: RegistryStub, client: Client, table: Path
) -> None:
    stub.faults.extend([lost, later()])
    client.submit_job(table)
    assert len(stub.requests) == 3
    assert {request.headers["idempotency-key"] for request in stub.requests} == set(stub.uploads)
    assert list(stub.uploads.values()) == [table.read_bytes()]


def test_two_submissions_are_two_jobs_unless_the_caller_says_otherwise(
    stub: RegistryStub, client: Client, table: Path
) -> None:
    client.submit_job(table)
    client.submit_job(table)
    client.submit_job(table, idempotency_key="crawl 7")
    client.submit_job(table, idempotency_key="crawl 7")
    assert len(stub.uploads) == 3


def test_an_open_file_is_sent_from_where_it_stands(stub: RegistryStub, client: Client) -> None:
    file = io.BytesIO(b"skipped;url\nhttps://a.example/\n")
    file.seek(8)
    client.submit_job(file, media_type="text/csv")
    assert stub.requests[0].content == b"url\nhttps://a.example/\n"
    assert not file.closed


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.CSV", "text/csv"),
        ("a.jsonl", "application/x-ndjson"),
        ("a.txt", "text/plain; charset=utf-8"),
    ],
)
def test_the_name_says_what_a_file_is(
    name: str, media_type: str, stub: RegistryStub, client: Client, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(b"x")
    client.submit_job(str(tmp_path / name))
    assert stub.requests[0].headers["content-type"] == media_type


def test_a_file_that_cannot_be_sent_is_refused_before_it_is(
    stub: RegistryStub, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(InvalidInput, match="xlsx"):
        client.submit_job(tmp_path / "a.xlsx")
    with pytest.raises(InvalidInput) as refused:
        client.submit_job(_Pipe(b"x"), media_type="text/csv")
    assert refused.value.code == "upload_not_seekable"
    assert stub.requests == []


class _Pipe(io.BytesIO):
    def seekable(self) -> bool:
        return False


def test_waiting_shows_every_look_until_the_end(stub: RegistryStub, client: Client) -> None:
    stub.job_states.extend([{"state": "queued"}, {"state": "running", "rows": 4, "rows_done": 2}])
    seen: list[Job] = []
    done = client.wait(JOB, progress=seen.append)
    assert [job.state for job in seen] == ["queued", "running", "done"]
    assert (seen[1].rows, seen[1].rows_done) == (4, 2)
    assert done is seen[-1]
    assert done.ended


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_waiting_ends_with_whatever_end_a_job_has(state: str, stub: RegistryStub, client: Client) -> None:
    stub.job_states.append({"state": state, "error": {"code": "upload_damaged", "detail": "Send it again."}})
    job = client.wait(JOB)
    assert (job.state, job.error and job.error.code) == (state, "upload_damaged")


def test_waiting_has_an_end_where_the_caller_sets_one(stub: RegistryStub, client: Client) -> None:
    stub.job_states.extend([{"state": "running"}] * 9)
    with pytest.raises(RegistryAway) as away:
        client.wait(JOB, timeout_seconds=0)
    assert away.value.code == "job_takes_longer"


def test_a_result_is_saved_whole(stub: RegistryStub, client: Client, tmp_path: Path) -> None:
    stub.faults.extend([lost])
    assert client.result(JOB, tmp_path / "answered.parquet").read_bytes() == stub.result
    assert [path.name for path in tmp_path.iterdir()] == ["answered.parquet"]


def test_a_result_that_is_not_the_jobs_leaves_what_was_there(
    stub: RegistryStub, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "answered.parquet").write_bytes(b"last week's")
    stub.faults.append(stub.answer)
    stub.faults.append(lambda request: httpx.Response(200, content=b"PAR1 short"))
    with pytest.raises(AnswerUnusable) as damaged:
        client.result(JOB, tmp_path / "answered.parquet")
    assert damaged.value.code == "result_damaged"
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("answered.parquet", b"last week's")]


def test_a_result_that_is_not_there_yet_is_refused(
    stub: RegistryStub, client: Client, tmp_path: Path
) -> None:
    stub.faults.extend([stub.answer, lambda request: problem(409, "job_not_done")])
    with pytest.raises(RequestRefused) as refused:
        client.result(JOB, tmp_path / "answered.parquet")
    assert refused.value.code == "job_not_done"
    assert list(tmp_path.iterdir()) == []


def test_a_receipt_is_waited_for_and_checked(stub: RegistryStub, client: Client) -> None:
    stub.faults.append(lambda request: problem(404, "not_in_log"))
    receipt = client.receipt(JOB)
    assert receipt["record"]["counts"] == {"deny": 1}
    stub.faults.append(instead({**receipt, "record": {"counts": {}}}))
    with pytest.raises(InvalidInput) as refused:
        client.receipt(JOB)
    assert refused.value.code == "receipt_does_not_match"


def test_a_job_is_cancelled_and_taken_up_again(client: Client) -> None:
    assert client.cancel(JOB).state == "cancelled"
    assert client.resume(JOB).state == "queued"


@pytest.mark.parametrize("job_id", ["", "job_1", "../keys", "job_" + "a" * 26 + "/result"])
def test_what_is_no_jobs_id_goes_into_no_path(job_id: str, stub: RegistryStub, client: Client) -> None:
    with pytest.raises(InvalidInput):
        client.job(job_id)
    assert stub.requests == []


def test_an_answer_that_describes_no_job_is_unusable(stub: RegistryStub, client: Client) -> None:
    stub.faults.append(instead({"state": "done"}))
    with pytest.raises(AnswerUnusable):
        client.job(JOB)


def test_closing_wakes_who_waits(stub: RegistryStub, client: Client) -> None:
    stub.job_states.extend([{"state": "running"}] * 9)
    with pytest.raises(RegistryAway) as away:
        client.wait(JOB, progress=lambda job: client.close())
    assert away.value.code == "client_closed"


def test_the_async_client_does_all_of_it(stub: RegistryStub, table: Path, tmp_path: Path) -> None:
    stub.says = {"https://a.example/10001": NO_AI, "9f" * 16: NO_AI, "9f" * 32: NO_AI}
    urls = [f"https://a.example/{n}" for n in range(10_002)]

    async def program() -> dict[str, Any]:
        async with AsyncClient("https://r.example", "k", transport=stub.transport(), retry=HASTY) as registry:
            stub.faults.extend([lost, later()])
            job = await registry.submit_job(table)
            stub.job_states.extend([{"state": "running"}])
            return {
                "urls": [a.outcome() async for a in registry.lookup_urls(urls)],
                "stream": [a.outcome() async for a in registry.lookup_urls(_stream(urls[-2:]))],
                "files": [a.outcome() async for a in registry.lookup_files([b"\x9f" * 32])],
                "queries": [a.source async for a in registry.lookup([Query(sha256=b"\x9f" * 32)])],
                "batch": [a.outcome() for a in await registry.ask(questions(urls=urls))],
                "status": (await registry.status(urls[0])).outcome(),
                "job": (await registry.wait(job)).state,
                "look": (await registry.job(job)).state,
                "result": (await registry.result(job, tmp_path / "r.parquet")).read_bytes(),
                "receipt": (await registry.receipt(job))["version"],
                "cancelled": (await registry.cancel(job)).state,
                "resumed": (await registry.resume(job)).state,
            }

    did = run_to_end(program())
    assert did["urls"] == did["batch"] == ["unknown"] * 10_001 + ["deny"]
    assert did["stream"] == ["unknown", "deny"]
    assert did["files"] == ["deny"]
    assert did["queries"] == ["stm_" + "a" * 26]
    assert (did["status"], did["job"], did["look"], did["cancelled"]) == (
        "unknown",
        "done",
        "done",
        "cancelled",
    )
    assert (did["result"], did["receipt"]) == (stub.result, 1)
    assert list(stub.uploads.values()) == [table.read_bytes()]


async def _stream(urls: list[str]) -> AsyncIterator[str]:
    for url in urls:
        yield url
