"""The first page of who is signed in: what is reserved, what came of it, what to do next."""

from datetime import UTC, datetime
from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Organization, User
from accounts.services import want_digest
from web.overview import DAYS, overview_of
from web.pages import creator_page
from web.words import proof_words


@require_safe
@creator_page
def overview(request: HttpRequest, organization: Organization) -> HttpResponse:
    shown = overview_of(organization, today=datetime.now(UTC).date())
    level = "" if shown.level is None else proof_words(shown.level)
    return render(request, "web/overview.html", {"shown": shown, "days": DAYS, "level": level})


@require_POST
@creator_page
def digest(request: HttpRequest, _organization: Organization) -> HttpResponse:
    """Ask for the monthly mail, or end it."""
    wanted = request.POST.get("wanted") == "yes"
    want_digest(user=cast("User", request.user), wanted=wanted, now=datetime.now(UTC))
    done = _("Once a month you get a mail, if anybody asked.") if wanted else _("No more mails of this kind.")
    messages.success(request, done)
    return redirect("overview")
