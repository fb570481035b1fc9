"""Looking at declared places: what they said to machines on a day, as evidence, and whether it is still said.

Only places whose control is proven: nobody may send us to look at somebody else's.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery

from holdout.doctor.diagnosis import Diagnosis, as_json, diagnose
from holdout.doctor.visit import Round, go_round
from holdout.errors import HoldoutError
from holdout.receipts import sign_observation
from holdout.resolution import LEAST_ASSURANCE_TO_ALLOW
from holdout.signing import SigningKey
from holdout.urls import KeyKind
from holdout.vocabulary import Preference
from ledger.models import Log
from ledger.queries import receipt
from ledger.services import append
from registry.models import Locator, Observation
from registry.notices import tell

EVERY: Final = timedelta(days=7)
AGAIN: Final = timedelta(hours=6)
"""After a place could not be read."""
_KINDS: Final = [KeyKind.URL.value, KeyKind.PATH.value, KeyKind.HOST.value, KeyKind.DOMAIN.value]
_RESTRICTING: Final = frozenset({Preference.DENY, Preference.CONDITIONAL})

_WARNING: Final = """\
{place} no longer says to machines what it said before:

{missing}

If that was a mistake, put it in place again; the registry's kit has the lines.
Your registration stays as it is.

{place} 不再向机器作出以下声明：

{missing}

如果这不是您的本意，请重新设置；登记处的工具包中有相应的写法。
您的登记不受影响。
"""


def due(*, now: datetime, most: int) -> list[str]:
    """The public ids of proven places that are to be looked at again, those first that wait longest."""
    latest = Observation.objects.filter(locator=OuterRef("pk")).order_by("-created_at")
    places = Locator.objects.filter(
        kind__in=_KINDS, authorizations__level__gte=int(LEAST_ASSURANCE_TO_ALLOW)
    ).annotate(seen=Subquery(latest.values("created_at")[:1]), failed=Subquery(latest.values("error")[:1]))
    waiting = places.filter(
        Q(seen__isnull=True) | Q(seen__lt=now - EVERY) | (~Q(failed="") & Q(seen__lt=now - AGAIN))
    )
    return list(waiting.order_by("seen", "pk").values_list("public_id", flat=True).distinct()[:most])


def observe(*, locator_id: str) -> Observation | None:
    """Look at a place, keep what was seen, and warn its people of what is gone. None for an unknown place."""
    locator = Locator.objects.select_related("declarant").filter(public_id=locator_id).first()
    if locator is None:
        return None
    try:
        seen = go_round(_address(locator), contact=settings.HOLDOUT_CONTACT_URL)
    except HoldoutError as error:
        return Observation.objects.create(locator=locator, error=error.code)
    if unread := _unread(seen):
        # An outage is no word of the site: what stood there before neither stands nor is gone.
        return Observation.objects.create(locator=locator, error=unread)
    diagnosis = diagnose(seen, at=datetime.now(UTC))
    with transaction.atomic():
        # One at a time for a place, or two would both warn.
        Locator.objects.select_for_update().get(pk=locator.pk)
        observation = _kept(locator, diagnosis)
    if observation.missing:
        _warn(locator, observation)
    return observation


def _unread(seen: Round) -> str:
    """Why not all could be read that the host may say; empty where all could."""
    if seen.target.found is None and seen.target.status not in (404, 410):
        return f"status_{seen.target.status}"
    return next((visit.trouble for visit in (seen.robots, *seen.others) if visit.trouble), "")


def _address(locator: Locator) -> str:
    return locator.target if "://" in locator.target else f"https://{locator.target}"


def _kept(locator: Locator, diagnosis: Diagnosis) -> Observation:
    """The observation, and its record in line for the log."""
    said = sorted({(s.standard, s.source) for s in diagnosis.signals if _restricts(s.preferences)})
    before = _before(locator).first()
    gone = [pair for pair in (before.signals if before else []) if tuple(pair) not in said]
    observation = Observation.objects.create(
        locator=locator, signals=[list(pair) for pair in said], missing=gone
    )
    record = observation_record(observation, diagnosis)
    append(log=Log.DECLARATIONS, entry_type="observation", record_id=observation.public_id, record=record)
    key = SigningKey.from_text(settings.HOLDOUT_SNAPSHOT_SIGNING_KEY)
    observation.signature, observation.key = sign_observation(record, key), key.public.id
    observation.save(update_fields=["signature", "key"])
    return observation


def signed_observation(observation: Observation) -> dict[str, Any]:
    """What `holdout.receipts.verify_observation` checks. Raises `NotFound` (`not_in_log`) while it waits."""
    opening = receipt(observation.public_id)
    signature = {"key": observation.key, "ed25519": bytes(observation.signature or b"").hex()}
    return {"opening": opening, "signature": signature}


def _before(locator: Locator) -> QuerySet[Observation]:
    return locator.observations.filter(error="").order_by("-created_at", "-pk")


def _restricts(said: Any) -> bool:
    return bool(_RESTRICTING & set(said.values()))


def observation_record(observation: Observation, diagnosis: Diagnosis) -> dict[str, Any]:
    """What the log commits to: what was asked, and each signal's standard, place, digest and meaning."""
    seen = as_json(diagnosis)
    return {
        "observation": observation.public_id,
        "locator": observation.locator.public_id,
        **{name: seen[name] for name in ("url", "at", "kind", "asked", "uses", "access", "signals")},
    }


def _warn(locator: Locator, observation: Observation) -> None:
    missing = "\n".join(f"- {standard}: {place}" for standard, place in observation.missing)
    text = _WARNING.format(place=locator.target, missing=missing)
    tell(locator.declarant, subject="Holdout: a signal is gone / 声明已消失", text=text)
