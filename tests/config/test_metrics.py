"""`/metrics`: what an operator would be woken by, right in every process, and for nobody else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from accounts.models import Organization
from api.metrics import count_shed, count_throttled
from config.metrics import QUERIES, RegistryState, count_refusal, count_request, parameters
from holdout.verdicts import Status
from ledger.models import PendingEntry
from lookup.jobs import work_once
from lookup.metrics import Door, count_answers
from lookup.models import JobStep, LookupJob
from lookup.services import submit_job
from registry.models import Asset, Declarant, Work
from tests.factories import fingerprinted_work, reserve_place, settle

TOKEN = "a-token-that-is-long-enough-for-anybody"
QUERY_BUDGET = len(QUERIES) + 1
"""The queries and their time limit; entering and leaving the transaction come on top."""

Samples = dict[tuple[str, str], float]


@pytest.fixture
def here() -> Client:
    """A program on this machine."""
    return Client(headers={"Host": "localhost"}, raise_request_exception=False)


@pytest.fixture
def vera_job(vera: Organization) -> LookupJob:
    upload = [b"url\nhttps://x.example/1\nhttps://x.example/2\n"]
    return submit_job(organization=vera, upload=upload, upload_format=LookupJob.Format.CSV)


def state() -> Samples:
    """What stands in the engines: (metric, its one label) -> value."""
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in RegistryState().collect()
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


# --- who may read ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_program_on_this_machine_may_read_them_all(here: Client) -> None:
    page = here.get("/metrics")
    assert page.status_code == 200
    names = {family.name for family in text_string_to_metric_families(page.content.decode())}
    assert {"holdout_database_up", "holdout_sequencer_lag_seconds", "holdout_lookups"} <= names


@pytest.mark.parametrize(
    "request_from",
    [
        {"REMOTE_ADDR": "192.0.2.7"},
        {"REMOTE_ADDR": ""},
        {"HTTP_X_FORWARDED_FOR": "192.0.2.7"},
        {"HTTP_X_FORWARDED_PROTO": "https"},
        {"HTTP_FORWARDED": "for=192.0.2.7"},
        {"HTTP_HOST": "testserver"},
    ],
)
def test_without_a_token_there_is_nothing_for_anybody_else(
    here: Client, request_from: dict[str, Any]
) -> None:
    assert here.get("/metrics", **request_from).status_code == 404


@pytest.mark.django_db
def test_the_token_opens_them_from_anywhere(here: Client, settings: LazySettings) -> None:
    settings.HOLDOUT_METRICS_TOKEN = TOKEN
    key = {"Authorization": f"Bearer {TOKEN}"}
    assert here.get("/metrics", headers=key, REMOTE_ADDR="192.0.2.7").status_code == 200


@pytest.mark.parametrize("sent", ["", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"])
def test_with_a_token_set_nothing_else_opens_them(here: Client, settings: LazySettings, sent: str) -> None:
    settings.HOLDOUT_METRICS_TOKEN = TOKEN
    assert here.get("/metrics", headers={"Authorization": sent}).status_code == 404


# --- what stands in the engines ----------------------------------------------------------------------


@pytest.mark.django_db
def test_an_empty_registry_lags_behind_nothing() -> None:
    now = state()
    assert now["holdout_database_up", ""] == now["holdout_valkey_up", ""] == 1
    assert now["holdout_sequencer_lag_seconds", "declarations"] == 0
    assert now["holdout_jobs_queued_oldest_seconds", ""] == 0
    assert now["holdout_jobs_failed_last_hour", "registry"] == 0


@pytest.mark.django_db
def test_the_lag_of_the_sequencer_is_the_age_of_the_oldest_waiting_entry(alice: Declarant) -> None:
    fingerprinted_work(alice, {"sha256": bytes(32)})
    PendingEntry.objects.filter(entry_type="asset").update(created_at=Now() - timedelta(seconds=90))
    late = state()
    assert late["holdout_sequencer_pending_entries", "declarations"] == 2
    assert 90 <= late["holdout_sequencer_lag_seconds", "declarations"] < 100
    settle()
    caught_up = state()
    assert caught_up["holdout_sequencer_pending_entries", "declarations"] == 0
    assert caught_up["holdout_sequencer_lag_seconds", "declarations"] == 0
    assert caught_up["holdout_log_entries", "declarations"] == 2
    assert caught_up["holdout_log_entries", "lookups"] == 0


@pytest.mark.django_db
def test_a_jobs_steps_wait_are_leased_and_expire(vera_job: LookupJob) -> None:
    LookupJob.objects.update(created_at=Now() - timedelta(seconds=60))
    waiting = state()
    assert waiting["holdout_job_steps", "waiting"] == 1
    assert waiting["holdout_jobs", "queued"] == 1
    assert 60 <= waiting["holdout_jobs_queued_oldest_seconds", ""] < 70
    JobStep.objects.update(fence=2, lease_until=Now() + timedelta(seconds=60))
    leased = state()
    assert (leased["holdout_job_steps", "leased"], leased["holdout_job_steps_retried", ""]) == (1, 1)
    JobStep.objects.update(lease_until=Now() - timedelta(seconds=1))
    assert state()["holdout_job_steps", "expired"] == 1


@pytest.mark.django_db
def test_jobs_that_are_done_count_their_rows(vera_job: LookupJob) -> None:
    while work_once():
        pass
    now = state()
    assert (now["holdout_jobs", "done"], now["holdout_job_rows_last_hour", ""]) == (1, 2)
    assert now["holdout_job_steps", "waiting"] == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("code", "cause"), [("step_failed", "registry"), ("step_kills_workers", "registry"), ("x", "upload")]
)
def test_failed_jobs_are_counted_for_an_hour_by_whose_fault_it_was(
    vera_job: LookupJob, code: str, cause: str
) -> None:
    LookupJob.objects.update(state="failed", error_code=code, finished_at=Now())
    assert state()["holdout_jobs_failed_last_hour", cause] == 1
    assert sum(v for (name, _), v in state().items() if name == "holdout_jobs_failed_last_hour") == 1
    LookupJob.objects.update(finished_at=Now() - timedelta(minutes=61))
    assert state()["holdout_jobs_failed_last_hour", cause] == 0
    assert state()["holdout_job_steps", "waiting"] == 0


@pytest.mark.django_db
def test_pictures_wait_for_their_fingerprints(alice: Declarant) -> None:
    work = Work.objects.create(organization=alice.organization, declarant=alice)
    Asset.objects.create(work=work)
    Asset.objects.update(created_at=Now() - timedelta(seconds=30))
    now = state()
    assert now["holdout_pictures_waiting", ""] == 1
    assert 30 <= now["holdout_pictures_waiting_oldest_seconds", ""] < 40


@pytest.mark.django_db
def test_what_the_sweeps_should_have_deleted_is_counted(alice: Declarant, vera_job: LookupJob) -> None:
    work = Work.objects.create(organization=alice.organization, declarant=alice)
    Asset.objects.create(work=work)
    Asset.objects.update(created_at=Now() - timedelta(hours=25))
    LookupJob.objects.update(state="cancelled", finished_at=Now() - timedelta(days=30, hours=1))
    in_time = state()
    assert in_time["holdout_overdue_deletions", "uploads"] == 0
    assert in_time["holdout_overdue_deletions", "job_files"] == 0
    Asset.objects.update(created_at=Now() - timedelta(hours=27))
    LookupJob.objects.update(finished_at=Now() - timedelta(days=30, hours=3))
    overdue = state()
    assert overdue["holdout_overdue_deletions", "uploads"] == 1
    assert overdue["holdout_overdue_deletions", "job_files"] == 1


@pytest.mark.django_db
def test_the_length_of_the_queues_is_valkeys() -> None:
    with patch("redis.Redis.llen", side_effect={"ingest": 3, "lookup": 5}.get):
        now = state()
    assert (now["holdout_queue_messages", "ingest"], now["holdout_queue_messages", "lookup"]) == (3, 5)


@pytest.mark.django_db
def test_the_disk_under_the_store_is_measured() -> None:
    now = state()
    assert 0 < now["holdout_store_bytes", "free"] <= now["holdout_store_bytes", "size"]


# --- cheap, and there when it matters ----------------------------------------------------------------


@pytest.mark.django_db
def test_a_scrape_costs_as_many_queries_whatever_there_is(alice: Declarant, vera_job: LookupJob) -> None:
    for number in range(5):
        reserve_place(alice, f"https://alice.example/{number}.jpg")
    with CaptureQueriesContext(connection) as asked:
        list(RegistryState().collect())
    asked_of_tables = [query for query in asked if "SAVEPOINT" not in query["sql"]]
    assert len(asked_of_tables) == QUERY_BUDGET


@pytest.mark.django_db
@pytest.mark.parametrize("name", QUERIES)
def test_no_query_has_to_read_a_whole_table(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {QUERIES[name]}", parameters())
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan" not in plan, plan


@pytest.mark.django_db
def test_a_table_that_is_locked_does_not_hold_the_scrape_for_long() -> None:
    with CaptureQueriesContext(connection) as asked:
        list(RegistryState().collect())
    assert any("SET LOCAL statement_timeout" in query["sql"] for query in asked)


def test_without_the_database_the_rest_is_still_said(here: Client) -> None:
    with (
        patch("config.metrics.connection.cursor", side_effect=OperationalError("gone")),
        patch("config.metrics.transaction.atomic"),
    ):
        page = here.get("/metrics")
    assert page.status_code == 200
    text = page.content.decode()
    assert "holdout_database_up 0.0" in text
    assert "holdout_valkey_up 1.0" in text
    assert "holdout_sequencer_lag_seconds" not in text


@pytest.mark.django_db
def test_without_valkey_the_rest_is_still_said(settings: LazySettings) -> None:
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    now = state()
    assert (now["holdout_valkey_up", ""], now["holdout_database_up", ""]) == (0, 1)
    assert ("holdout_queue_messages", "lookup") not in now


def test_without_the_store_the_rest_is_still_said(settings: LazySettings, tmp_path: Any) -> None:
    settings.HOLDOUT_STORE_DIR = tmp_path / "gone"
    with patch("config.metrics._read_database", return_value={}):
        assert ("holdout_store_bytes", "free") not in state()


# --- what a process counts ---------------------------------------------------------------------------


@pytest.mark.django_db
def test_requests_are_counted_by_route_and_status(here: Client) -> None:
    labels = {"route": "badge/<str:work_id>.svg", "method": "GET", "status": "404"}
    before = value("holdout_http_requests_total", **labels)
    timed = value("holdout_http_request_seconds_count", route=labels["route"])
    here.get("/badge/one.svg")
    here.get("/badge/two.svg")
    assert value("holdout_http_requests_total", **labels) == before + 2
    assert value("holdout_http_request_seconds_count", route=labels["route"]) == timed + 2


@pytest.mark.django_db
def test_lookups_are_counted_by_the_door_they_came_through(here: Client) -> None:
    doors: dict[Door, Callable[[], object]] = {
        Door.STATUS: lambda: here.head("/v1/status?url=https://x.example/"),
        Door.NOW: lambda: here.post("/v1/lookups", b"{}", content_type="application/json"),
        Door.JOB: lambda: here.post("/v1/jobs", b"url\n", content_type="text/csv"),
        Door.BADGE: lambda: here.get("/badge/none.svg"),
    }
    for door, knock in doors.items():
        ended = "answered" if door is Door.STATUS else "refused"
        before = value("holdout_lookups_total", door=door, result=ended)
        knock()
        assert value("holdout_lookups_total", door=door, result=ended) == before + 1, door


def test_what_is_turned_away_is_counted_by_door(here: Client) -> None:
    shed = value("holdout_requests_shed_total", door="now")
    throttled = value("holdout_requests_throttled_total", door="now")
    count_refusal(route="v1/lookups", method="POST")
    count_request(route="v1/lookups", method="POST", status=503, seconds=0.1)
    count_request(route="v1/lookups", method="POST", status=429, seconds=0.1)
    assert value("holdout_requests_shed_total", door="now") == shed + 1
    assert value("holdout_requests_throttled_total", door="now") == throttled + 1


def test_others_may_count_what_they_turn_away() -> None:
    shed, throttled = (
        value(f"holdout_requests_{what}_total", door="status") for what in ("shed", "throttled")
    )
    count_shed(door=Door.STATUS)
    count_throttled(door=Door.STATUS)
    assert value("holdout_requests_shed_total", door="status") == shed + 1
    assert value("holdout_requests_throttled_total", door="status") == throttled + 1


def test_answers_are_counted_by_whether_the_registry_could_look() -> None:
    before = value("holdout_lookup_queries_total", status=Status.FAILED)
    count_answers(checked=1, failed=2)
    assert value("holdout_lookup_queries_total", status=Status.FAILED) == before + 2
