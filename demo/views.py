"""Sign in by one click as one of three people, and read what Holdout mails."""

from pathlib import Path
from typing import Final

from allauth.account.internal.flows.login import record_authentication
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from demo.mailbox import newest_mails
from demo.people import Part, fresh_key, person
from demo.rules import rules
from holdout.urls import KeyKind

_MAILS: Final = 50


@require_safe
def start(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/start.html")


@require_POST
def as_creator(request: HttpRequest) -> HttpResponse:
    _sign_in(request, Part.CREATOR)
    return redirect("works")


@require_POST
@never_cache
def as_vendor(request: HttpRequest) -> HttpResponse:
    """A vendor is a program: what it gets is a key, and lines that use it."""
    _sign_in(request, Part.VENDOR)
    context = {"key": fresh_key(), "origin": request.build_absolute_uri("/v1"), "url": _reserved_url()}
    return render(request, "demo/vendor.html", context)


@require_POST
def as_staff(request: HttpRequest) -> HttpResponse:
    _sign_in(request, Part.STAFF)
    return redirect("admin:index")


@require_safe
@never_cache
def mail(request: HttpRequest) -> HttpResponse:
    folder = Path(getattr(settings, "EMAIL_FILE_PATH", settings.VAR_DIR / "mail"))
    return render(request, "demo/mail.html", {"mails": newest_mails(folder, limit=_MAILS)})


def _sign_in(request: HttpRequest, part: Part) -> None:
    """The session says that it was the demonstration's click, and neither a code nor a second factor."""
    user = person(part)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[0])
    record_authentication(request, user, method="demo")


def _reserved_url() -> str:
    """One that every terminal can print and paste."""
    return next(
        rule.target
        for rule in rules()
        if rule.kind == KeyKind.URL and rule.preset == "no-ai" and rule.target.isascii()
    )
