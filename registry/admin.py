"""The staff area's tables of declarants, works, files and their standing, places and proofs.

A work's title is for its creator alone, and fingerprints are for the matching: neither is shown.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor
from accounts.desk import Desk, organization_filter
from accounts.services import record
from registry.control import saw_code
from registry.models import (
    Asset,
    Authorization,
    Challenge,
    Declarant,
    Lapse,
    Locator,
    Mandate,
    Sample,
    Standing,
    Work,
)
from registry.samples import judge
from registry.services import set_standing
from registry.upkeep import lapse


@admin.register(Declarant)
class DeclarantDesk(Desk):
    list_display = ("public_id", "organization", "created_at")
    list_select_related = ("organization",)
    list_filter = (organization_filter("organization__public_id"),)
    search_fields = ("=public_id",)
    fields = ("public_id", "organization", "name", "spoken_for", "created_at")


@admin.register(Mandate)
class MandateDesk(Desk):
    """On which consent who speaks for whom; what an organisation calls its user is for it alone."""

    list_display = ("public_id", "organization", "declarant", "expires_at", "ended_at", "created_at")
    list_select_related = ("organization", "declarant")
    list_filter = (organization_filter("organization__public_id"), "why")
    search_fields = ("=public_id", "=declarant__public_id")
    fields = (
        *("public_id", "organization", "declarant", "consent", "kinds"),
        *("expires_at", "ended_at", "why", "created_at"),
    )


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
    actions = ("quarantine", "make_live", "make_gone")
    refusals = {"asset_not_registered": _("The fingerprints of that file were never taken.")}

    @admin.action(description=_("Quarantine the selected files: near copies are at most for review"))
    def quarantine(self, request: HttpRequest, rows: QuerySet[Asset]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("work__organization"),
            act=_making(Standing.Word.QUARANTINED),
            question=_("Quarantine these files? Near copies of them will be at most for review."),
            done=_("quarantined"),
        )

    @admin.action(description=_("Let near copies of the selected files count again"))
    def make_live(self, request: HttpRequest, rows: QuerySet[Asset]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("work__organization"),
            act=_making(Standing.Word.LIVE),
            question=_("Let near copies of these files count again? Rivals cannot undo it."),
            done=_("live"),
        )

    @admin.action(description=_("Find no near copies of the selected files any more"))
    def make_gone(self, request: HttpRequest, rows: QuerySet[Asset]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("work__organization"),
            act=_making(Standing.Word.GONE),
            question=_("Find no near copies of these files any more? The very files are still found."),
            done=_("gone"),
        )


def _making(word: Standing.Word) -> Callable[[Asset, Actor], None]:
    def act(asset: Asset, by: Actor) -> None:
        set_standing(asset=asset, standing=word, reason=Standing.Reason.STAFF, by=by)

    return act


@admin.register(Standing)
class StandingDesk(Desk):
    list_display = ("public_id", "asset", "standing", "reason", "created_at")
    list_select_related = ("asset",)
    list_filter = (organization_filter("asset__work__organization__public_id"), "standing", "reason")
    search_fields = ("=public_id", "=asset__public_id")
    fields = ("public_id", "asset", "standing", "reason", "created_at")


@admin.register(Locator)
class LocatorDesk(Desk):
    list_display = ("public_id", "declarant", "kind", "key", "created_at")
    list_select_related = ("declarant",)
    list_filter = (organization_filter("declarant__organization__public_id"), "kind")
    search_fields = ("=public_id", "=declarant__public_id")
    fields = ("public_id", "declarant", "work", "kind", "target", "key", "created_at")


@admin.register(Challenge)
class ChallengeDesk(Desk):
    """Accounts whose code waits for eyes: where programs of strangers are shown nothing, two people look."""

    list_display = ("public_id", "account", "code", "seen_by", "expires_at")
    list_select_related = ("locator__declarant",)
    search_fields = ("=public_id", "=code")
    fields = ("public_id", "account", "code", "seen_by", "expires_at", "created_at")
    readonly_fields = ("account", "seen_by")
    actions = ("see",)
    refusals = {
        "challenge_expired": _("This code is over a day old; there is a new one."),
        "already_seen": _("You confirmed this one already; a colleague must look too."),
        "not_by_eye": _("Only accounts on platforms are proven by eye."),
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Challenge]:
        rows: QuerySet[Challenge] = super().get_queryset(request)
        return rows.annotate(eyes=Count("sightings"))

    @admin.display(description=_("account"))
    def account(self, challenge: Challenge) -> str:
        return challenge.locator.target

    @admin.display(description=_("seen by"))
    def seen_by(self, challenge: Challenge) -> int:
        return int(getattr(challenge, "eyes", 0))

    @admin.action(description=_("I opened the profile, signed in there, and see exactly this code"))
    def see(self, request: HttpRequest, rows: QuerySet[Challenge]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("locator__declarant__organization"),
            act=_see,
            question=_("Did you see these codes with your own eyes, each in the profile that is named?"),
            done=_("seen"),
        )


def _see(challenge: Challenge, by: Actor) -> None:
    saw_code(challenge=challenge, by=by, now=datetime.now(UTC))


@admin.register(Sample)
class SampleDesk(Desk):
    """Addresses drawn from what is claimed without proof: does the claim seem to be the picture's maker's?"""

    list_display = ("public_id", "address", "declarant", "word", "created_at")
    list_select_related = ("locator__declarant",)
    list_filter = (organization_filter("locator__declarant__organization__public_id"), "word")
    search_fields = ("=public_id", "=locator__public_id", "=locator__declarant__public_id")
    fields = ("public_id", "address", "declarant", "word", "created_at")
    readonly_fields = ("address", "declarant")
    actions = ("fine", "doubtful")

    @admin.display(description=_("address"))
    def address(self, sample: Sample) -> str:
        return sample.locator.target

    @admin.display(description=_("declarant"))
    def declarant(self, sample: Sample) -> str:
        return sample.locator.declarant.public_id

    @admin.action(description=_("I looked: nothing speaks against it"))
    def fine(self, request: HttpRequest, rows: QuerySet[Sample]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("locator__declarant__organization"),
            act=_judging(Sample.Word.FINE),
            question=_("Does nothing speak against these claims?"),
            done=_("fine"),
        )

    @admin.action(description=_("I looked: it seems to be somebody else's"))
    def doubtful(self, request: HttpRequest, rows: QuerySet[Sample]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("locator__declarant__organization"),
            act=_judging(Sample.Word.DOUBTFUL),
            question=_(
                "Are these pictures somebody else's? Who claimed them adds no more addresses until they have "
                "proven a place. What they said stands."
            ),
            done=_("doubtful"),
        )


def _judging(word: Sample.Word) -> Callable[[Sample, Actor], None]:
    def act(sample: Sample, by: Actor) -> None:
        judge(sample, word=word, by=by)

    return act


@admin.register(Authorization)
class AuthorizationDesk(Desk):
    list_display = ("public_id", "declarant", "level", "method", "asset", "locator", "created_at")
    list_select_related = ("declarant", "asset", "locator")
    list_filter = (organization_filter("declarant__organization__public_id"), "level")
    search_fields = ("=public_id", "=declarant__public_id")
    fields = (
        *("public_id", "declarant", "level", "method", "asset", "locator", "rests_on"),
        *("where", "due_at", "missing_since", "created_at"),
    )
    actions = ("end",)

    @admin.action(description=_("End the selected proofs"))
    def end(self, request: HttpRequest, rows: QuerySet[Authorization]) -> TemplateResponse | None:
        return self.carry_out(
            request,
            rows.select_related("declarant__organization"),
            act=_end,
            question=_(
                "End these proofs? What was said on their strength has no effect until it is proven anew."
            ),
            done=_("ended"),
        )


def _end(proof: Authorization, by: Actor) -> None:
    with transaction.atomic():
        lapse(proof, reason=Lapse.Reason.STAFF)
        record(
            by=by,
            subject="authorization",
            action="ended",
            object_id=proof.public_id,
            organization=proof.declarant.organization,
        )
