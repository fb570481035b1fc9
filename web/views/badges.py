"""Badges: public, cookieless, for any page to embed."""

import logging

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from holdout.errors import InvalidInput, NotFound, Unavailable
from holdout.verdicts import Query
from lookup.engine import answer, answer_about
from lookup.parameters import refuse_what_would_go_unasked
from registry.queries import work_with_id
from web.badges import LANGUAGES, Label, badge_svg, label_of

logger = logging.getLogger(__name__)

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


@require_safe
def work_badge(request: HttpRequest, work_id: str) -> HttpResponse:
    """What a work's declarant says of it now; what others say of the same picture is not in it."""
    try:
        uses = answer_about(work_with_id(work_id))
    except NotFound:
        return _badge(request, Label.UNKNOWN_WORK, status=404)
    except (OperationalError, InterfaceError):
        return _away(request)
    return _badge(request, label_of(uses))


@require_safe
def url_badge(request: HttpRequest) -> HttpResponse:
    """The verdict for the picture at `?url=`."""
    try:
        refuse_what_would_go_unasked(dict(request.GET.lists()), ("url", "lang"))
        if request.GET.get("lang", LANGUAGES[0]) not in LANGUAGES:  # it may be the address's own
            raise InvalidInput("parameter_unknown", f"lang is one of {', '.join(LANGUAGES)}.")
        (verdict,) = answer([Query(url=request.GET.get("url", ""))])
    except InvalidInput as error:
        return _badge(request, Label.NOT_CHECKED, status=error.http_status)
    except (OperationalError, InterfaceError, Unavailable):
        return _away(request)
    if verdict.error is not None:
        return _badge(request, Label.UNREADABLE, status=verdict.error.http_status)
    return _badge(request, label_of(verdict.uses))


def _away(request: HttpRequest) -> HttpResponse:
    # A picture, not an error page: where it is embedded, nothing else would be seen.
    logger.exception("The registry could not be asked for a badge")
    return _badge(request, Label.NOT_CHECKED, status=503)


def _badge(request: HttpRequest, label: Label, *, status: int = 200) -> HttpResponse:
    asked = request.GET.get("lang")
    language = asked if asked in LANGUAGES else LANGUAGES[0]
    cache = "public, max-age=60" if status == 200 else "no-store"
    return HttpResponse(
        badge_svg(label, language=language),
        status=status,
        content_type="image/svg+xml; charset=utf-8",
        headers={**_HEADERS, "Cache-Control": cache, "Content-Language": language},
    )
