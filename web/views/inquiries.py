"""What vendors write to a creator about what they declared: reading it, and not having to."""

from typing import Final

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Organization
from accounts.services import accept_inquiries
from lookup.inquiries import inquiries_to, inquiry_to, mute, muted_by
from web.pages import creator_page

_PAGE: Final = 20
_CHOICES: Final = {"conditional": None, "all": True, "none": False}


@require_safe
@creator_page
def inquiries(request: HttpRequest, organization: Organization) -> HttpResponse:
    page = Paginator(inquiries_to(organization), _PAGE).get_page(request.GET.get("page"))
    chosen = next(name for name, value in _CHOICES.items() if value is organization.accepts_inquiries)
    context = {"page": page, "chosen": chosen, "muted": muted_by(organization)}
    return render(request, "web/inquiries.html", context)


@require_POST
@creator_page
def choice(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Who may write at all; what is no choice changes nothing."""
    chosen = request.POST.get("accepts", "")
    if chosen in _CHOICES:
        accept_inquiries(organization=organization, accepted=_CHOICES[chosen])
        messages.success(request, _("Kept."))
    return redirect("inquiries")


@require_POST
@creator_page
def muting(request: HttpRequest, organization: Organization, inquiry_id: str) -> HttpResponse:
    """Hear nothing more of whoever wrote that, or again."""
    inquiry = inquiry_to(organization, inquiry_id)
    muted = request.POST.get("muted") != "no"
    mute(organization=organization, vendor=inquiry.organization, muted=muted)
    done = _("You get nothing more from there. The vendor does not learn it.") if muted else _("Kept.")
    messages.success(request, done)
    return redirect("inquiries")
