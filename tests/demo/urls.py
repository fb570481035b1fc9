"""The URLs as `config.settings.demo` has them."""

from django.urls import include, path

from config.urls import handler404
from config.urls import urlpatterns as product

__all__ = ["handler404", "urlpatterns"]
urlpatterns = [*product, path("demo/", include("demo.urls"))]
