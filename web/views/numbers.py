"""A registration number, which a creator may print anywhere: what was said, since when, what holds now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from consent.queries import chain_of_number
from holdout.errors import HoldoutError, NotFound
from holdout.ids import number_letters, registration_number
from web.refusals import refusal_words
from web.words import name_of, said_lines


@require_safe
def number(request: HttpRequest, typed: str) -> HttpResponse:
    """Says what and when, and nothing of which picture it is or whose."""
    try:
        chain = chain_of_number(number_letters(typed))
        if not chain:
            raise NotFound("number_unknown", "Nothing is registered under this number.")
    except HoldoutError as error:
        refused = {"number": typed, "refusal": refusal_words(error)}
        return render(request, "web/number.html", refused, status=error.http_status)
    now = chain[-1]
    context = {
        "number": registration_number(chain[0].statement.public_id),
        "first": chain[0],
        "now": now,
        "withdrawn": not now.preferences,
        "name": name_of(now.preferences),
        "lines": said_lines(now.preferences),
        "changes": len(chain) - 1,
    }
    return render(request, "web/number.html", context)
