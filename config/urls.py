"""The composition root of URLs."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from config.metrics import metrics

urlpatterns = [
    path("metrics", metrics),
    path("staff/", admin.site.urls),
    path("", include("api.urls")),
    path("", include("web.urls")),
]
if settings.HOLDOUT_DEMO:
    urlpatterns.append(path("demo/", include("demo.urls")))
handler400 = "config.errors.bad_request"
handler404 = "config.errors.not_found"
handler500 = "config.errors.server_error"
