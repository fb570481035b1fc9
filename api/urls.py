"""Everything that programs call."""

from django.urls import include, path

from api import health

urlpatterns = [
    path("livez", health.livez),
    path("readyz", health.readyz),
    path("v1/", include("api.v1.urls")),
]
