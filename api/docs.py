"""The OpenAPI document, and the page on which a person tries it."""

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from api import openapi


@require_safe
def document(_request: HttpRequest) -> HttpResponse:
    """The document as YAML."""
    return HttpResponse(
        openapi.document(),
        content_type="application/yaml",
        headers={"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"},
    )


@require_safe
@csp_update({"img-src": ["data:"]})  # Swagger UI's icons stand in its style sheet
def page(request: HttpRequest) -> HttpResponse:
    """Swagger UI from our own static files."""
    return render(request, "api/docs.html")
