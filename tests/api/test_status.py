from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client

from registry.models import Declarant
from tests.factories import reserve_place

pytestmark = pytest.mark.django_db
URL = "https://alice.example/x.jpg"


def test_anybody_sees_a_pictures_status(anybody: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    response = anybody.get("/v1/status", {"url": URL})
    assert response.status_code == 200
    assert response.json()["uses"]["train_gen"] == "deny"
    assert response["Access-Control-Allow-Origin"] == "*"
    assert not response.cookies
    assert "Cookie" not in response.get("Vary", "")


def test_what_nobody_spoke_of_is_unknown(anybody: Client) -> None:
    assert anybody.get("/v1/status", {"sha256": "00" * 32}).json()["uses"]["train_gen"] == "unknown"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"url": URL, "w": "300"}, "parameter_unknown"),
        ({"url": [URL, URL]}, "parameter_unknown"),
        ({}, "query_has_no_key"),
        ({"url": "x"}, "url_invalid"),
        ({"sha256": "x"}, "fingerprint_malformed"),
    ],
)
def test_what_cannot_be_checked_is_a_problem(anybody: Client, query: Any, code: str) -> None:
    response = anybody.get("/v1/status", query)
    assert (response.status_code, response.json()["code"]) == (422, code)
    assert response["Access-Control-Allow-Origin"] == "*"


def test_every_origin_may_read_that_too_many_ask(anybody: Client, settings: LazySettings) -> None:
    settings.HOLDOUT_QUOTAS = settings.HOLDOUT_QUOTAS | {"status": (1, 1)}
    statuses = []
    for _ in range(2):
        response = anybody.get("/v1/status", {"url": URL})
        assert response["Access-Control-Allow-Origin"] == "*"
        statuses.append(response.status_code)
    assert statuses == [200, 429]


@pytest.mark.parametrize(("trouble", "status"), [(OperationalError("gone"), 503), (RuntimeError("oh"), 500)])
def test_every_origin_may_read_that_it_failed(anybody: Client, trouble: Exception, status: int) -> None:
    with patch("api.v1.status.look_up", side_effect=trouble):
        response = anybody.get("/v1/status", {"url": URL})
    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (status, "*")


def test_what_belongs_to_somebody_is_open_to_no_origin(vendor: Client) -> None:
    for path in ("/v1/jobs", "/v1/nothing", "/readyz"):
        assert "Access-Control-Allow-Origin" not in vendor.get(path)


def test_a_format_is_a_parameter_like_any_other(anybody: Client, vendor: Client) -> None:
    refused = anybody.get("/v1/status", {"url": URL, "format": "json"})
    assert (refused.status_code, refused.json()["code"]) == (422, "parameter_unknown")
    for asked in ("json", "xyz"):
        assert vendor.get(f"/v1/jobs?format={asked}").status_code == 200


def test_there_is_nothing_else_under_v1(anybody: Client) -> None:
    response = anybody.get("/v1/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_the_health_pages_answer(anybody: Client) -> None:
    assert anybody.get("/livez").json() == {"status": "ok"}
    assert anybody.get("/readyz").json()["database"] == "ok"
