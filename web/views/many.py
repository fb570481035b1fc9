"""Many pictures at once: the page, and what its script calls, a picture a call.

A call waits until the picture's statement is in the log, as the form for one picture does: its answer is the
whole outcome, so that nothing is left to be asked for later and a page that is closed loses nothing. How many
wait at a time is bounded before Django (`api.admission`); the script comes back to who is told to.
"""

import json
from typing import Final

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Organization
from consent.queries import digests_spoken_of
from consent.registration import Declared, register_once, register_unseen_once
from holdout.errors import InvalidInput
from holdout.fingerprints.algorithms import SHA256, parse_code
from web.forms import ManyForm, UnseenForm
from web.many import script_words
from web.pages import creator_call, creator_page, refusal_json

_MOST_DIGESTS: Final = 1_000


@require_safe
@creator_page
def many(request: HttpRequest, _organization: Organization) -> HttpResponse:
    return render(request, "web/many.html", {"form": ManyForm(), "words": script_words()})


@require_POST
@creator_call
def known(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Which of the files with these SHA-256 digests the creator has spoken of already."""
    digests = {parse_code(SHA256.id, digest) for digest in _asked(request.body)}
    return JsonResponse({"known": sorted(d.hex() for d in digests_spoken_of(organization, digests))})


def _asked(body: bytes) -> list[str]:
    try:
        asked = json.loads(body)["sha256"]
    except (ValueError, TypeError, KeyError, RecursionError):
        asked = None
    if not (
        isinstance(asked, list) and len(asked) <= _MOST_DIGESTS and all(isinstance(a, str) for a in asked)
    ):
        raise InvalidInput("body_malformed", 'Send {"sha256": [...]} with at most 1,000 digests.')
    return asked


@require_POST
@creator_call
def picture(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Register one picture; the same file twice is known the second time."""
    form = ManyForm(request.POST, request.FILES)
    if not form.is_valid():
        code, words = form.refusal()
        return refusal_json(code, words, status=422)
    return _registered(
        register_once(
            organization=organization,
            title=form.cleaned_data["title"],
            picture=form.cleaned_data["picture"].read(),
            original=form.original(),
            preferences=form.preferences(),
            terms_url=form.terms(),
        )
    )


@require_POST
@creator_call
def unseen(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Register one picture that stays where it is; the same file twice is known the second time."""
    form = UnseenForm(request.POST)
    if not form.is_valid():
        code, words = form.refusal()
        return refusal_json(code, words, status=422)
    return _registered(
        register_unseen_once(
            organization=organization,
            title=form.cleaned_data["title"],
            original=form.original(),
            codes=form.codes(),
            preferences=form.preferences(),
            terms_url=form.terms(),
        )
    )


def _registered(declared: Declared | None) -> HttpResponse:
    if declared is None:
        return JsonResponse({"state": "known"})
    address = reverse("work", args=[declared.work.public_id])
    return JsonResponse({"state": "registered", "work": address}, status=201)
