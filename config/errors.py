"""What a caller sees when no view answered: problem documents for programs, pages for people.

A database, broker or index that is away is 503, never a made-up answer.
"""

import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from api.problems import Problem, problem_of
from holdout.errors import Unavailable

_FOR_PROGRAMS = ("/v1/", "/api/", "/.well-known/", "/livez", "/readyz", "/badge/")
_AWAY = Unavailable("registry_unavailable", "The registry cannot answer now; try again in a moment.")


def server_error(request: HttpRequest) -> HttpResponse:
    """handler500; Django calls it while the exception is being handled."""
    away = isinstance(sys.exception(), OperationalError | InterfaceError | RedisError | Unavailable)
    if request.path.startswith(_FOR_PROGRAMS):
        if away:
            return problem_of(_AWAY)
        return Problem(status=500, code="internal_error", detail="Our mistake; it has been logged.")
    status = 503 if away else 500
    # Not render(): the context processors would ask the database who is signed in.
    return HttpResponse(render_to_string("errors/unavailable.html", {"away": away}), status=status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """handler404."""
    if request.path.startswith(_FOR_PROGRAMS):
        return Problem(status=404, code="not_found", detail="There is nothing here.")
    return render(request, "errors/not_found.html", status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001
    """handler400: Django refused the request before a view saw it."""
    return Problem(status=400, code="request_malformed", detail="The request cannot be read.")
