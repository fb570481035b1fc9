"""`/v1/jobs`, as a vendor meets it; the workers are called by hand."""

import io
from base64 import b64encode
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.conf import LazySettings
from django.test import Client
from kombu.exceptions import OperationalError

from accounts.models import Organization
from accounts.services import issue_key
from holdout.receipts import verify_opening
from holdout.urls import KeyKind
from lookup import storage
from lookup.jobs import work_once
from lookup.models import JobStep, LookupJob
from registry.models import Declarant
from tests.factories import looks_of, reserve_place, reserve_work, settle

pytestmark = pytest.mark.django_db
URL = "https://alice.example/x.jpg"
PARQUET = "application/vnd.apache.parquet"


def submit(client: Client, body: bytes, content_type: str = "text/csv", query: str = "") -> Any:
    return client.post(f"/v1/jobs{query}", body, content_type=content_type)


def parquet(**columns: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def work_through() -> None:
    while work_once():
        pass
    settle()


def result(client: Client, job: Any) -> list[dict[str, Any]]:
    response: Any = client.get(f"/v1/jobs/{job['id']}/result")
    assert response.status_code == 200
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(b"".join(response.streaming_content))).to_pylist()
    return rows


def test_a_csv_comes_back_with_every_row_in_order_and_its_answer(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    body = f"caption,url\na cat,{URL}\n猫,https://x.example/\nbroken,nonsense\n,\n".encode()
    accepted = submit(vendor, body)
    assert accepted.status_code == 202
    assert vendor.get(accepted["Location"]).json()["state"] == "queued"
    work_through()
    job = vendor.get(accepted["Location"]).json()
    assert (job["state"], job["rows"], job["rows_done"]) == ("done", 4, 4)
    assert job["counts"] == {"deny": 1, "unknown": 1, "failed": 2}
    rows = result(vendor, job)
    assert [row["caption"] for row in rows] == ["a cat", "猫", "broken", ""]
    assert [row["holdout_train_gen"] for row in rows] == ["deny", "unknown", None, None]
    assert [row["holdout_error"] for row in rows] == [None, None, "url_invalid", "query_has_no_key"]


def test_a_parquet_keeps_its_columns_and_types(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    body = parquet(URL=[URL, None], width=[512, None], tags=[["a"], []])
    job = submit(vendor, body, PARQUET).json()
    work_through()
    rows = result(vendor, job)
    assert [(row["width"], row["tags"], row["holdout_status"]) for row in rows] == [
        (512, ["a"], "checked"),
        (None, [], "failed"),
    ]


def test_a_column_of_any_name_may_be_looked_up(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    job = submit(vendor, parquet(image_link=[URL]), PARQUET, "?url_column=image_link").json()
    work_through()
    assert result(vendor, job)[0]["holdout_train_gen"] == "deny"


def test_a_job_is_cut_into_pieces_and_joined_in_order(vendor: Client, settings: Any) -> None:
    settings.HOLDOUT_JOB_CHUNK_ROWS = 7
    job = submit(vendor, parquet(n=list(range(50)), url=["https://x.example/"] * 50), PARQUET).json()
    work_through()
    assert JobStep.objects.filter(kind="screen", done=True).count() == 8
    assert [row["n"] for row in result(vendor, job)] == list(range(50))


def test_a_finished_job_has_a_receipt_that_opens_its_log_entry(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    job = submit(vendor, parquet(url=[URL]), PARQUET).json()
    work_through()
    receipt = vendor.get(f"/v1/jobs/{job['id']}/receipt").json()
    verify_opening(receipt)
    assert receipt["log"] == "lookups"
    assert receipt["record"]["counts"] == {"deny": 1}
    assert (
        receipt["record"]["result"]["sha256"] == vendor.get(f"/v1/jobs/{job['id']}").json()["result_sha256"]
    )
    assert receipt["record"]["declarations_log"] == {"lowest_index": 1, "highest_index": 1}


@pytest.mark.parametrize(
    ("body", "content_type", "query", "code"),
    [
        (b"\n\n", "text/csv", "", "upload_damaged"),
        (b"a,b\n1,2\n", "text/csv", "", "no_column_to_look_up"),
        (b"url,url\n1,2\n", "text/csv", "", "column_twice"),
        (b"url\n1\n", "text/csv", "?url_column=link", "column_missing"),
        (b"url,holdout_status\n1,2\n", "text/csv", "", "column_reserved"),
        (b"url,a,a\n1,2,3\n", "text/csv", "", "column_twice"),
        (parquet(url=[URL], URL=[URL]), PARQUET, "", "column_twice"),
        (b"url,\xff\n1,2\n", "text/csv", "", "column_name_unusable"),
        (b"url,a\x00\n1,2\n", "text/csv", "", "column_name_unusable"),
        (b"url," + b"n" * 201 + b"\n1,2\n", "text/csv", "", "column_name_unusable"),
        (parquet(**{"url": [URL], "n" * 201: [1]}), PARQUET, "", "column_name_unusable"),
        (parquet(url=[URL])[:-20], PARQUET, "", "upload_damaged"),
        (b"PAR1 this is no parquet PAR1", PARQUET, "", "upload_damaged"),
        (b"\x00" * 1_000, PARQUET, "", "upload_damaged"),
        (parquet(url=[1, 2]), PARQUET, "", "column_not_text"),
        (b"url," + b"x" * 1_100_000 + b"\n", "text/csv", "", "csv_line_too_long"),
    ],
)
def test_an_upload_that_cannot_be_screened_is_refused_and_leaves_nothing(
    vendor: Client, settings: Any, body: bytes, content_type: str, query: str, code: str
) -> None:
    response = submit(vendor, body, content_type, query)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert not LookupJob.objects.exists()
    assert not list(settings.HOLDOUT_STORE_DIR.glob("jobs/*"))


def test_an_empty_upload_is_refused(vendor: Client) -> None:
    response = vendor.generic("POST", "/v1/jobs", b"", CONTENT_TYPE="text/csv", CONTENT_LENGTH="0")
    assert (response.status_code, response.json()["code"]) == (422, "upload_empty")


def test_a_stream_without_a_length_is_told_to_send_one(vendor: Client) -> None:
    response = vendor.post(
        "/v1/jobs", b"url\n", content_type="text/csv", headers={"Transfer-Encoding": "chunked"}
    )
    assert (response.status_code, response.json()["code"]) == (411, "length_required")


def test_an_upload_over_the_limit_is_refused(vendor: Client, settings: Any) -> None:
    settings.HOLDOUT_JOB_MAX_UPLOAD_BYTES = 10
    response = submit(vendor, b"url\n" + b"https://x.example/\n")
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


def test_an_unknown_kind_of_file_is_refused(vendor: Client) -> None:
    response = submit(vendor, b"x", "application/zip")
    assert (response.status_code, response.json()["code"]) == (415, "upload_format_unknown")


def test_a_parquet_damaged_inside_fails_the_job_with_a_code(vendor: Client) -> None:
    body = bytearray(parquet(url=[f"https://x.example/{i}" for i in range(5_000)]))
    body[200:2_000] = bytes(1_800)
    accepted = submit(vendor, bytes(body), PARQUET)
    assert accepted.status_code == 202
    work_through()
    job = vendor.get(accepted["Location"]).json()
    assert job["state"] == "failed"
    assert job["error"]["code"] == "upload_damaged"
    assert vendor.get(f"/v1/jobs/{job['id']}/result").json()["code"] == "job_not_done"


def test_ragged_rows_and_bytes_that_are_not_text_fail_alone(vendor: Client) -> None:
    body = (
        b"url,n\nhttps://x.example/,1,2\nhttps://x.example/\nhttps://x.example/\xff,1\nhttps://x.example/,1\n"
    )
    job = submit(vendor, body).json()
    work_through()
    errors = [row["holdout_error"] for row in result(vendor, job)]
    assert errors == ["row_malformed", "row_malformed", "url_invalid", None]


def test_a_quote_that_swallows_rows_fails_the_job_or_its_row_and_never_hides_them(vendor: Client) -> None:
    job = submit(vendor, b'url\n"https://x.example/a\nhttps://x.example/b\n').json()
    work_through()
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["error"]["code"] == "upload_damaged"
    job = submit(vendor, b'url\n"https://x.example/a\nhttps://x.example/b"\nhttps://x.example/c\n').json()
    work_through()
    assert [row["holdout_error"] for row in result(vendor, job)] == ["row_malformed", None]


def test_a_parquet_cell_that_is_not_text_fails_alone(vendor: Client) -> None:
    cells = pa.array([b"https://x.example/\xff", b"https://x.example/"], pa.binary())
    text = pa.Array.from_buffers(pa.string(), 2, cells.buffers())
    job = submit(vendor, parquet(url=text), PARQUET).json()
    work_through()
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["counts"] == {"failed": 1, "unknown": 1}


def test_a_small_parquet_that_is_gigabytes_inside_fails_the_job(vendor: Client) -> None:
    out = io.BytesIO()
    heavy = pa.DictionaryArray.from_arrays(pa.array([0] * 65_536, pa.int32()), ["x" * 40_000])
    pq.write_table(pa.table({"url": [URL] * 65_536, "caption": heavy}), out, store_schema=False)
    assert len(out.getvalue()) < 20_000
    job = submit(vendor, out.getvalue(), PARQUET).json()
    work_through()
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["error"]["code"] == "upload_expands_too_much"


def test_an_upload_that_ends_early_is_refused_and_leaves_nothing(vendor: Client, settings: Any) -> None:
    environ: Any = {"CONTENT_TYPE": "text/csv", "CONTENT_LENGTH": "900", "wsgi.input": io.BytesIO(b"url\n")}
    response = vendor.generic("POST", "/v1/jobs", **environ)
    assert (response.status_code, response.json()["code"]) == (422, "body_incomplete")
    assert not LookupJob.objects.exists()
    assert not list(settings.HOLDOUT_STORE_DIR.glob("jobs/*"))


@pytest.mark.django_db(transaction=True)
def test_a_job_is_accepted_while_the_broker_is_away_and_waits(
    vendor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> None:
        raise OperationalError("broker gone")

    monkeypatch.setattr("lookup.tasks.work.delay", away)
    accepted = submit(vendor, b"url\nhttps://x.example/\n")
    assert accepted.status_code == 202
    work_through()
    assert vendor.get(accepted["Location"]).json()["state"] == "done"


def test_a_list_of_jobs_costs_the_same_for_one_and_for_many(
    vendor: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        submit(vendor, b"url\nhttps://x.example/\n")
    with django_assert_max_num_queries(4):
        assert len(vendor.get("/v1/jobs").json()["jobs"]) == 5


@pytest.mark.parametrize("job", ["%00", "job_%00", "x", "job_" + "A" * 26])
def test_what_is_no_id_is_not_found(vendor: Client, job: str) -> None:
    assert vendor.get(f"/v1/jobs/{job}").status_code == 404
    assert vendor.get(f"/badge/{job}.svg").status_code == 404


def test_a_csv_without_rows_fails_with_a_code(vendor: Client) -> None:
    job = submit(vendor, b"url\n").json()
    work_through()
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["error"]["code"] == "upload_has_no_rows"


def test_a_cancelled_job_is_not_worked_on(vendor: Client) -> None:
    job = submit(vendor, b"url\nhttps://x.example/\n").json()
    assert vendor.delete(f"/v1/jobs/{job['id']}").json()["state"] == "cancelled"
    assert work_once() is None
    assert vendor.delete(f"/v1/jobs/{job['id']}").status_code == 409


@pytest.mark.parametrize("tail", ["", "/result", "/receipt"])
def test_another_vendors_job_does_not_exist(vendor: Client, anybody: Client, tail: str) -> None:
    job = submit(vendor, b"url\nhttps://x.example/\n").json()
    rival = Organization.objects.create(name="Rival", side="vendor")
    headers = {"Authorization": f"Bearer {issue_key(organization=rival, name='x')[1]}"}
    response = anybody.get(f"/v1/jobs/{job['id']}{tail}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (404, "job_unknown")
    assert anybody.get("/v1/jobs", headers=headers).json() == {"jobs": []}
    assert len(vendor.get("/v1/jobs").json()["jobs"]) == 1


def test_a_line_of_text_is_a_row_blank_ones_too(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    job = submit(vendor, f"{URL}\n\nhttps://x.example/\r\n\xff\n".encode("latin-1"), "text/plain").json()
    work_through()
    rows = result(vendor, job)
    assert [row["url"] for row in rows] == [URL, "", "https://x.example/", "\ufffd"]
    assert [row["holdout_train_gen"] for row in rows] == ["deny", None, "unknown", None]
    assert [row["holdout_error"] for row in rows] == [None, "query_has_no_key", None, "url_invalid"]


def test_a_line_of_json_keeps_its_text_and_fails_by_itself(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    lines = [f'{{"id": 7, "url": "{URL}"}}', "nonsense", '{"url": 7}', '{"url": null}', '{"id": 8}', "[]"]
    job = submit(vendor, "\n".join(lines).encode(), "application/x-ndjson").json()
    work_through()
    rows = result(vendor, job)
    assert [row["line"] for row in rows] == lines
    assert [row["holdout_train_gen"] for row in rows] == ["deny", None, None, None, None, None]
    malformed, no_key = "row_malformed", "query_has_no_key"
    assert [row["holdout_error"] for row in rows] == [None, malformed, malformed, no_key, no_key, malformed]


def test_codes_and_pages_are_columns_too(vendor: Client, alice: Declarant) -> None:
    reserve_work(alice, {"sha256": bytes(32), "phash-256/1": bytes(32)})
    reserve_place(alice, "https://alice.example/", kind=KeyKind.PATH)
    codes = ["00" * 32, "ff" * 32, "00" * 8, None]
    pages = [None, "https://alice.example/7", None, None]
    job = submit(vendor, parquet(code=codes, page_url=pages), PARQUET, "?phash_column=code").json()
    assert job["columns"] == {
        "url": "",
        "sha256": "",
        "page_url": "page_url",
        "phash": "code",
        "fingerprints": "",
    }
    work_through()
    rows = result(vendor, job)
    assert [row["holdout_train_gen"] for row in rows] == ["review", "deny", None, None]
    assert [row["holdout_method"] for row in rows] == ["codes", "page", None, None]
    assert [row["holdout_error"] for row in rows][2:] == ["fingerprint_too_short", "query_has_no_key"]


def test_fingerprints_are_a_column_and_a_broken_cell_fails_its_row_alone(
    vendor: Client, alice: Declarant
) -> None:
    reserve_work(alice, {"sha256": b"a" * 32, "phash-256/1": bytes(32)})
    near = looks_of({"sha256": b"b" * 32, "phash-256/1": bytes(32)}, query=True).to_bytes()
    very = looks_of({"sha256": b"a" * 32}, query=True).to_bytes()
    stranger = looks_of({"sha256": b"c" * 32, "phash-256/1": b"\xff" * 32}, query=True).to_bytes()
    registration = looks_of({"phash-256/1": bytes(32)}).to_bytes()
    cells = [near, very, stranger, registration, near[:-1], None]
    job = submit(vendor, parquet(fingerprints=pa.array(cells, pa.binary())), PARQUET).json()
    assert job["columns"]["fingerprints"] == "fingerprints"
    work_through()
    rows = result(vendor, job)
    assert [row["holdout_train_gen"] for row in rows] == ["review", "deny", "unknown", None, None, None]
    assert [row["holdout_method"] for row in rows[:3]] == ["codes", "exact_file", None]
    assert [row["holdout_error"] for row in rows[3:]] == [
        *("fingerprints_not_of_a_query", "fingerprint_malformed", "query_has_no_key"),
    ]


def test_many_fingerprints_are_compared_in_parts_and_come_back_in_order(
    vendor: Client, alice: Declarant
) -> None:
    reserve_work(alice, {"phash-256/1": bytes(32)})
    near = looks_of({"sha256": b"b" * 32, "phash-256/1": bytes(32)}, query=True).to_bytes()
    cells = [near if i % 3 else None for i in range(40)]
    urls = ["https://x.example/"] * 40
    body = parquet(n=list(range(40)), url=urls, fingerprints=pa.array(cells, pa.binary()))
    job = submit(vendor, body, PARQUET).json()
    work_through()
    rows = result(vendor, job)
    assert [row["n"] for row in rows] == list(range(40))
    assert "fingerprints" not in rows[0]
    assert [row["holdout_train_gen"] for row in rows] == ["review" if i % 3 else "unknown" for i in range(40)]


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_fingerprints_in_a_column_of_text_are_base64(vendor: Client, alice: Declarant, form: str) -> None:
    reserve_work(alice, {"phash-256/1": bytes(32)})
    cell = b64encode(looks_of({"phash-256/1": bytes(32)}, query=True).to_bytes()).decode()
    cells = [cell, "***"]
    upload, media_type = {
        "csv": ("\n".join(["looks", *cells]).encode(), "text/csv"),
        "ndjson": ("\n".join(f'{{"looks": "{cell}"}}' for cell in cells).encode(), "application/x-ndjson"),
        "parquet": (parquet(looks=cells), PARQUET),
    }[form]
    job = submit(vendor, upload, media_type, "?fingerprints_column=looks").json()
    work_through()
    rows = result(vendor, job)
    assert [row["holdout_train_gen"] for row in rows] == ["deny", None]
    assert [row["holdout_error"] for row in rows] == [None, "fingerprints_not_base64"]


def test_a_picture_that_cannot_be_compared_fails_its_row(
    vendor: Client, alice: Declarant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken_down(panes: object, tables: object) -> object:
        raise ZeroDivisionError

    reserve_place(alice, URL)
    monkeypatch.setattr("lookup.near.likenesses", broken_down)
    cells = [looks_of({"phash-256/1": bytes(32)}, query=True).to_bytes(), None]
    body = parquet(url=[URL] * 2, fingerprints=pa.array(cells, pa.binary()))
    job = submit(vendor, body, PARQUET).json()
    work_through()
    rows = result(vendor, job)
    assert [row["holdout_status"] for row in rows] == ["failed", "checked"]
    assert [row["holdout_error"] for row in rows] == ["picture_not_compared", None]
    assert [row["holdout_train_gen"] for row in rows] == [None, "deny"]


def test_the_hits_alone_keep_their_place_and_no_failure_is_left_out(
    vendor: Client, alice: Declarant, settings: LazySettings
) -> None:
    settings.HOLDOUT_JOB_CHUNK_ROWS = 3
    reserve_place(alice, URL)
    urls = ["https://x.example/", URL, "https://x.example/", "nonsense", "https://x.example/", URL, URL]
    job = submit(vendor, parquet(n=list(range(7)), url=urls), PARQUET, "?answers=hits").json()
    work_through()
    rows = result(vendor, job)
    assert [(row["n"], row["holdout_row"]) for row in rows] == [(1, 1), (3, 3), (5, 5), (6, 6)]
    assert [row["holdout_status"] for row in rows] == ["checked", "failed", "checked", "checked"]
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["counts"] == {"deny": 3, "unknown": 3, "failed": 1}


def test_a_cancelled_job_goes_on_where_it_stopped(
    vendor: Client, alice: Declarant, settings: LazySettings
) -> None:
    settings.HOLDOUT_JOB_CHUNK_ROWS = 2
    reserve_place(alice, URL)
    job = submit(vendor, parquet(url=[URL] * 6), PARQUET).json()
    work_once(), work_once()
    vendor.delete(f"/v1/jobs/{job['id']}")
    assert work_once() is None
    resumed = vendor.post(f"/v1/jobs/{job['id']}/resume").json()
    assert (resumed["state"], resumed["rows_done"], resumed["error"]) == ("running", 2, None)
    assert resumed["seconds_left"] is not None
    work_through()
    assert [row["holdout_train_gen"] for row in result(vendor, job)] == ["deny"] * 6


def test_a_failed_job_can_be_tried_again_as_often_as_at_first(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    job = submit(vendor, parquet(url=[URL]), PARQUET).json()
    JobStep.objects.update(fence=30)
    work_through()
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["error"]["code"] == "step_kills_workers"
    assert vendor.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "queued"
    work_through()
    assert vendor.get(f"/v1/jobs/{job['id']}").json()["state"] == "done"


def test_what_runs_or_is_done_cannot_be_resumed(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    job = submit(vendor, parquet(url=[URL]), PARQUET).json()
    place = f"/v1/jobs/{job['id']}/resume"
    assert vendor.post(place).json()["code"] == "job_not_ended"
    work_through()
    assert vendor.post(place).json()["code"] == "job_done"


def test_a_job_whose_upload_is_gone_cannot_be_resumed(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    job = submit(vendor, parquet(url=[URL]), PARQUET).json()
    vendor.delete(f"/v1/jobs/{job['id']}")
    storage.delete(job["id"])
    refused = vendor.post(f"/v1/jobs/{job['id']}/resume")
    assert (refused.status_code, refused.json()["code"]) == (404, "upload_deleted")


@pytest.mark.parametrize("query", ["?answers=some", "?url_colum=x", "?answer=hits"])
def test_a_parameter_that_would_be_ignored_is_refused(vendor: Client, query: str) -> None:
    refused = submit(vendor, parquet(url=[URL]), PARQUET, query)
    assert (refused.status_code, refused.json()["code"]) == (422, "parameter_unknown")


def test_digests_may_have_either_case_and_a_wrong_one_fails_alone(vendor: Client, alice: Declarant) -> None:
    reserve_work(alice, {"sha256": b"\xab" * 32})
    for digests in (["ab" * 32, "AB" * 32, "cd" * 32], ["ab" * 32, "AB" * 32, "xy" * 32, "ab"]):
        job = submit(vendor, parquet(sha256=digests, url=[""] * len(digests)), PARQUET).json()
        work_through()
        said = [row["holdout_train_gen"] for row in result(vendor, job)]
        assert said == ["deny", "deny", *(["unknown"] if len(digests) == 3 else [None, None])]
