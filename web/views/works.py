"""A creator's works: the list, a new one, one work, its receipts."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Organization
from consent.intentions import forget
from consent.queries import LoggedStatement, intention_of
from consent.registration import Declared, register, say, say_later, say_of_all, take_back
from holdout.errors import HoldoutError, UnreadablePicture
from holdout.ids import registration_number
from registry.models import Work
from registry.queries import work_of, works_of
from web.badges import PAGE_LANGUAGES
from web.forms import AllWorksForm, RegistrationForm, WorkForm
from web.pages import creator_page
from web.reauthentication import way_to_prove_again
from web.refusals import refusal_words
from web.words import name_of, preset_of, proof_words, said_lines
from web.works import details_of, receipt_of, with_what_is_said

_PAGE = 20


@require_safe
@creator_page
def works(request: HttpRequest, organization: Organization) -> HttpResponse:
    page = Paginator(works_of(organization), _PAGE).get_page(request.GET.get("page"))
    lines = [
        {"work": line.work, "said": line.said, "name": name_of(line.said.preferences if line.said else {})}
        for line in with_what_is_said(page.object_list)
    ]
    return render(request, "web/works.html", {"page": page, "lines": lines})


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def new_work(request: HttpRequest, organization: Organization) -> HttpResponse:
    """The form, and the registration of what it brings; refused, it comes back as it was filled in."""
    if request.method != "POST":
        return render(request, "web/new_work.html", {"form": RegistrationForm()})
    form = RegistrationForm(request.POST, request.FILES)
    status = 422
    if form.is_valid():
        try:
            declared = register(
                organization=organization,
                title=form.cleaned_data["title"],
                picture=form.cleaned_data["picture"].read(),
                preferences=form.preferences(),
                terms_url=form.terms(),
            )
        except HoldoutError as error:
            form.add_error("picture" if isinstance(error, UnreadablePicture) else None, refusal_words(error))
            status = error.http_status
        else:
            return _to_work(request, declared, _("Registered. Your receipt is below."))
    return render(request, "web/new_work.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def all_works(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Say the same of everything that is registered."""
    form = AllWorksForm(request.POST or None)
    status = 200
    if request.method == "POST":
        if form.is_valid():
            done = say_of_all(
                organization=organization,
                preferences=form.preferences(),
                terms_url=form.terms(),
                starts_at=form.starts_at(),
            )
            if done.later:
                words = _("It will be said of %(count)s works.") % {"count": done.later}
            else:
                words = _("Said of %(count)s works.") % {"count": done.said}
            messages.success(request, words)
            return redirect("works")
        status = 422
    context = {"form": form, "count": works_of(organization).count()}
    return render(request, "web/all_works.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def work(request: HttpRequest, organization: Organization, work_id: str) -> HttpResponse:
    """One work; POST says something else about it."""
    shown = work_of(organization, work_id)
    if request.method != "POST":
        return _work_page(request, shown)
    form = WorkForm(request.POST)
    if not form.is_valid():
        return _work_page(request, shown, form=form, status=422)
    if starts_at := form.starts_at():
        said, terms = form.preferences(), form.terms()
        say_later(work=shown, preferences=said, terms_url=terms, starts_at=starts_at)
        messages.success(request, _("Kept. It begins on %(day)s.") % {"day": starts_at.date().isoformat()})
        return redirect("work", work_id=work_id)
    declared = say(work=shown, preferences=form.preferences(), terms_url=form.terms())
    return _to_work(request, declared, _("Your new statement replaces the one before."))


@require_POST
@creator_page
def keep(request: HttpRequest, organization: Organization, work_id: str) -> HttpResponse:
    """What was to be said of a work later is not said."""
    forget([work_of(organization, work_id)])
    messages.success(request, _("What you say now goes on."))
    return redirect("work", work_id=work_id)


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def withdrawal(request: HttpRequest, organization: Organization, work_id: str) -> HttpResponse:
    """Asks whether to withdraw; POST does it. Both need a recent proof of who it is."""
    shown = work_of(organization, work_id)
    if elsewhere := way_to_prove_again(request):
        return elsewhere
    if request.method != "POST":
        return render(request, "web/withdraw.html", {"work": shown})
    return _to_work(request, take_back(work=shown), _("Withdrawn. Nothing is said about this work any more."))


@require_safe
@creator_page
def receipt(
    _request: HttpRequest, organization: Organization, work_id: str, record_id: str | None = None
) -> HttpResponse:
    """A receipt of the work as a JSON file: of what is said now, or of the named record."""
    body = receipt_of(work_of(organization, work_id), record_id)
    name = f"holdout-receipt-{body['entry']['index']}.json"
    return JsonResponse(
        body,
        json_dumps_params={"indent": 2, "ensure_ascii": False},
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _work_page(
    request: HttpRequest, shown: Work, *, form: WorkForm | None = None, status: int = 200
) -> HttpResponse:
    details = details_of(shown)
    said = details.said.preferences if details.said else {}
    terms = {"terms_url": details.said.statement.terms_url} if details.said else {}
    later = intention_of(shown)
    context = {
        "details": details,
        "name": name_of(said),
        "lines": said_lines(said),
        "proof": proof_words(details.proven.level),
        "number": _number(details.history),
        "preset": preset_of(said) or "",
        "history": [(line, name_of(line.preferences)) for line in details.history],
        "badge": request.build_absolute_uri(reverse("badge_work", args=[shown.public_id])) + "?",
        "badge_languages": PAGE_LANGUAGES,
        "later": later,
        "later_name": name_of(later.said()) if later else "",
        "form": form or WorkForm(said=said, initial=terms),
    }
    return render(request, "web/work.html", context, status=status)


def _number(history: list[LoggedStatement]) -> str:
    """The registration number of what was first said of a work; empty while that waits for the log."""
    first = history[-1] if history else None
    return "" if first is None or first.index is None else registration_number(first.statement.public_id)


def _to_work(request: HttpRequest, declared: Declared, done: str) -> HttpResponse:
    waiting = _("Stored. It waits for its place in the log; look again in a moment.")
    messages.success(request, done if declared.logged else waiting)
    return redirect("work", work_id=declared.work.public_id)
