"""An organisation that speaks for a person: the mandate, its end, and handing over to the person.

A mandate and its end are records of the declarations log. What was said under it stands when it ends: a
restriction does not vanish by itself. By a hand-over the declarant, with all that is theirs, becomes the
person's, who says what they like from then on.
"""

import base64
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from django.db import IntegrityError, transaction

from accounts.audit import Actor
from accounts.models import Organization
from accounts.queries import may_vouch
from accounts.services import record
from holdout.errors import Conflict, InvalidInput, NotFound, NotPermitted
from holdout.ids import is_public_id, new_id
from holdout.urls import canonicalize
from ledger.models import Log
from ledger.services import append
from registry.models import Declarant, Mandate, SubjectKind, Work
from registry.records import handover_record, mandate_end_record, mandate_record

HANDOVER_LIVES: Final = timedelta(days=30)
HOW: Final = frozenset({"signed", "form", "in_person"})
"""How consent is given so that it counts: by an act of its own."""
_SHA256: Final = re.compile("[0-9a-f]{64}")
_LONGEST_REFERENCE: Final = 200


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to, when and how: a text by its digest, or the address at which it stands."""

    at: datetime
    how: str
    text_sha256: str = ""
    url: str = ""

    def as_json(self) -> dict[str, Any]:
        what = {"text_sha256": self.text_sha256} if self.text_sha256 else {}
        return what | ({"url": self.url} if self.url else {}) | {"at": self.at.isoformat(), "how": self.how}


def give_mandate(
    *,
    organization: Organization,
    reference: str,
    consent: Consent,
    kinds: Collection[SubjectKind] = tuple(SubjectKind),
    expires_at: datetime,
    by: Actor,
    now: datetime,
) -> Mandate:
    """Write down that a person lets `organization` speak for them; `reference` is its own name for them.

    Where an earlier mandate under that reference ended or expired, the same declarant is spoken for again.
    Raises `NotPermitted` (`may_not_vouch`), `InvalidInput` (`consent_not_explicit`, `consent_malformed`,
    `reference_malformed`, `mandate_expired`) and `Conflict` (`mandate_exists`).
    """
    require_voucher(organization)
    _refuse_consent(consent, now=now)
    if not (reference.strip() and reference.isprintable() and len(reference) <= _LONGEST_REFERENCE):
        raise InvalidInput("reference_malformed", "Give your own name for that user, in one line.")
    if expires_at <= now:
        raise InvalidInput("mandate_expired", "The mandate would have expired already.")
    try:
        with transaction.atomic():
            mandate = Mandate.objects.create(
                organization=organization,
                declarant=_declarant(organization, reference, now=now),
                reference=reference,
                consent=consent.as_json(),
                kinds=sorted(kinds),
                expires_at=expires_at,
            )
            append(
                log=Log.DECLARATIONS,
                entry_type="mandate",
                record_id=mandate.public_id,
                record=mandate_record(mandate),
            )
            _audit(mandate, "given", by)
    except IntegrityError as error:
        raise Conflict("mandate_exists", "A mandate under that reference holds; end it first.") from error
    return mandate


def _refuse_consent(consent: Consent, *, now: datetime) -> None:
    if consent.how not in HOW:
        raise InvalidInput(
            "consent_not_explicit",
            "Terms of service are no consent: it takes an act of its own (signed, form, in_person).",
        )
    named = bool(consent.text_sha256) != bool(consent.url)
    digest = not consent.text_sha256 or _SHA256.fullmatch(consent.text_sha256)
    if not (named and digest and consent.at <= now):
        raise InvalidInput(
            "consent_malformed",
            "Say what the person agreed to (text_sha256 or url), and when, which is not in the future.",
        )
    if consent.url:
        canonicalize(consent.url)


def _declarant(organization: Organization, reference: str, *, now: datetime) -> Declarant:
    """Who was spoken for under that reference before, if still here; else somebody new."""
    before = Mandate.objects.select_for_update(of=("self",)).select_related("declarant", "organization")
    last = before.filter(organization=organization, reference=reference).order_by("-pk").first()
    if last is None:
        return Declarant.objects.create(organization=organization, name=reference, spoken_for=True)
    if last.ended_at is None and last.expires_at <= now:
        _end(last, Mandate.Why.RENEWED, now=now)
    return last.declarant


def require_voucher(organization: Organization) -> None:
    """Raise `NotPermitted` (`may_not_vouch`) unless it may speak for others now."""
    if not may_vouch(organization):
        raise NotPermitted(
            "may_not_vouch", "Only platforms and societies that we have vetted speak for others."
        )


def mandate_of(organization: Organization, public_id: str) -> Mandate:
    """One of an organisation's mandates. Raises `NotFound` (`mandate_unknown`), also for another's."""
    mandates = Mandate.objects.select_related("organization", "declarant__organization")
    found = (
        mandates.filter(organization=organization, public_id=public_id) if is_public_id(public_id) else None
    )
    mandate = None if found is None else found.first()
    if mandate is None:
        raise NotFound("mandate_unknown", "You have no mandate with that id.")
    return mandate


def end_mandate(*, mandate: Mandate, by: Actor, now: datetime) -> Mandate:
    """From now on nothing new is said under it. Ending twice changes nothing. The mandate as it is then."""
    with transaction.atomic():
        locked = _locked(mandate)
        if locked.ended_at is None:
            _end(locked, Mandate.Why.ENDED, now=now)
            _audit(locked, "ended", by)
    return locked


def _end(mandate: Mandate, why: Mandate.Why, *, now: datetime) -> None:
    mandate.ended_at, mandate.why = now, why
    mandate.save(update_fields=["ended_at", "why"])
    ending = new_id("mne")
    append(
        log=Log.DECLARATIONS,
        entry_type="mandate_end",
        record_id=ending,
        record=mandate_end_record(ending, mandate),
    )


def holding(*, mandate: Mandate, kinds: Collection[SubjectKind], now: datetime) -> Mandate:
    """The mandate, locked so that it holds until the transaction ends, for subjects of these kinds.

    Raises `NotPermitted` (`may_not_vouch`, `mandate_ended`, `beyond_mandate`).
    """
    locked = _locked(mandate)
    require_voucher(locked.organization)
    if locked.ended_at is not None or locked.expires_at <= now:
        raise NotPermitted("mandate_ended", "This mandate has ended: nothing new can be said under it.")
    if beyond := sorted({kind.value for kind in kinds} - set(locked.kinds)):
        raise NotPermitted("beyond_mandate", f"This mandate does not reach {', '.join(beyond)}.")
    return locked


def handover_code(*, mandate: Mandate, by: Actor, now: datetime) -> tuple[str, datetime]:
    """A code with which the person takes over, and until when it is good. It cannot be had again.

    It replaces the one before. Of an ended mandate too: the person can always take over what was said.
    """
    code = base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
    with transaction.atomic():
        locked = _locked(mandate)
        locked.handover_digest, locked.handover_until = _digest(code), now + HANDOVER_LIVES
        locked.save(update_fields=["handover_digest", "handover_until"])
        _audit(locked, "handover_offered", by)
    return code, now + HANDOVER_LIVES


def hand_over(*, code: str, to: Organization, by: Actor, now: datetime) -> Declarant:
    """Make the declarant that a code stands for `to`'s own, with works, places and mandates.

    From then on what is said of them is `to`'s own act, and the organisation that spoke for them finds
    nothing of them. Raises `NotFound` (`handover_unknown`) for a wrong, spent or old code.
    """
    with transaction.atomic():
        offered = Mandate.objects.select_for_update(of=("self",)).filter(
            handover_digest=_digest(code), handover_until__gt=now
        )
        mandate = offered.select_related("organization", "declarant__organization").first()
        if mandate is None:
            raise NotFound("handover_unknown", "This code is wrong, was used, or is older than 30 days.")
        if mandate.ended_at is None:
            _end(mandate, Mandate.Why.HANDED_OVER, now=now)
        _log_handover(mandate, to)
        _audit(mandate, "handed_over", by, to=to.public_id)
        _move(mandate.declarant, to, now=now)
    mandate.declarant.refresh_from_db()
    return mandate.declarant


def _log_handover(mandate: Mandate, to: Organization) -> None:
    handover = new_id("hnd")
    append(
        log=Log.DECLARATIONS,
        entry_type="handover",
        record_id=handover,
        record=handover_record(handover, mandate, to=to),
    )


def _move(declarant: Declarant, to: Organization, *, now: datetime) -> None:
    """Every row that names the old organisation; places, proofs and statements name the declarant alone."""
    mandates = Mandate.objects.select_for_update().filter(declarant=declarant)
    for other in mandates.filter(ended_at=None):
        _end(other, Mandate.Why.HANDED_OVER, now=now)
    mandates.update(organization=to, handover_digest=None, handover_until=None)
    Work.objects.filter(declarant=declarant).update(organization=to)
    # The reference is what the old organisation calls its user, and nothing of the person's.
    Declarant.objects.filter(pk=declarant.pk).update(organization=to, name="", spoken_for=False)


def _locked(mandate: Mandate) -> Mandate:
    mandates = Mandate.objects.select_for_update(of=("self",))
    held = mandates.select_related("organization", "declarant__organization")
    found = held.filter(pk=mandate.pk, organization=mandate.organization_id).first()
    if found is None:  # handed over this very moment
        raise NotFound("mandate_unknown", "You have no mandate with that id.")
    return found


def _digest(code: str) -> bytes:
    """Case, blanks and dashes do not matter: people type it."""
    return sha256("".join(c for c in code.lower() if c.isalnum()).encode()).digest()


def _audit(mandate: Mandate, action: str, by: Actor, **details: str) -> None:
    record(
        by=by,
        subject="mandate",
        action=action,
        object_id=mandate.public_id,
        organization=mandate.organization,
        details=details,
    )
