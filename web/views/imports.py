"""Many addresses at once: hand them over, see how far it has come, take the report."""

import csv
from collections.abc import Iterator
from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Organization
from consent.imports import counts_of, import_list, import_of, import_sitemap, imports_of
from consent.models import Import
from holdout.errors import HoldoutError
from web.forms import ImportForm
from web.pages import creator_page
from web.refusals import refusal_words


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def new_import(request: HttpRequest, organization: Organization) -> HttpResponse:
    """The form, and the import that it starts; refused, it comes back as it was filled in."""
    form = ImportForm(request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                return redirect("import", import_id=_started(organization, form).public_id)
            except HoldoutError as error:
                form.add_error(None, refusal_words(error))
                status = error.http_status
    context = {"form": form, "imports": imports_of(organization)}
    return render(request, "web/new_import.html", context, status=status)


def _started(organization: Organization, form: ImportForm) -> Import:
    said, terms = form.preferences(), form.terms()
    if url := form.cleaned_data["sitemap"]:
        return import_sitemap(organization=organization, url=url, preferences=said, terms_url=terms)
    return import_list(
        organization=organization,
        octets=form.octets(),
        preferences=said,
        terms_url=terms,
        now=datetime.now(UTC),
    )


@require_safe
@creator_page
def shown(request: HttpRequest, organization: Organization, import_id: str) -> HttpResponse:
    """How far it has come; while it runs, the page comes again by itself."""
    job = _found(organization, import_id)
    refused = job.lines.filter(result="refused").order_by("number")[:20]
    lines = [(line, refusal_words(HoldoutError(line.code, line.code))) for line in refused]
    context = {"job": job, "counts": counts_of(job), "refused": lines}
    context["error"] = refusal_words(HoldoutError(job.error, job.error)) if job.error else ""
    return render(request, "web/import.html", context)


@require_safe
@creator_page
def report(_request: HttpRequest, organization: Organization, import_id: str) -> HttpResponseBase:
    """What came of each address, as CSV."""
    job = _found(organization, import_id)
    headers = {"Content-Disposition": f'attachment; filename="{job.public_id}.csv"'}
    return StreamingHttpResponse(_rows(job), content_type="text/csv; charset=utf-8", headers=headers)


def _rows(job: Import) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow(["line", "address", "result", "code"])
    for line in job.lines.order_by("number").iterator(chunk_size=2_000):
        # A spreadsheet must not take an address for a formula.
        address = f"'{line.target}" if line.target[:1] in "=+-@\t" else line.target
        yield writer.writerow([line.number, address, line.result, line.code])


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _found(organization: Organization, import_id: str) -> Import:
    job = import_of(organization, import_id)
    if job is None:
        raise Http404("You have no import with that id.")
    return job
