"""A "No AI" avatar, made in the visitor's own browser, and the code of live badges."""

from typing import Final
from urllib.parse import quote

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.erasing import open_request
from accounts.models import Organization
from accounts.services import personal_organization
from holdout.errors import InvalidInput, NotFound
from holdout.urls import canonicalize
from registry.models import Work
from registry.queries import work_of, works_of
from web.badges import PAGE_LANGUAGES
from web.refusals import refusal_words

WORDS: Final = ("No AI", "NO AI TRAINING", "禁止 AI", "拒绝 AI 训练")
DESIGNS: Final = {
    "bar": _("Bar below"),
    "ring": _("Ring with words"),
    "band": _("Diagonal band"),
    "corner": _("Round mark in the corner"),
    "spark": _("Struck-out sparkle"),
}
"""As `avatar.js` draws them; `static/web/avatar/` has each as a plain file."""
_RECENT: Final = 20


@require_safe
@never_cache
def avatar(request: HttpRequest) -> HttpResponse:
    """The maker; with `?work=` or `?url=` the code of the badge that always shows what holds.

    A work must be one of the visitor's own; to whoever is not signed in, `work` says nothing.
    """
    organization = _organization(request)
    number, url = request.GET.get("work", ""), request.GET.get("url", "").strip()
    context: dict[str, object] = {
        "url": url,
        "words": WORDS,
        "designs": [(name, words, f"web/avatar/{name}.svg") for name, words in DESIGNS.items()],
        "badge_languages": PAGE_LANGUAGES,
    }
    status = 200
    if organization:
        chosen = _chosen(organization, number) if number else None
        context |= {"works": _offered(organization, chosen), "chosen": chosen}
        if chosen:
            badge = request.build_absolute_uri(reverse("badge_work", args=[chosen.public_id]))
            context["badge"] = f"{badge}?"
    if url and "badge" not in context:
        try:
            context["badge"] = f"{request.build_absolute_uri(reverse('badge_url'))}?url={_quoted(url)}&"
        except InvalidInput as error:
            context["refusal"] = refusal_words(error)
            status = error.http_status
    return render(request, "web/avatar.html", context, status=status)


def _organization(request: HttpRequest) -> Organization | None:
    """Where the visitor's works are, if they are signed in and nothing of theirs waits for its deletion."""
    if not request.user.is_authenticated or open_request(request.user):
        return None
    return personal_organization(user=request.user)


def _chosen(organization: Organization, public_id: str) -> Work:
    try:
        return work_of(organization, public_id)
    except NotFound as error:
        raise Http404(error.detail) from error


def _offered(organization: Organization, chosen: Work | None) -> list[Work]:
    """The newest works, and the chosen one where it is older."""
    newest = list(works_of(organization)[:_RECENT])
    return newest if chosen is None or chosen in newest else [*newest, chosen]


def _quoted(typed: str) -> str:
    """An address as a parameter of the badge's; without a scheme it is taken as https.

    Raises `InvalidInput` for what is no address of a picture or page.
    """
    address = typed if "://" in typed else f"https://{typed}"
    canonicalize(address)
    return quote(address, safe="")
