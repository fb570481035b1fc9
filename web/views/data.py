"""One's data: to take away, and to have erased."""

from datetime import UTC, datetime
from itertools import chain
from typing import cast

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.audit import Source, actor_of
from accounts.erasing import ask_for_erasure, keep_account, open_request, shares_an_organization
from accounts.models import ErasureRequest, User
from holdout.errors import HoldoutError
from lookup.exporting import FORMAT, sections
from web.forms import ErasureForm
from web.pages import refusal_page
from web.reauthentication import way_to_prove_again
from web.streaming import written


@require_safe
@login_required
@never_cache
def data(request: HttpRequest) -> HttpResponse:
    return render(request, "web/data.html", {"request_open": open_request(cast(User, request.user))})


@require_safe
@login_required
@never_cache
def download(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """All of it as one JSON file, written while it is sent. It needs a recent proof of who asks."""
    if elsewhere := way_to_prove_again(request):
        return elsewhere
    now = datetime.now(UTC)
    head = [("format", FORMAT), ("made_at", f"{now:%Y-%m-%dT%H:%M:%SZ}")]
    return StreamingHttpResponse(
        written(chain(head, sections(cast(User, request.user)))),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="holdout-data-{now:%Y-%m-%d}.json"'},
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def erasure(request: HttpRequest) -> HttpResponse:
    """What deleting means, and the deletion; while one waits, when that is and how it is stopped."""
    user = cast(User, request.user)
    if waiting := open_request(user):
        return render(request, "web/erasure_waits.html", {"erasure": waiting})
    if user.is_staff:
        return render(request, "web/erasure_staff.html", status=403)
    if elsewhere := way_to_prove_again(request):
        return elsewhere
    form = ErasureForm(request.POST if request.method == "POST" else None, user=user)
    if not form.is_valid():
        context = {"form": form, "shared": shares_an_organization(user)}
        return render(request, "web/erasure.html", context, status=422 if form.is_bound else 200)
    kind = ErasureRequest.Kind(form.cleaned_data["kind"])
    try:
        asked = ask_for_erasure(user=user, kind=kind, by=actor_of(request, Source.PERSON))
    except HoldoutError as error:
        return refusal_page(request, error)
    logout(request)
    return render(request, "web/erasure_asked.html", {"erasure": asked})


@require_POST
@login_required
@never_cache
def keep(request: HttpRequest) -> HttpResponse:
    """Call the deletion off."""
    try:
        keep_account(user=cast(User, request.user), by=actor_of(request, Source.PERSON))
    except HoldoutError as error:
        return refusal_page(request, error)
    messages.success(request, _("Your account stays. Nothing was erased."))
    return redirect("works")
