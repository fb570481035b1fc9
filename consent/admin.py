"""The staff area's tables of statements and grants. Nobody supersedes or revokes anything here."""

from django.contrib import admin
from django.contrib.admin.utils import label_for_field
from django.utils.translation import gettext_lazy as _

from accounts.desk import Desk, organization_filter
from consent.models import Grant, Revocation, Statement
from holdout.vocabulary import UsageCategory

_USES = tuple(use.value for use in UsageCategory)


@admin.register(Statement)
class StatementDesk(Desk):
    list_display = ("public_id", "declarant", "subject", "says", "created_at")
    list_select_related = ("declarant", "work", "locator")
    list_filter = (organization_filter("declarant__organization__public_id"), "vouched")
    search_fields = ("=public_id", "=declarant__public_id", "=work__public_id", "=locator__public_id")
    fields = (
        *("public_id", "declarant", "work", "locator", "supersedes", *_USES),
        *("terms_url", "vouched", "created_at"),
    )

    @admin.display(description=_("subject"))
    def subject(self, statement: Statement) -> str:
        return str(statement.work or statement.locator)

    @admin.display(description=_("says"))
    def says(self, statement: Statement) -> str:
        """Each answer with its uses; nothing for a withdrawal."""
        said: dict[str, list[str]] = {}
        for use in _USES:
            answer = getattr(statement, f"get_{use}_display")()
            said.setdefault(str(answer), []).append(str(label_for_field(use, Statement)))
        return "; ".join(f"{answer}: {', '.join(uses)}" for answer, uses in said.items() if answer)


@admin.register(Grant)
class GrantDesk(Desk):
    list_display = ("public_id", "declarant", "grantee", "uses", "expires_at", "created_at")
    list_select_related = ("declarant", "grantee")
    list_filter = (
        organization_filter("declarant__organization__public_id"),
        ("revocation", admin.EmptyFieldListFilter),
    )
    search_fields = ("=public_id", "=declarant__public_id", "=grantee__public_id")
    fields = ("public_id", "declarant", "grantee", "uses", "expires_at", "created_at")


@admin.register(Revocation)
class RevocationDesk(Desk):
    list_display = fields = ("public_id", "grant", "created_at")
    list_select_related = ("grant",)
    search_fields = ("=public_id", "=grant__public_id")
