"""The v1 table."""

from django.urls import path, register_converter

from api.v1.confirm import ConfirmView
from api.v1.contacts import ContactsView
from api.v1.doctor import DoctorView
from api.v1.grants import GrantsView
from api.v1.jobs import JobReceiptView, JobResultView, JobResumeView, JobsView, JobView
from api.v1.kit import KitView
from api.v1.lookups import LookupsView
from api.v1.mandates import HandoverView, MandateEndView, MandatesView, MandateView
from api.v1.registrations import RegistrationsView
from api.v1.snapshots import SnapshotDeltaView, SnapshotsView, SnapshotView
from api.v1.status import StatusView


class JobId:
    """A job's id as `holdout.ids` makes it: no other text, such as one with a NUL, gets to the database."""

    regex = "job_[a-z2-7]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class MandateId:
    """A mandate's id as `holdout.ids` makes it."""

    regex = "mnd_[a-z2-7]{26}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class Version:
    """A version of the snapshot; a longer number would not fit into the database."""

    regex = "[0-9]{1,12}"

    def to_python(self, value: str) -> int:
        return int(value)

    def to_url(self, value: int) -> str:
        return str(value)


register_converter(JobId, "job_id")
register_converter(MandateId, "mandate_id")
register_converter(Version, "version")

urlpatterns = [
    path("lookups", LookupsView.as_view()),
    path("confirm", ConfirmView.as_view()),
    path("snapshots", SnapshotsView.as_view()),
    path("snapshots/<version:version>", SnapshotView.as_view()),
    path("snapshots/<version:version>/delta", SnapshotDeltaView.as_view()),
    path("status", StatusView.as_view()),
    path("kit", KitView.as_view()),
    path("doctor", DoctorView.as_view()),
    path("jobs", JobsView.as_view()),
    path("jobs/<job_id:job_id>", JobView.as_view()),
    path("jobs/<job_id:job_id>/resume", JobResumeView.as_view()),
    path("jobs/<job_id:job_id>/result", JobResultView.as_view()),
    path("jobs/<job_id:job_id>/receipt", JobReceiptView.as_view()),
    path("mandates", MandatesView.as_view()),
    path("mandates/<mandate_id:mandate_id>", MandateView.as_view()),
    path("mandates/<mandate_id:mandate_id>/end", MandateEndView.as_view()),
    path("mandates/<mandate_id:mandate_id>/handover", HandoverView.as_view()),
    path("registrations", RegistrationsView.as_view()),
    path("grants", GrantsView.as_view()),
    path("contacts", ContactsView.as_view()),
]
