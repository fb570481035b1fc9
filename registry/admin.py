"""The staff area's tables of declarants, works, files, places and proofs.

A work's title is for its creator alone, and fingerprints are for the matching: neither is shown.
"""

from django.contrib import admin

from accounts.desk import Desk, organization_filter
from registry.models import Asset, Authorization, Declarant, Locator, Work


@admin.register(Declarant)
class DeclarantDesk(Desk):
    list_display = ("public_id", "organization", "created_at")
    list_select_related = ("organization",)
    list_filter = (organization_filter("organization__public_id"),)
    search_fields = ("=public_id",)
    fields = ("public_id", "organization", "name", "created_at")


@admin.register(Work)
class WorkDesk(Desk):
    list_display = ("public_id", "organization", "declarant", "created_at")
    list_select_related = ("organization", "declarant")
    list_filter = (organization_filter("organization__public_id"),)
    search_fields = ("=public_id",)
    fields = ("public_id", "organization", "declarant", "created_at")


@admin.register(Asset)
class AssetDesk(Desk):
    list_display = ("public_id", "work", "state", "refusal_code", "created_at")
    list_select_related = ("work",)
    list_filter = (organization_filter("work__organization__public_id"), "state")
    search_fields = ("=public_id", "=work__public_id")
    fields = (
        *("public_id", "work", "state", "refusal_code", "refusal_detail", "width", "height", "created_at"),
    )


@admin.register(Locator)
class LocatorDesk(Desk):
    list_display = ("public_id", "declarant", "kind", "key", "created_at")
    list_select_related = ("declarant",)
    list_filter = (organization_filter("declarant__organization__public_id"), "kind")
    search_fields = ("=public_id", "=declarant__public_id")
    fields = ("public_id", "declarant", "work", "kind", "target", "key", "created_at")


@admin.register(Authorization)
class AuthorizationDesk(Desk):
    list_display = ("public_id", "declarant", "level", "method", "asset", "locator", "created_at")
    list_select_related = ("declarant", "asset", "locator")
    list_filter = (organization_filter("declarant__organization__public_id"), "level")
    search_fields = ("=public_id", "=declarant__public_id")
    fields = ("public_id", "declarant", "level", "method", "asset", "locator", "created_at")
