from typing import Any

import pytest
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


def test_there_is_nothing_else_under_v1(anybody: Client) -> None:
    response = anybody.get("/v1/nothing")
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_the_health_pages_answer(anybody: Client) -> None:
    assert anybody.get("/livez").json() == {"status": "ok"}
    assert anybody.get("/readyz").json()["database"] == "ok"
