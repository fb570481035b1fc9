"""Which pages of other origins may read our answers."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponseBase

OPEN_TO_EVERY_ORIGIN: Final = frozenset({"/v1/status"})


class OpenToEveryOrigin:
    """Lets every page read what is public, refusals too: else a script could not tell 422 from 503.

    A middleware, since not every refusal comes from a view.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        if request.path in OPEN_TO_EVERY_ORIGIN:
            response.headers["Access-Control-Allow-Origin"] = "*"
        return response
