"""Admission control: what is inside is bounded, what is turned away is told when to come back."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import LazySettings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory

from api.admission import AdmissionMiddleware

ROOM = 3


@pytest.fixture(autouse=True)
def room(settings: LazySettings) -> None:
    settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, ROOM)
    settings.HOLDOUT_LOOKUPS_AT_WORK = ROOM


def asked(method: str, path: str) -> HttpRequest:
    return RequestFactory().generic(method, path)


@pytest.fixture
def crowd() -> Iterator[Callable[[str, str], AdmissionMiddleware]]:
    """Call it for a middleware whose door at (method, path) is full; they leave when the test ends."""
    go = threading.Event()
    inside = threading.Semaphore(0)
    threads: list[threading.Thread] = []

    def view(request: HttpRequest) -> HttpResponse:
        if request.headers.get("Stay"):
            inside.release()
            go.wait(10)
        return HttpResponse("answered")

    def fill(method: str, path: str) -> AdmissionMiddleware:
        middleware = AdmissionMiddleware(view)
        for _ in range(ROOM):
            request = RequestFactory().generic(method, path, headers={"Stay": "1"})
            threads.append(threading.Thread(target=middleware, args=[request]))
            threads[-1].start()
        for _ in range(ROOM):
            assert inside.acquire(timeout=10)
        return middleware

    yield fill
    go.set()
    for thread in threads:
        thread.join()


def test_behind_a_full_door_the_next_one_is_told_to_come_back(crowd: Any) -> None:
    refused = crowd("POST", "/v1/lookups")(asked("POST", "/v1/lookups"))
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    assert refused["Content-Type"] == "application/problem+json"
    assert b'"overloaded"' in refused.content
    assert refused["Content-Length"] == str(len(refused.content))


def test_lookups_keep_no_upload_out_and_nothing_keeps_out_health_pages(crowd: Any) -> None:
    middleware = crowd("POST", "/v1/lookups")
    others = [
        ("POST", "/v1/jobs"),
        ("GET", "/v1/status"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/"),
    ]
    assert [middleware(asked(*other)).status_code for other in others] == [200] * 5


def test_head_goes_through_the_door_of_get(crowd: Any) -> None:
    assert crowd("GET", "/v1/status")(asked("HEAD", "/v1/status")).status_code == 503


def test_who_leaves_makes_room_also_by_a_crash() -> None:
    def crash(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    middleware = AdmissionMiddleware(crash)
    for _ in range(2 * ROOM):
        with pytest.raises(RuntimeError):
            middleware(asked("POST", "/v1/lookups"))


def test_of_the_lookups_inside_one_after_the_other_gets_its_turn(settings: LazySettings) -> None:
    settings.HOLDOUT_LOOKUPS_AT_WORK = 1
    settings.HOLDOUT_IN_FLIGHT = {"lookups": 20}
    at_work, most, order = 0, 0, []

    def view(request: HttpRequest) -> HttpResponse:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        order.append(request.headers["Number"])
        time.sleep(0.02)
        at_work -= 1
        return HttpResponse()

    middleware = AdmissionMiddleware(view)
    threads = []
    for number in range(10):
        request = RequestFactory().post("/v1/lookups", headers={"Number": str(number)})
        threads.append(threading.Thread(target=middleware, args=[request]))
        threads[-1].start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert (most, order) == (1, [str(number) for number in range(10)])


def sent(response: Any) -> None:
    """What a server does at the end, but for the connections of the database."""
    for close in response._resource_closers:
        close()


def test_a_download_is_inside_until_its_last_byte_is_sent() -> None:
    result = f"/v1/jobs/job_{'a' * 26}/result"
    middleware = AdmissionMiddleware(lambda _: StreamingHttpResponse([b"rows"]))
    sending = [middleware(asked("GET", result)) for _ in range(ROOM)]
    assert middleware(asked("GET", result)).status_code == 503
    sent(sending[0])
    sending[0] = middleware(asked("GET", result))
    assert sending[0].status_code == 200
    for response in sending:
        sent(response)


@pytest.mark.django_db
def test_a_request_that_is_turned_away_does_nothing_and_spends_nothing(
    vendor: Client, settings: LazySettings
) -> None:
    settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, 0)
    refused = vendor.post("/v1/jobs", b"url\n", content_type="text/csv", headers={"Idempotency-Key": "k"})
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert "RateLimit" not in refused
    settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, 1)
    taken = vendor.post(
        "/v1/jobs", b"url\nhttps://x.example/\n", content_type="text/csv", headers={"Idempotency-Key": "k"}
    )
    assert taken.status_code == 202
