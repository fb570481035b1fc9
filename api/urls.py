"""Everything that programs call."""

from django.urls import include, path

from api import docs, health

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("docs/api", docs.page, name="api_docs"),
    path("docs/openapi.yaml", docs.document, name="openapi"),
    path("v1/", include("api.v1.urls")),
]
