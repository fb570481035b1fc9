"""The v1 table."""

from django.urls import path, register_converter

from api.v1.jobs import JobReceiptView, JobResultView, JobsView, JobView
from api.v1.lookups import LookupsView
from api.v1.status import StatusView


class JobId:
    """A job's id as `holdout.ids` makes it: no other text, such as one with a NUL, gets to the database."""

    regex = "job_[a-z2-7]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(JobId, "job_id")

urlpatterns = [
    path("lookups", LookupsView.as_view()),
    path("status", StatusView.as_view()),
    path("jobs", JobsView.as_view()),
    path("jobs/<job_id:job_id>", JobView.as_view()),
    path("jobs/<job_id:job_id>/result", JobResultView.as_view()),
    path("jobs/<job_id:job_id>/receipt", JobReceiptView.as_view()),
]
