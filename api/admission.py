"""Admission control: a bounded number of requests behind each heavy door; the next one is told to come back.

Without it an overload is a queue that only grows: every answer comes too late, then connections break. The
server must have more threads than the doors let in together, or its own queue stands before this one. Of the
lookups inside only a few are at work: threads that compute take the interpreter from those that turn others
away, and then the queue stands before the door after all (measured: `./run bench overload`).
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from api.problems import problem_of
from holdout.errors import Unavailable

OVERLOADED: Final = "overloaded"


class Overloaded(Unavailable):
    """This process has as much in hand as it can do well."""

    retry_after_seconds = 1


class Gate:
    """Counts who is inside; its limit is the setting's value for `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inside = 0
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Whether there was room; who entered must `leave`."""
        with self._lock:
            if self._inside >= settings.HOLDOUT_IN_FLIGHT[self._name]:
                return False
            self._inside += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1


class Turns:
    """At most the setting's number work at the same time; the others wait in the order in which they came."""

    def __init__(self) -> None:
        self._working = 0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        mine = threading.Event()
        with self._lock:
            if self._working < settings.HOLDOUT_LOOKUPS_AT_WORK:
                self._working += 1
                return
            self._waiting.append(mine)
        mine.wait()  # whoever ends hands its place on

    def __exit__(self, *_: object) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._working -= 1


# A transfer takes as long as the other side's network, a lookup takes the processor: neither may keep the
# other out, and all of them together must leave threads for what has no gate.
_GATES: Final = {name: Gate(name) for name in ("lookups", "compat", "status", "uploads", "downloads")}
_COMPUTING: Final = Turns()
_TURNS: Final[dict[Gate, AbstractContextManager[None]]] = dict.fromkeys(
    (_GATES["lookups"], _GATES["compat"]), _COMPUTING
)
_NOBODY_WAITS: Final = nullcontext()
_DOORS: Final = {
    ("POST", "/v1/lookups"): "lookups",
    # These clients send ten batches at once and give up at the first refusal: more of them may wait.
    ("POST", "/api/v2/query/urls"): "compat",
    ("POST", "/api/v2/query/urls/"): "compat",
    ("POST", "/v1/confirm"): "lookups",
    ("GET", "/v1/status"): "status",
    ("HEAD", "/v1/status"): "status",
    ("POST", "/v1/jobs"): "uploads",
}


class AdmissionMiddleware:
    """Stands before what costs anything, so that turning somebody away costs next to nothing.

    Only the heavy doors have gates: health pages, job listings and pages for people always pass.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        gate = _gate_for(request)
        if gate is None:
            return self._get_response(request)
        if not gate.enter():
            return _refusal()
        try:
            with _TURNS.get(gate, _NOBODY_WAITS):
                response = self._get_response(request)
        except BaseException:
            gate.leave()
            raise
        if response.streaming:
            response._resource_closers.append(gate.leave)  # type: ignore[attr-defined]  # still inside
        else:
            gate.leave()
        return response


def _gate_for(request: HttpRequest) -> Gate | None:
    is_result = request.path.startswith("/v1/jobs/") and request.path.endswith("/result")
    if is_result or request.path.startswith("/v1/snapshots/"):
        return _GATES["downloads"]
    door = _DOORS.get((request.method or "", request.path))
    return _GATES[door] if door else None


def _refusal() -> HttpResponse:
    refusal = problem_of(Overloaded(OVERLOADED, "Too much is going on just now; try again shortly."))
    refusal["Content-Length"] = str(len(refusal.content))  # CommonMiddleware, which adds it, comes later
    return refusal
