"""Pages for everybody."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from holdout.errors import InvalidInput
from holdout.verdicts import Query
from lookup.engine import answer
from lookup.parameters import refuse_what_would_go_unasked
from web.badges import label_of
from web.refusals import refusal_words
from web.words import answer_lines, reason_lines


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "web/home.html", {"status_url": request.build_absolute_uri("/v1/status")})


@require_safe
def check(request: HttpRequest) -> HttpResponse:
    """The consent status of the picture at `?url=`, in words; without a scheme it is taken as https."""
    url = request.GET.get("url", "").strip()
    if not url:
        return redirect("home")
    try:
        refuse_what_would_go_unasked(dict(request.GET.lists()), ("url",))
    except InvalidInput as error:
        refused = {"url": url, "refusal": refusal_words(error)}
        return render(request, "web/check.html", refused, status=error.http_status)
    (verdict,) = answer([Query(url=url if "://" in url else f"https://{url}")])
    context = {
        "url": url,
        "verdict": verdict,
        "label": label_of(verdict.uses),
        "lines": answer_lines(verdict),
        "reasons": reason_lines(verdict),
        "refusal": verdict.error and refusal_words(verdict.error),
    }
    status = verdict.error.http_status if verdict.error else 200
    return render(request, "web/check.html", context, status=status)
