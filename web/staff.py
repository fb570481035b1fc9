"""The staff area: Django's admin behind a second factor. It has no sign-in of its own and no passwords."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, TypeVar, cast

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.models import LogEntry
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.cache import never_cache

from accounts.audit import Source, actor_of
from accounts.services import record

_SECOND_FACTOR_SECONDS: Final = 12 * 3600
_NOT_OURS: Final = {"login", "logout", "password_change", "password_change_done"}
_ENTERED: Final = "staff_entered_at"

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class StaffSite(AdminSite):
    """Every page but the static files goes through `admin_view`, and so through `_way_in`."""

    site_header = site_title = gettext_lazy("Holdout staff")
    index_title = gettext_lazy("Staff area")
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_staff) and _second_factor(request) is not None

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        guarded = super().admin_view(view, cacheable)

        @never_cache
        @wraps(guarded)
        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if elsewhere := _way_in(request):
                return elsewhere
            _remember_entry(request)
            return guarded(request, *args, **kwargs)

        return cast(View, gate)

    def get_urls(self) -> list[Any]:
        return [url for url in super().get_urls() if getattr(url, "name", None) not in _NOT_OURS]

    def get_log_entries(self, request: HttpRequest) -> "QuerySet[LogEntry]":  # noqa: ARG002 - Django's signature
        return LogEntry.objects.none()  # what staff do stands in the audit events


def _way_in(request: HttpRequest) -> HttpResponse | None:
    """Where somebody must go first; None for who may come in. For everybody else there is nothing here."""
    here = request.get_full_path()
    if not request.user.is_authenticated:
        return redirect_to_login(here)
    if not request.user.is_staff:
        raise Http404
    if _second_factor(request) is not None:
        return None
    if is_mfa_enabled(request.user):
        return redirect_to_login(here, reverse("mfa_reauthenticate"))
    messages.info(request, gettext("The staff area needs a second step. Set it up first."))
    return redirect("mfa_activate_totp")


def _second_factor(request: HttpRequest) -> dict[str, Any] | None:
    """How and when this session last proved a second factor that the person still has.

    The demonstration's one click counts as one, under its own name, where there is a demonstration.
    """
    for proof in reversed(get_authentication_records(request, request.user)):
        fresh = time.time() - proof["at"] < _SECOND_FACTOR_SECONDS
        if fresh and proof["method"] == "mfa" and is_mfa_enabled(request.user):
            return {"at": proof["at"], "method": proof["type"]}
        if fresh and proof["method"] == "demo" and settings.HOLDOUT_DEMO:
            return {"at": proof["at"], "method": "demo"}
    return None


def _remember_entry(request: HttpRequest) -> None:
    """One audit event per proof: staff signed in, and how."""
    proof = _second_factor(request)
    if proof and request.session.get(_ENTERED) != proof["at"]:
        by = actor_of(request, Source.STAFF)
        record(
            by=by,
            subject="session",
            action="entered",
            object_id=str(request.user),
            details={"method": proof["method"]},
        )
        request.session[_ENTERED] = proof["at"]
