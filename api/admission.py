"""Admission control: a bounded number of requests behind each heavy door; the next is told to come back.

Without it an overload is a queue that only grows: every answer comes too late, then connections break. The
server must have more threads than the doors let in together, or its own queue stands before this one. Of the
lookups inside only a few are at work: threads that compute take the interpreter from those that turn others
away, and then the queue stands before the door after all. For the same reason this stands before Django,
where a refusal costs a twentieth (measured: `./run bench overload`).
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.http import HttpResponse

from api.cors import OPEN_TO_EVERY_ORIGIN
from api.problems import document

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_REFUSAL: Final = json.dumps(
    document(status=503, code="overloaded", detail="Too much is going on just now; try again shortly.")
).encode()
_HEADERS: Final = [
    ("Content-Type", "application/problem+json"),
    ("Content-Length", str(len(_REFUSAL))),
    ("Retry-After", "1"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
]


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
_GATES: Final = {
    name: Gate(name) for name in ("lookups", "compat", "status", "uploads", "downloads", "doctor", "pictures")
}
computing: Final = Turns()
"""Entered by a lookup once its body is here: who sends slowly keeps nobody from computing."""
_DOORS: Final = {
    ("POST", "/v1/lookups"): "lookups",
    # These clients send ten batches at once and give up at the first refusal: more of them may wait.
    ("POST", "/api/v2/query/urls"): "compat",
    ("POST", "/api/v2/query/urls/"): "compat",
    ("POST", "/v1/confirm"): "lookups",
    ("GET", "/v1/status"): "status",
    ("HEAD", "/v1/status"): "status",
    ("POST", "/v1/jobs"): "uploads",
    # Each waits for another host's answers.
    ("GET", "/v1/doctor"): "doctor",
    ("GET", "/doctor"): "doctor",
    # Each waits for its fingerprints, and a creator sends hundreds; the page comes back by itself.
    ("POST", "/works/many/picture"): "pictures",
}


class Admission:
    """A WSGI application before another one. Only the heavy doors have gates: health pages, job listings and
    what people open always pass.

    `refused` is told the method and the path of each request that is turned away.
    """

    def __init__(self, application: "WSGIApplication", *, refused: Callable[[str, str], None]) -> None:
        self._application = application
        self._refused = refused

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        gate = _gate_for(method, path)
        if gate is None:
            return self._application(environ, start_response)
        if not gate.enter():
            self._refused(method, path)
            open_to = [("Access-Control-Allow-Origin", "*")] if path in OPEN_TO_EVERY_ORIGIN else []
            start_response("503 Service Unavailable", [*_HEADERS, *open_to])
            return [] if method == "HEAD" else [_REFUSAL]
        try:
            answer = self._application(environ, start_response)
        except BaseException:
            gate.leave()
            raise
        if isinstance(answer, HttpResponse) and not answer.streaming:
            gate.leave()
            return answer
        return _Sending(answer, gate)  # inside until its last byte is sent


class _Sending:
    """An answer that is not made yet, whose end makes room."""

    def __init__(self, answer: Iterable[bytes], gate: Gate) -> None:
        self._answer, self._gate = answer, gate

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        """What a WSGI server calls in the end, however it came about."""
        close: Any = getattr(self._answer, "close", None)
        try:
            if close:
                close()
        finally:
            self._gate.leave()


def _gate_for(method: str, path: str) -> Gate | None:
    is_result = path.startswith("/v1/jobs/") and path.endswith("/result")
    if method in ("GET", "HEAD") and (is_result or path.startswith("/v1/snapshots/")):
        return _GATES["downloads"]
    door = _DOORS.get((method, path))
    return _GATES[door] if door else None
