"""What every page of a signed-in creator has in common."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.erasing import open_request
from accounts.models import Organization, User
from accounts.queries import organizations_of_person
from accounts.services import personal_organization
from holdout.errors import HoldoutError, NotFound, Unavailable
from web.refusals import refusal_words

_P = ParamSpec("_P")


ACTING: Final = "organization"
"""Where the session keeps the public id of the organisation that the person chose to act in."""


def acting_organization(request: HttpRequest) -> Organization:
    """The organisation that whoever is signed in chose, if they are a member still; else their own."""
    user = cast(User, request.user)
    theirs = list(organizations_of_person(user))
    own = next((one for one in theirs if not one.shared), None)
    if own is None:
        own = personal_organization(user=user)
        theirs.append(own)
    chosen = request.session.get(ACTING)
    acting = next((one for one in theirs if one.public_id == chosen), own)
    request.organization = acting  # type: ignore[attr-defined] # for the log line
    request.organizations = theirs  # type: ignore[attr-defined] # for the head of the page
    return acting


def creator_page(
    view: Callable[Concatenate[HttpRequest, Organization, _P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, _P], HttpResponseBase]:
    """A view for people who are signed in: it is given the organisation in which they act.

    While the deletion of their account waits, they are led to that. Its answers are never cached, and what
    the domain refuses becomes a page with the refusal's status.
    """

    @login_required
    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponseBase:
        if open_request(cast(User, request.user)):
            return redirect("erasure")  # nothing new is kept about somebody who is to be forgotten
        organization = acting_organization(request)
        try:
            return view(request, organization, *args, **kwargs)
        except NotFound as error:
            raise Http404(error.detail) from error
        except HoldoutError as error:
            return refusal_page(request, error)

    return answer


def creator_call(
    view: Callable[Concatenate[HttpRequest, Organization, _P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, _P], HttpResponse]:
    """`creator_page` for what a page's script calls: whoever is refused gets JSON, 401 when not signed in."""

    @never_cache
    @wraps(view)
    def answer(request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return refusal_json("signed_out", _("You are signed out. Sign in and try again."), status=401)
        if open_request(request.user):
            return refusal_json("erasure_waits", _("Your account is about to be deleted."), status=409)
        organization = acting_organization(request)
        try:
            return view(request, organization, *args, **kwargs)
        except HoldoutError as error:
            response = refusal_json(error.code, refusal_words(error), status=error.http_status)
            if isinstance(error, Unavailable):
                response["Retry-After"] = str(error.retry_after_seconds)
            return response

    return answer


def refusal_json(code: str, detail: object, *, status: int) -> JsonResponse:
    """A refusal as RFC 9457 has it, in the visitor's language."""
    body = {"status": status, "code": code, "detail": str(detail)}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def refusal_page(request: HttpRequest, error: HoldoutError) -> HttpResponse:
    """What the domain refused, in words, with its status."""
    context = {"refusal": refusal_words(error), "code": error.code}
    response = render(request, "errors/refused.html", context, status=error.http_status)
    if isinstance(error, Unavailable):
        response["Retry-After"] = str(error.retry_after_seconds)
    return response
