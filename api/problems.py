"""The one place where an error becomes an RFC 9457 problem document."""

import logging
from typing import Any

from django.http import HttpResponse, JsonResponse
from rest_framework.exceptions import APIException
from rest_framework.views import exception_handler as drf_exception_handler

from holdout.errors import HoldoutError

logger = logging.getLogger(__name__)

_CODES = {
    "not_authenticated": "key_missing",
    "authentication_failed": "key_unknown",
    "method_not_allowed": "method_not_allowed",
    "not_found": "not_found",
    "permission_denied": "not_permitted",
}


def document(*, status: int, code: str, detail: str) -> dict[str, str | int]:
    """A problem document; `code` is stable, `detail` is for a person."""
    return {
        "type": f"urn:holdout:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "code": code,
        "detail": detail,
    }


class Problem(JsonResponse):
    """An answer that is a problem document."""

    def __init__(self, *, status: int, code: str, detail: str) -> None:
        said = document(status=status, code=code, detail=detail)
        super().__init__(said, status=status, content_type="application/problem+json")
        self.code = code


def problem_of(error: HoldoutError) -> HttpResponse:
    """The problem document of one of our own errors, with Retry-After where it knows when."""
    response = Problem(status=error.http_status, code=error.code, detail=error.detail)
    if retry_after := getattr(error, "retry_after_seconds", None):
        response["Retry-After"] = str(retry_after)
    return response


def exception_handler(error: Exception, context: dict[str, Any]) -> HttpResponse | None:
    """DRF's hook. What is neither ours nor DRF's goes on to `config.errors.server_error`."""
    if isinstance(error, HoldoutError):
        return problem_of(error)
    response = drf_exception_handler(error, context)
    if response is None:
        return None
    code = str(error.get_codes()) if isinstance(error, APIException) else "not_found"
    detail = str(error.detail) if isinstance(error, APIException) else "There is nothing here."
    rendered = Problem(status=response.status_code, code=_CODES.get(code, code), detail=detail)
    for header, value in response.items():
        if header != "Content-Type":
            rendered[header] = value
    return rendered
