"""The demonstration's pages. `config.urls` includes them only where `HOLDOUT_DEMO` is on."""

from django.urls import path

from demo import views

urlpatterns = [
    path("", views.start, name="demo"),
    path("creator", views.as_creator, name="demo_creator"),
    path("vendor", views.as_vendor, name="demo_vendor"),
    path("staff", views.as_staff, name="demo_staff"),
    path("mail", views.mail, name="demo_mail"),
]
