"""Writing: permit one vendor something, and revoke it: one transaction each, with the record for the log."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from accounts.models import Organization
from accounts.queries import listed_vendors
from consent.models import Grant, Revocation
from consent.services import own_act_needed
from holdout.errors import Conflict, InvalidInput, NotFound, Unavailable
from holdout.vocabulary import UsageCategory
from ledger.models import Log
from ledger.services import append, wait_for_entry
from registry.models import Declarant
from registry.services import default_declarant

LONGEST: Final = timedelta(days=5 * 366)
MOST_STANDING: Final = 100
"""Grants of one organisation that nobody revoked and whose end has not come."""


def permit(
    *,
    organization: Organization,
    grantee: str,
    uses: Collection[UsageCategory],
    expires_at: datetime,
    now: datetime,
) -> bool:
    """Permit the vendor with the public id `grantee` these uses of all that `organization` itself says.

    One grant for each declarant for which it speaks; what it registered for others is not touched. Effective
    from their log indices on; returns whether they have them already. Raises `NotFound` (`vendor_unknown`),
    `InvalidInput` (`grant_without_uses`, `grant_too_long`, `grant_has_ended`) and `Conflict`
    (`too_many_grants`).
    """
    vendor = listed_vendors().filter(public_id=grantee).first()
    if vendor is None:
        raise NotFound("vendor_unknown", "No vendor with that id can be permitted something.")
    with transaction.atomic():
        default_declarant(organization=organization)  # locks the organisation: no two count at once
        standing = Grant.objects.filter(
            declarant__organization=organization, revocation=None, expires_at__gt=now
        )
        declarants = organization.declarants.filter(spoken_for=False).order_by("pk")
        if standing.count() + declarants.count() > MOST_STANDING:
            raise Conflict(
                "too_many_grants", f"At most {MOST_STANDING} permissions stand; revoke some first."
            )
        given = [
            give_grant(declarant=one, grantee=vendor, uses=uses, expires_at=expires_at, now=now)
            for one in declarants
        ]
    return _logged(grant.public_id for grant in given)


def take_back(*, grant: Grant) -> bool:
    """Revoke what was permitted; whether the log has it already."""
    return _logged([revoke(grant=grant).public_id])


def give_grant(
    *,
    declarant: Declarant,
    grantee: Organization,
    uses: Collection[UsageCategory],
    expires_at: datetime,
    now: datetime,
) -> Grant:
    """Permit `grantee` these uses of everything that `declarant` says.

    Raises `NotPermitted` (`own_act_needed`) for a declarant who is spoken for, `InvalidInput` as `permit`.
    """
    if declarant.spoken_for:
        raise own_act_needed()
    if not uses:
        raise InvalidInput("grant_without_uses", "Permit at least one use.")
    if expires_at <= now:
        raise InvalidInput("grant_has_ended", "Name a day that is still to come.")
    if expires_at > now + LONGEST:
        raise InvalidInput("grant_too_long", "Permit it for at most five years.")
    with transaction.atomic():
        grant = Grant.objects.create(
            declarant=declarant,
            grantee=grantee,
            uses=[use.value for use in UsageCategory if use in uses],
            expires_at=expires_at,
        )
        append(
            log=Log.DECLARATIONS,
            entry_type="grant",
            record_id=grant.public_id,
            record=_record(grant),
        )
    return grant


def revoke(*, grant: Grant) -> Revocation:
    """From its log index on the grant lifts nothing. Revoking twice changes nothing."""
    with transaction.atomic():
        Grant.objects.select_for_update().get(pk=grant.pk)
        revocation, new = Revocation.objects.get_or_create(grant=grant)
        if not new:
            return revocation
        append(
            log=Log.DECLARATIONS,
            entry_type="revocation",
            record_id=revocation.public_id,
            record={"revocation": revocation.public_id, "grant": grant.public_id},
        )
    return revocation


def _logged(record_ids: Iterable[str]) -> bool:
    try:
        for record_id in record_ids:
            wait_for_entry(record_id=record_id, timeout_seconds=settings.HOLDOUT_SEQUENCING_TIMEOUT_SECONDS)
    except Unavailable:
        # It is stored and will be logged: an error would only make the creator say it twice.
        return False
    return True


def _record(grant: Grant) -> dict[str, Any]:
    return {
        "grant": grant.public_id,
        "declarant": grant.declarant.public_id,
        "grantee": grant.grantee.public_id,
        "uses": grant.uses,
        "expires_at": grant.expires_at.isoformat(),
    }
