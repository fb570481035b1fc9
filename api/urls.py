"""Everything that programs call."""

from django.urls import include, path

from api import docs, health, keys
from api.compat.spawning import QueryUrlsView

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path(".well-known/holdout-keys.json", keys.keys),
    path("docs/api", docs.page, name="api_docs"),
    path("docs/openapi.yaml", docs.document, name="openapi"),
    path("v1/", include("api.v1.urls")),
    # Both: a redirect would turn their POST into a GET.
    path("api/v2/query/urls", QueryUrlsView.as_view()),
    path("api/v2/query/urls/", QueryUrlsView.as_view()),
]
