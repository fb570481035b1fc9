"""A "No AI" avatar, made in the visitor's own browser, and the badge for any address."""

from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from holdout.errors import InvalidInput
from holdout.urls import canonicalize
from web.badges import PAGE_LANGUAGES
from web.words import refusal_words

WORDS = ("No AI", "NO AI TRAINING", "禁止 AI", "拒绝 AI 训练")


@require_safe
def avatar(request: HttpRequest) -> HttpResponse:
    """The maker; with `?url=` the code of the badge that always shows what holds for that address."""
    url = request.GET.get("url", "").strip()
    context: dict[str, object] = {"url": url, "words": WORDS, "badge_languages": PAGE_LANGUAGES}
    status = 200
    if url:
        try:
            address = url if "://" in url else f"https://{url}"
            canonicalize(address)
        except InvalidInput as error:
            context["refusal"] = refusal_words(error)
            status = error.http_status
        else:
            badge = request.build_absolute_uri(reverse("badge_url"))
            context["badge"] = f"{badge}?url={quote(address, safe='')}"
    return render(request, "web/avatar.html", context, status=status)
