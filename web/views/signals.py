"""What stands at creators' sites: the doctor, and the kit that puts it there."""

from datetime import UTC, datetime
from typing import Any, Final

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods, require_safe

from holdout.carriers import kit as kits
from holdout.carriers import plus
from holdout.doctor.diagnosis import Diagnosis, diagnose, words_in
from holdout.doctor.visit import go_round
from holdout.errors import HoldoutError, InvalidInput
from holdout.verdicts import Access
from holdout.vocabulary import PRESETS
from lookup.parameters import refuse_what_would_go_unasked
from web.forms import KitForm, MarkForm
from web.refusals import refusal_words
from web.words import outcome_lines, said_lines

_MARK_IDS: Final = "mark_%s"
"""Two forms of one page have some names in common."""
_RATES: Final = {"doctor": "6/m/ip,60/h/ip"}


@require_safe
def doctor(request: HttpRequest) -> HttpResponse:
    """How machines see the picture or page at `?url=`; without a scheme it is taken as https."""
    url = request.GET.get("url", "").strip()
    if not url:
        return render(request, "web/doctor.html", {"url": ""})
    if not ratelimit.consume(request, app="holdout", action="doctor", config=_RATES, limit_get=True):
        too_often: HttpResponse = ratelimit.respond_429(request)
        return too_often
    try:
        refuse_what_would_go_unasked(dict(request.GET.lists()), ("url",))
        address = url if "://" in url else f"https://{url}"
        seen = go_round(address, contact=settings.HOLDOUT_CONTACT_URL)
    except HoldoutError as error:
        refused = {"url": url, "refusal": refusal_words(error)}
        return render(request, "web/doctor.html", refused, status=error.http_status)
    return render(request, "web/doctor.html", _shown(url, diagnose(seen, at=datetime.now(UTC))))


def _shown(url: str, diagnosis: Diagnosis) -> dict[str, Any]:
    words = words_in(_language())
    let_in = [token for token, access in diagnosis.crawlers.items() if access is Access.ALLOWED]
    return {
        "url": url,
        "diagnosis": diagnosis,
        "lines": outcome_lines(diagnosis.resolution.uses),
        "signals": [(s.source, said_lines(s.preferences)) for s in diagnosis.signals if s.preferences],
        "findings": [(f.weight.value, words[f.code], f.place, f.text) for f in diagnosis.findings],
        "let_in": let_in,
        "known": len(diagnosis.crawlers),
    }


@require_safe
def kit(request: HttpRequest) -> HttpResponse:
    """From one choice, everything to put in place: shown, or (`format=zip`) to take away."""
    if "site" not in request.GET:
        # From a work's page: its number and what it says stand in the form already.
        given = {name: request.GET[name] for name in ("preset", "number") if name in request.GET}
        form = KitForm(initial=given)
        return _kit_page(request, form)
    form = KitForm(request.GET)
    if not form.is_valid():
        return _kit_page(request, form, status=422)
    try:
        choice = form.choice(lambda typed: request.build_absolute_uri(reverse("number", args=[typed])))
    except HoldoutError as error:
        form.add_error(None, refusal_words(error))
        return _kit_page(request, form, status=error.http_status)
    if request.GET.get("format") == "zip":
        headers = {"Content-Disposition": 'attachment; filename="no-ai-kit.zip"'}
        return HttpResponse(kits.archive(choice), content_type="application/zip", headers=headers)
    pieces = [
        {"file": p.file, "content": p.content.decode(), "words": p.words[_language()], "id": p.id}
        for p in kits.pieces(choice)
    ]
    query = request.GET.copy()
    query["format"] = "zip"
    return _kit_page(request, form, pieces=pieces, zip=query.urlencode())


def _kit_page(
    request: HttpRequest, form: KitForm, *, mark: MarkForm | None = None, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "form": form,
        "mark": mark or MarkForm(auto_id=_MARK_IDS),
        "platforms": kits.platforms(),
        **more,
    }
    return render(request, "web/kit.html", context, status=status)


@require_http_methods(["POST"])
def marked(request: HttpRequest) -> HttpResponse:
    """A copy of a picture that carries the choice; nothing of it is kept."""
    form = MarkForm(request.POST, request.FILES, auto_id=_MARK_IDS)
    status = 422
    if form.is_valid():
        try:
            file = _marked(form)
        except HoldoutError as error:
            form.add_error("picture", refusal_words(error))
            status = error.http_status
        else:
            name = f"no-ai.{kits.ending(file)}"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return HttpResponse(file, content_type="application/octet-stream", headers=headers)
    return _kit_page(request, KitForm(), mark=form, status=status)


def _marked(form: MarkForm) -> bytes:
    preset = form.cleaned_data["preset"]
    if preset == "open":
        raise InvalidInput("nothing_to_mark", "Nothing is refused, so there is nothing to mark.")
    return plus.mark(
        form.cleaned_data["picture"].read(),
        PRESETS[preset],
        statement=form.cleaned_data["statement"],
        constraint=kits.constraint(PRESETS[preset], form.cleaned_data["statement"]),
        creator=form.cleaned_data["name"] or None,
    )


def _language() -> str:
    return "zh-Hans" if (get_language() or "").startswith("zh") else "en"
