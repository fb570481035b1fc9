"""A creator's places: accounts and sites, what is said of all that stands there, and the proof of control."""

from datetime import UTC, datetime
from typing import Any, Final

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organization
from consent.intentions import forget
from consent.models import Statement
from consent.places import add_place, prove_place, remove_place, say_of_place, take_back_of_place
from holdout.errors import HoldoutError, NotFound
from registry.control import Proving, challenge_for
from registry.models import Locator
from registry.observing import signed_observation
from registry.queries import place_of, places_of, proven_place
from web.forms import PageForm, PlaceDeclarationForm, PlaceForm
from web.linking import provider_of
from web.pages import creator_page
from web.places import details_of, listed, ways_of
from web.reauthentication import way_to_prove_again
from web.refusals import attempt_lines, refusal_words
from web.words import name_of

_PAGE = 20
_RATES: Final = {"prove": "10/m/user,60/h/user"}


@require_safe
@creator_page
def places(request: HttpRequest, organization: Organization) -> HttpResponse:
    page = Paginator(places_of(organization), _PAGE).get_page(request.GET.get("page"))
    return render(request, "web/places.html", {"page": page, "lines": listed(page.object_list)})


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def new_place(request: HttpRequest, organization: Organization) -> HttpResponse:
    """The form, and the claim that it makes; refused, it comes back as it was filled in."""
    form = PlaceForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                added = add_place(
                    organization=organization,
                    typed=form.cleaned_data["address"],
                    extent=form.cleaned_data["extent"],
                    preferences=form.preferences(),
                    terms_url=form.terms(),
                )
                return redirect("place", place_id=added.public_id)
            except HoldoutError as error:
                form.add_error("address", refusal_words(error))
                status = error.http_status
    return render(request, "web/new_place.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def place(request: HttpRequest, organization: Organization, place_id: str) -> HttpResponse:
    """One place; POST says something else about it."""
    shown = place_of(organization, place_id)
    if request.method != "POST":
        return _place_page(request, shown)
    form = PlaceDeclarationForm(request.POST)
    if not form.is_valid():
        return _place_page(request, shown, form=form, status=422)
    said = say_of_place(
        place=shown, preferences=form.preferences(), terms_url=form.terms(), starts_at=form.starts_at()
    )
    messages.success(request, _done(said, form.starts_at()))
    return redirect("place", place_id=place_id)


def _done(said: Statement | None, starts_at: datetime | None) -> str:
    if said is not None:
        return _("Said. It counts from its own log entry on.")
    if starts_at is not None:
        return _("Kept. It begins on %(day)s.") % {"day": starts_at.date().isoformat()}
    return _("Kept. It will be said as soon as the place is proven.")


@require_safe
@creator_page
def sign_in(request: HttpRequest, organization: Organization, place_id: str) -> HttpResponse:
    """To the platform, to sign in there; it sends people back to allauth's callback."""
    provider = provider_of(request, place_of(organization, place_id))
    if provider is None:
        messages.error(request, _("This registry cannot ask that platform. Use the code."))
        return redirect("place", place_id=place_id)
    there: HttpResponse = provider.redirect(request, process="connect", data={"place": place_id})
    return there


@require_POST
@creator_page
def keep(request: HttpRequest, organization: Organization, place_id: str) -> HttpResponse:
    """What was to be said of a place later is not said."""
    forget([place_of(organization, place_id)])
    messages.success(request, _("What you say now goes on."))
    return redirect("place", place_id=place_id)


@require_POST
@creator_page
def proof(request: HttpRequest, organization: Organization, place_id: str) -> HttpResponse:
    """Look for the code now."""
    shown = place_of(organization, place_id)
    if not ratelimit.consume(request, app="holdout", action="prove", config=_RATES):
        too_often: HttpResponse = ratelimit.respond_429(request)
        return too_often
    form = PageForm(request.POST)
    if not form.is_valid():
        return _place_page(request, shown, page=form, status=422)
    try:
        proving = prove_place(place=shown, now=datetime.now(UTC), page=form.cleaned_data["page"])
    except HoldoutError as error:
        form.add_error("page", refusal_words(error))
        return _place_page(request, shown, page=form, status=error.http_status)
    if proving.authorization is None:
        return _place_page(request, shown, proving=proving)
    messages.success(request, _("Proven. What you chose is said now."))
    return redirect("place", place_id=place_id)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def withdrawal(request: HttpRequest, organization: Organization, place_id: str) -> HttpResponse:
    """Asks whether to withdraw; POST does it. Both need a recent proof of who it is."""
    shown = place_of(organization, place_id)
    if elsewhere := way_to_prove_again(request):
        return elsewhere
    if request.method != "POST":
        return render(request, "web/withdraw_place.html", {"place": shown})
    take_back_of_place(place=shown)
    messages.success(request, _("Withdrawn. Nothing is said about this place any more."))
    return redirect("place", place_id=place_id)


@require_POST
@creator_page
def removal(request: HttpRequest, organization: Organization, place_id: str) -> HttpResponse:
    """Forget a place that was only claimed."""
    remove_place(place=place_of(organization, place_id))
    messages.success(request, _("Removed."))
    return redirect("places")


@require_safe
@creator_page
def observation(
    _request: HttpRequest, organization: Organization, place_id: str, observation_id: str
) -> HttpResponse:
    """What we saw at a place on a day, signed and with its log entry, as a JSON file."""
    place = place_of(organization, place_id)
    found = place.observations.filter(public_id=observation_id, error="").first()
    if found is None:
        raise NotFound("not_in_log", "That observation is not of this place.")
    return JsonResponse(
        signed_observation(found),
        json_dumps_params={"indent": 2, "ensure_ascii": False},
        headers={"Content-Disposition": f'attachment; filename="{found.public_id}.json"'},
    )


@require_safe
def mark(request: HttpRequest, code: str) -> HttpResponse:
    """The page to which a profile's link leads: whose code that is, with a link back (rel=me)."""
    found = proven_place(code)
    return render(request, "web/mark.html", {"place": found, "code": code}, status=200 if found else 404)


def _place_page(
    request: HttpRequest,
    shown: Locator,
    *,
    form: PlaceDeclarationForm | None = None,
    page: PageForm | None = None,
    proving: Proving | None = None,
    status: int = 200,
) -> HttpResponse:
    details = details_of(shown)
    challenge = challenge_for(locator=shown, now=datetime.now(UTC))
    link = request.build_absolute_uri(reverse("mark", args=[challenge.code]))
    context: dict[str, Any] = {
        "details": details,
        "name": name_of(details.said),
        "intended": name_of(details.chosen),
        "ways": ways_of(shown, challenge.code, link=link),
        "challenge": challenge,
        "attempts": attempt_lines(proving.attempts) if proving else [],
        "form": form or PlaceDeclarationForm(said=details.chosen, initial={"terms_url": details.terms_url}),
        "page_form": page or PageForm(),
        "sign_in": provider_of(request, shown) is not None,
    }
    return render(request, "web/place.html", context, status=status)
