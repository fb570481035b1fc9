"""The v1 table."""

from django.urls import path

from api.v1.jobs import JobReceiptView, JobResultView, JobsView, JobView
from api.v1.lookups import LookupsView
from api.v1.status import StatusView

urlpatterns = [
    path("lookups", LookupsView.as_view()),
    path("status", StatusView.as_view()),
    path("jobs", JobsView.as_view()),
    path("jobs/<str:job_id>", JobView.as_view()),
    path("jobs/<str:job_id>/result", JobResultView.as_view()),
    path("jobs/<str:job_id>/receipt", JobReceiptView.as_view()),
]
