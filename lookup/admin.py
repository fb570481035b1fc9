"""The staff area's tables of bulk jobs and their receipts."""

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.desk import Desk, organization_filter
from accounts.services import record
from lookup.models import LookupJob, LookupReceipt
from lookup.services import cancel_job


@admin.register(LookupJob)
class LookupJobDesk(Desk):
    list_display = ("public_id", "organization", "state", "rows", "error_code", "created_at", "finished_at")
    list_select_related = ("organization",)
    list_filter = (organization_filter("organization__public_id"), "state")
    search_fields = ("=public_id",)
    fields = (
        *("public_id", "organization", "state", "upload_format", "upload_bytes", "url_column"),
        *("sha256_column", "rows", "error_code", "error_detail", "created_at", "finished_at", "swept_at"),
    )
    actions = ("cancel",)
    refusals = {"job_ended": _("The job has ended already.")}

    @admin.action(description=_("Cancel the selected jobs"))
    def cancel(self, request: HttpRequest, rows: QuerySet[LookupJob]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("organization"),
            act=_cancel,
            question=_("Cancel these jobs? The vendor can resume them for a week."),
            done=_("cancelled"),
        )


def _cancel(job: LookupJob, by: Actor) -> None:
    with transaction.atomic():
        cancel_job(job=job)
        record(
            by=by,
            subject="job",
            action="cancelled",
            object_id=job.public_id,
            organization=job.organization,
        )


@admin.register(LookupReceipt)
class LookupReceiptDesk(Desk):
    list_display = ("public_id", "job", "created_at")
    list_select_related = ("job",)
    list_filter = (organization_filter("job__organization__public_id"),)
    search_fields = ("=public_id", "=job__public_id")
    fields = ("public_id", "job", "created_at")
