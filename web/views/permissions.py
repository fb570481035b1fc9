"""What a creator permits single vendors: the list, giving one, and taking it back."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Organization
from accounts.queries import listed_vendors
from consent.grants import permit, take_back
from consent.queries import grant_of, grants_of
from holdout.errors import HoldoutError
from holdout.vocabulary import UsageCategory
from web.forms import PermissionForm
from web.pages import creator_page
from web.reauthentication import way_to_prove_again
from web.refusals import refusal_words
from web.words import use_names

_USUAL: Final = timedelta(days=365)


@require_safe
@creator_page
def permissions(request: HttpRequest, organization: Organization) -> HttpResponse:
    now = datetime.now(UTC)
    lines = [(line, use_names(map(UsageCategory, line.grant.uses))) for line in grants_of(organization)]
    context = {
        "standing": [(line, uses) for line, uses in lines if line.lifts(now)],
        "past": [(line, uses) for line, uses in lines if not line.lifts(now)],
        "vendors": listed_vendors().exists(),
    }
    return render(request, "web/permissions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def new_permission(request: HttpRequest, organization: Organization) -> HttpResponse:
    """The form, and the permission that it gives. Both need a recent proof of who it is."""
    if elsewhere := way_to_prove_again(request):
        return elsewhere
    now = datetime.now(UTC)
    initial = {"until": (now + _USUAL).date(), "vendor": request.GET.get("vendor")}
    form = PermissionForm(request.POST or None, initial=initial, vendors=listed_vendors())
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                logged = permit(
                    organization=organization,
                    grantee=form.cleaned_data["vendor"],
                    uses=form.chosen(),
                    expires_at=form.expires_at(),
                    now=now,
                )
            except HoldoutError as error:
                form.add_error("until", refusal_words(error))
                status = error.http_status
            else:
                messages.success(request, _said(logged, _("Permitted. It counts from its own log entry on.")))
                return redirect("permissions")
    return render(request, "web/new_permission.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def revocation(request: HttpRequest, organization: Organization, grant_id: str) -> HttpResponse:
    """Asks whether to revoke a permission; POST does it. No proof of who it is: it only restricts."""
    grant = grant_of(organization, grant_id)
    if request.method != "POST":
        return render(request, "web/revoke_permission.html", {"grant": grant})
    messages.success(request, _said(take_back(grant=grant), _("Revoked. It lifts nothing any more.")))
    return redirect("permissions")


def _said(logged: bool, done: str) -> str:
    return done if logged else _("Stored. It counts as soon as it has its place in the log.")
