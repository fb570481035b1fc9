"""The staff area's tables of people, organisations, keys and audit events."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor, Source, actor_of
from accounts.desk import Desk, organization_filter, typed_filter
from accounts.models import ApiKey, AuditEvent, Membership, Organization, User
from accounts.services import (
    let_vouch,
    list_vendor,
    record,
    revoke_key,
    stop_vouching,
    unlist_vendor,
    unvet_for_snapshots,
    vet_for_snapshots,
)


@admin.register(User)
class UserDesk(Desk):
    """People. The list shows no address; whoever opens a person leaves an audit event."""

    list_display = ("__str__", "is_staff", "is_active", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("=email",)
    search_help_text = _("The whole email address.")
    fields = ("email", "is_staff", "is_active", "date_joined", "last_login")

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        if response.status_code == 200:
            by = actor_of(request, Source.STAFF)
            record(by=by, subject="user", action="looked_at", object_id=f"user {unquote(object_id)}")
        return response


class Members(admin.TabularInline):  # type: ignore[type-arg] # as in accounts.desk
    model = Membership
    fields = readonly_fields = ("user", "role", "created_at")
    template = "admin/read_only_inline.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "organization")


@admin.register(Organization)
class OrganizationDesk(Desk):
    list_display = fields = (
        *("public_id", "name", "side", "shared"),
        *("may_fetch_snapshots", "may_vouch", "listed", "created_at"),
    )
    list_filter = ("side", "may_fetch_snapshots", "may_vouch", "listed")
    search_fields = ("=public_id", "name")
    inlines = (Members,)
    actions = ("vet", "unvet", "let_vouch", "stop_vouching", "list_vendor", "unlist_vendor")
    refusals = {
        "vendors_do_not_vouch": _("Who screens pictures does not speak for their creators."),
        "only_vendors_listed": _("Only who screens pictures can be permitted something."),
    }

    @admin.action(description=_("Let the selected organisations fetch snapshots"))
    def vet(self, request: HttpRequest, rows: QuerySet[Organization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows,
            act=_vet,
            question=_("Let these organisations fetch snapshots? With one they can test any address."),
            done=_("may fetch snapshots"),
        )

    @admin.action(description=_("Let the selected organisations fetch no more snapshots"))
    def unvet(self, request: HttpRequest, rows: QuerySet[Organization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows,
            act=_unvet,
            question=_("Refuse snapshots to these organisations? What they have ends within two days."),
            done=_("may not fetch snapshots"),
        )

    @admin.action(description=_("Let the selected organisations speak for their users"))
    def let_vouch(self, request: HttpRequest, rows: QuerySet[Organization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows,
            act=_let_vouch,
            question=_(
                "Let these organisations speak for people who gave them a mandate? See how they ask first."
            ),
            done=_("may vouch"),
        )

    @admin.action(description=_("Let the selected organisations speak for nobody any more"))
    def stop_vouching(self, request: HttpRequest, rows: QuerySet[Organization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows,
            act=_stop_vouching,
            question=_("Let these organisations say nothing new for others? What they said stands."),
            done=_("may not vouch"),
        )

    @admin.action(description=_("Let creators permit the selected organisations something"))
    def list_vendor(self, request: HttpRequest, rows: QuerySet[Organization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows,
            act=_list_vendor,
            question=_(
                "List these organisations for creators? Their names are shown to everybody signed in."
            ),
            done=_("is listed"),
        )

    @admin.action(description=_("List the selected organisations no more"))
    def unlist_vendor(self, request: HttpRequest, rows: QuerySet[Organization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows,
            act=_unlist_vendor,
            question=_(
                "Let nobody permit these organisations anything new? What they were permitted stands."
            ),
            done=_("is not listed"),
        )


def _vet(organization: Organization, by: Actor) -> None:
    vet_for_snapshots(organization=organization, by=by)


def _unvet(organization: Organization, by: Actor) -> None:
    unvet_for_snapshots(organization=organization, by=by)


def _let_vouch(organization: Organization, by: Actor) -> None:
    let_vouch(organization=organization, by=by)


def _stop_vouching(organization: Organization, by: Actor) -> None:
    stop_vouching(organization=organization, by=by)


def _list_vendor(organization: Organization, by: Actor) -> None:
    list_vendor(organization=organization, by=by)


def _unlist_vendor(organization: Organization, by: Actor) -> None:
    unlist_vendor(organization=organization, by=by)


@admin.register(ApiKey)
class ApiKeyDesk(Desk):
    list_display = ("public_id", "organization", "hint", "revoked_at", "created_at", "name")
    list_select_related = ("organization",)
    list_filter = (organization_filter("organization__public_id"), ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("=public_id", "=hint")
    fields = ("public_id", "organization", "name", "hint", "created_at", "revoked_at")
    actions = ("revoke",)

    @admin.action(description=_("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("organization"),
            act=_revoke,
            question=_("Revoke these keys? Programs that use them are refused at once."),
            done=_("revoked"),
        )


def _revoke(key: ApiKey, by: Actor) -> None:
    revoke_key(key=key, by=by)


@admin.register(AuditEvent)
class AuditEventDesk(Desk):
    list_display = ("when", "what", "actor", "object_id", "organization", "network")
    list_display_links = ("when",)
    list_filter = (
        organization_filter("organization"),
        typed_filter("user_number", "actor", heading=_("user number")),
    )
    search_fields = ("=object_id", "=public_id", "=request_id", "^what")
    search_help_text = _("An id, or how the event begins, such as staff:api_key.")
    fields: ClassVar = (
        *("public_id", "when", "what", "actor", "object_id", "organization"),
        *("request_id", "network", "details"),
    )

    @admin.display(description=_("at (UTC)"))
    def when(self, event: AuditEvent) -> str:
        return f"{event.at:%Y-%m-%d %H:%M:%S}"
