"""Admission control: what is inside is bounded, what is turned away is told when to come back."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from django.conf import LazySettings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from api.admission import Admission, computing
from config.wsgi import application

ROOM = 3

View = Callable[[HttpRequest], Any]


@pytest.fixture(autouse=True)
def room(settings: LazySettings) -> None:
    settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, ROOM)
    settings.HOLDOUT_LOOKUPS_AT_WORK = ROOM


class House:
    """The doors, with a view behind all of them; whom they refuse stands in `refused`."""

    def __init__(self, view: View) -> None:
        self.refused: list[tuple[str, str]] = []
        self._application = Admission(
            lambda environ, start: self._answered(view, environ, start),
            refused=lambda *who: self.refused.append(who),
        )

    @staticmethod
    def _answered(view: View, environ: Any, start: Any) -> Any:
        response = view(environ["request"])
        start(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return response

    def ask(self, method: str, path: str, **headers: str) -> "Answer":
        request = RequestFactory().generic(method, path, headers=headers)
        heads: list[tuple[str, list[tuple[str, str]]]] = []
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "request": request}
        answer = self._application(environ, lambda *head: heads.append(head))  # type: ignore[arg-type]
        ((status, told),) = heads
        return Answer(int(status[:3]), dict(told), answer)


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: Any) -> None:
        self.status, self.headers, self.body = status, headers, body


@pytest.fixture
def crowd() -> Iterator[Callable[[str, str], House]]:
    """Call it for a house whose door at (method, path) is full; they leave when the test ends."""
    go = threading.Event()
    inside = threading.Semaphore(0)
    threads: list[threading.Thread] = []

    def view(request: HttpRequest) -> HttpResponse:
        if request.headers.get("Stay"):
            inside.release()
            go.wait(10)
        return HttpResponse("answered")

    def fill(method: str, path: str) -> House:
        house = House(view)
        for _ in range(ROOM):
            threads.append(threading.Thread(target=house.ask, args=[method, path], kwargs={"Stay": "1"}))
            threads[-1].start()
        for _ in range(ROOM):
            assert inside.acquire(timeout=10)
        return house

    yield fill
    go.set()
    for thread in threads:
        thread.join()


def test_behind_a_full_door_the_next_one_is_told_to_come_back(crowd: Any) -> None:
    house = crowd("POST", "/v1/lookups")
    refused = house.ask("POST", "/v1/lookups")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
    assert refused.headers["Content-Type"] == "application/problem+json"
    (body,) = refused.body
    assert json.loads(body)["code"] == "overloaded"
    assert refused.headers["Content-Length"] == str(len(body))
    assert house.refused == [("POST", "/v1/lookups")]


def test_lookups_keep_no_upload_out_and_nothing_keeps_out_health_pages(crowd: Any) -> None:
    house = crowd("POST", "/v1/lookups")
    others = [
        ("POST", "/v1/jobs"),
        ("GET", "/v1/status"),
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/"),
    ]
    assert [house.ask(*other).status for other in others] == [200] * 5


def test_a_refused_status_is_for_every_origin_and_without_a_body_for_head(crowd: Any) -> None:
    house = crowd("GET", "/v1/status")
    refused = house.ask("HEAD", "/v1/status")
    assert (refused.status, list(refused.body)) == (503, [])
    assert house.ask("GET", "/v1/status").headers["Access-Control-Allow-Origin"] == "*"


def test_who_leaves_makes_room_also_by_a_crash() -> None:
    def crash(_request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    house = House(crash)
    for _ in range(2 * ROOM):
        with pytest.raises(RuntimeError):
            house.ask("POST", "/v1/lookups")


def test_of_the_lookups_inside_one_after_the_other_gets_its_turn(settings: LazySettings) -> None:
    settings.HOLDOUT_LOOKUPS_AT_WORK = 1
    at_work, most, order = 0, 0, []

    def look_up(number: int) -> None:
        nonlocal at_work, most
        with computing:
            at_work += 1
            most = max(most, at_work)
            order.append(number)
            time.sleep(0.02)
            at_work -= 1

    threads = []
    for number in range(10):
        threads.append(threading.Thread(target=look_up, args=[number]))
        threads[-1].start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    assert (most, order) == (1, list(range(10)))


def test_a_download_is_inside_until_its_last_byte_is_sent(kept_connections: None) -> None:
    result = f"/v1/jobs/job_{'a' * 26}/result"
    house = House(lambda _: StreamingHttpResponse([b"rows"]))
    sending = [house.ask("GET", result) for _ in range(ROOM)]
    assert house.ask("GET", result).status == 503
    assert list(sending[0].body) == [b"rows"]
    sending[0].body.close()
    sending[0] = house.ask("GET", result)
    assert sending[0].status == 200
    for answer in sending:
        answer.body.close()


@pytest.fixture
def kept_connections() -> Iterator[None]:
    """A request ends without closing the connection that this test's transaction is on."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
def test_a_request_that_is_turned_away_does_nothing_and_spends_nothing(
    vera_key: str, settings: LazySettings, kept_connections: None
) -> None:
    headers = {"Authorization": f"Bearer {vera_key}", "Idempotency-Key": "k", "Content-Type": "text/csv"}
    served = httpx.WSGITransport(app=application)
    with httpx.Client(transport=served, base_url="http://localhost", headers=headers) as vendor:
        settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, 0)
        refused = vendor.post("/v1/jobs", content=b"url\n")
        assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
        assert "RateLimit" not in refused.headers
        settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, 1)
        taken = vendor.post("/v1/jobs", content=b"url\nhttps://x.example/\n")
        assert taken.status_code == 202
