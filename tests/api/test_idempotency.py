"""`Idempotency-Key`, as a vendor's retries meet it."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connections
from django.db.models.functions import Now
from django.test import Client

from accounts import idempotency
from accounts.models import IdempotentResponse, Organization
from accounts.services import issue_key
from holdout.errors import Conflict, Unavailable
from lookup import storage
from lookup.models import LookupJob

BODY = b"url\nhttps://x.example/\n"
MINUTE = timedelta(minutes=1)


def submit(
    client: Client, key: str = "k1", body: bytes = BODY, content_type: str = "text/csv", query: str = ""
) -> Any:
    headers = {"Idempotency-Key": key}
    return client.post(f"/v1/jobs{query}", body, content_type=content_type, headers=headers)


@pytest.mark.django_db
class TestTheSameKey:
    def test_with_the_same_request_gives_the_same_answer_and_one_job(self, vendor: Client) -> None:
        first, again = submit(vendor), submit(vendor)
        assert (again.status_code, again.content, again["Location"]) == (
            202,
            first.content,
            first["Location"],
        )
        assert ("Idempotent-Replayed" in first, again["Idempotent-Replayed"]) == (False, "true")
        assert LookupJob.objects.count() == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"body": BODY + b"https://y.example/\n"},
            {"body": BODY.replace(b"x.", b"y.")},
            {"query": "?url_column=url"},
            {"content_type": "application/vnd.apache.parquet"},
        ],
    )
    def test_with_another_request_is_refused(self, vendor: Client, other: dict[str, Any]) -> None:
        submit(vendor)
        refused = submit(vendor, **other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert LookupJob.objects.count() == 1

    def test_of_another_organisation_is_another_key(self, vendor: Client, anybody: Client) -> None:
        rival = Organization.objects.create(name="Rival", side="vendor")
        other = Client(headers={"Authorization": f"Bearer {issue_key(organization=rival, name='x')[1]}"})
        assert submit(vendor).json()["id"] != submit(other).json()["id"]

    def test_gives_a_refusal_again_too(self, vendor: Client) -> None:
        first, again = submit(vendor, body=b"a,b\n1,2\n"), submit(vendor, body=b"a,b\n1,2\n")
        assert (first.status_code, again.status_code) == (422, 422)
        assert again.content == first.content
        assert again["Content-Type"] == "application/problem+json"
        assert again["Idempotent-Replayed"] == "true"

    def test_gives_our_own_mistake_again_too(self, vendor: Client) -> None:
        with patch("api.v1.jobs.submit_job", side_effect=RuntimeError("secret")):
            first = submit(vendor)
        again = submit(vendor)
        assert (first.status_code, again.status_code) == (500, 500)
        assert (again.json()["code"], b"secret" in again.content) == ("internal_error", False)

    @pytest.mark.parametrize("trouble", [Unavailable("storage_full", "Full."), OperationalError("gone")])
    def test_is_executed_again_after_an_answer_that_decided_nothing(
        self, vendor: Client, trouble: Exception
    ) -> None:
        with patch("api.v1.jobs.submit_job", side_effect=trouble):
            assert submit(vendor).status_code == 503
        assert submit(vendor).status_code == 202

    def test_is_executed_again_after_a_quota_refused_it(self, vendor: Client, settings: LazySettings) -> None:
        generous = settings.HOLDOUT_QUOTAS | {"jobs": (60, 1_000)}
        settings.HOLDOUT_QUOTAS = generous | {"jobs": (1, 1)}
        assert [submit(vendor, "other").status_code, submit(vendor).status_code] == [202, 429]
        settings.HOLDOUT_QUOTAS = generous
        assert submit(vendor).status_code == 202

    def test_is_answered_409_while_the_first_is_executed(self, vendor: Client, vera: Organization) -> None:
        with patch("api.v1.jobs.submit_job", side_effect=SystemExit), pytest.raises(SystemExit):
            submit(vendor)  # its process dies
        refused = submit(vendor)
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_in_progress")

    def test_is_executed_by_the_next_retry_once_the_lease_of_a_dead_process_ran_out(
        self, vendor: Client
    ) -> None:
        with patch("api.v1.jobs.submit_job", side_effect=SystemExit), pytest.raises(SystemExit):
            submit(vendor)
        IdempotentResponse.objects.update(lease_until=Now())
        assert submit(vendor).status_code == 202
        assert submit(vendor)["Idempotent-Replayed"] == "true"

    def test_whose_lease_ran_out_under_a_slow_upload_makes_no_second_job(
        self, vendor: Client, settings: LazySettings
    ) -> None:
        def overtaken(public_id: str) -> Any:
            IdempotentResponse.objects.update(fence=99)  # a retry took the row meanwhile
            return original(public_id)

        original = storage.upload_path
        with patch("lookup.storage.upload_path", overtaken):
            refused = submit(vendor)
        assert (refused.status_code, refused.json()["code"]) == (409, "idempotency_in_progress")
        assert not LookupJob.objects.exists()
        assert not list(settings.HOLDOUT_STORE_DIR.glob("jobs/*"))

    def test_leaves_the_upload_of_a_job_that_may_stand(self, vendor: Client, settings: LazySettings) -> None:
        with patch("accounts.idempotency.complete", side_effect=OperationalError("gone")):
            assert submit(vendor).status_code == 503
        assert len(list(settings.HOLDOUT_STORE_DIR.glob("jobs/*/upload"))) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there", "é"])
def test_a_key_that_is_none_is_refused(vendor: Client, key: str) -> None:
    refused = submit(vendor, key)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_invalid")


@pytest.mark.django_db
def test_the_longest_key_is_kept(vendor: Client) -> None:
    assert submit(vendor, "k" * 255).json() == submit(vendor, "k" * 255).json()


@pytest.mark.django_db
@pytest.mark.parametrize("content_type", ["application/zip", "text/csv"])
def test_what_is_refused_unread_is_not_kept(
    vendor: Client, settings: LazySettings, content_type: str
) -> None:
    if content_type == "text/csv":
        settings.HOLDOUT_JOB_MAX_UPLOAD_BYTES = 3
    assert submit(vendor, content_type=content_type).status_code in {413, 415}
    assert not IdempotentResponse.objects.exists()


@pytest.mark.django_db
def test_without_a_key_every_request_counts(vendor: Client) -> None:
    for _ in range(2):
        vendor.post("/v1/jobs", BODY, content_type="text/csv")
    assert (LookupJob.objects.count(), IdempotentResponse.objects.count()) == (2, 0)


def test_answers_are_kept_for_a_day_and_then_forgotten(vera: Organization) -> None:
    for key, age in (("young", timedelta(hours=23)), ("old", timedelta(hours=25))):
        held = idempotency.claim(organization=vera, key=key, request_digest=bytes(32), lease=-MINUTE)
        idempotency.complete(held, status=202, headers={}, body=b"", body_digest=None)
        IdempotentResponse.objects.filter(key=key).update(created_at=Now() - age)
    assert idempotency.sweep() == 1
    assert IdempotentResponse.objects.get().key == "young"


def test_only_the_holder_of_the_lease_may_answer(vera: Organization) -> None:
    late = idempotency.claim(organization=vera, key="k", request_digest=bytes(32), lease=-MINUTE)
    now = idempotency.claim(organization=vera, key="k", request_digest=bytes(32), lease=MINUTE)
    with pytest.raises(Conflict, match="idempotency_in_progress"):
        idempotency.complete(late, status=500, headers={}, body=b"", body_digest=None)
    idempotency.release(late)
    idempotency.complete(now, status=202, headers={}, body=b"x", body_digest=None)
    assert IdempotentResponse.objects.get().status == 202


@pytest.fixture
def calls(transactional_db: None, settings: LazySettings) -> Iterator[ThreadPoolExecutor]:
    settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, 1_000)
    with ThreadPoolExecutor(25) as pool:
        yield pool


def test_fifty_parallel_posts_make_one_job(calls: ThreadPoolExecutor, vera_key: str) -> None:
    def post(_: int) -> tuple[int, str]:
        try:
            answered = submit(Client(headers={"Authorization": f"Bearer {vera_key}"}))
            return answered.status_code, answered.json().get("id") or answered.json()["code"]
        finally:
            connections.close_all()

    with patch("lookup.tasks.work.delay"):
        answers = list(calls.map(post, range(50)))
    (job,) = LookupJob.objects.all()
    assert set(answers) <= {(202, job.public_id), (409, "idempotency_in_progress")}
    assert (202, job.public_id) in answers
