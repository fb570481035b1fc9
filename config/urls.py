"""The composition root of URLs."""

from django.urls import include, path

urlpatterns = [
    path("", include("api.urls")),
    path("", include("web.urls")),
]
handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
