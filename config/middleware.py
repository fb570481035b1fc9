"""What is written and counted of every request; outermost, so that nothing is answered without it."""

import logging
import re
import time
import uuid
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from api.authentication import Caller
from api.problems import Problem
from config.logging import Fields, request_fields
from config.metrics import count_request

logger = logging.getLogger(__name__)

_WELL_FORMED: Final = re.compile(r"[0-9a-fA-F-]{16,64}")
_METHODS: Final = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_JOB_ID: Final = re.compile(r"job_[a-z2-7]{26}")
# Asked by machines every few seconds; only their failures are worth a line.
_QUIET: Final = {"livez", "readyz", "metrics", "static"}


class RequestRecord:
    """Gives each request an id, one log record and its place in the metrics.

    The id is the caller's `X-Request-ID` when that is hexadecimal (a UUID, nginx's `$request_id`), and goes
    back in the same header; views find it as `request.request_id`. A view that knows whose tenant it acts
    in may leave it as `request.organization`.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _WELL_FORMED.fullmatch(given) else uuid.uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with request_fields(lambda: _fields(request, request_id)):
            response = self._get_response(request)
            _note(request, response, seconds=time.perf_counter() - began)
        response.headers["X-Request-ID"] = request_id
        return response


def _note(request: HttpRequest, response: HttpResponseBase, *, seconds: float) -> None:
    route, status = _route(request), response.status_code
    count_request(route=route, method=_method(request), status=status, seconds=seconds)
    if route in _QUIET and status < 500:
        return
    said: Fields = {"status": status, "duration_ms": round(seconds * 1000, 1), **_code(response)}
    logger.log(logging.ERROR if status >= 500 else logging.INFO, "request answered", extra=said)


def _code(response: HttpResponseBase) -> Fields:
    return {"code": response.code} if isinstance(response, Problem) else {}


def _fields(request: HttpRequest, request_id: str) -> Fields:
    fields = {"request_id": request_id, "route": _route(request), "method": _method(request)}
    if organization := _organization(request):
        fields["organization"] = organization
    if job := _job(request):
        fields["job"] = job
    return fields


def _route(request: HttpRequest) -> str:
    """The pattern that matched, never the path: `v1/jobs/<str:job_id>`."""
    try:
        # What was turned away before a view was asked belongs to that view's route all the same.
        return (request.resolver_match or resolve(request.path_info)).route or "/"
    except Resolver404:
        return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


def _method(request: HttpRequest) -> str:
    return request.method if request.method in _METHODS else "other"


def _organization(request: HttpRequest) -> str | None:
    # By type and without asking: a person behind `request.user` is only loaded when a view wants to know.
    user = request.__dict__.get("user")
    tenant = user.organization if type(user) is Caller else request.__dict__.get("organization")
    public_id: str | None = getattr(tenant, "public_id", None)
    return public_id


def _job(request: HttpRequest) -> str | None:
    asked = str(request.resolver_match.kwargs.get("job_id", "")) if request.resolver_match else ""
    return asked if _JOB_ID.fullmatch(asked) else None
