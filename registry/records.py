"""What the log commits to about files, what they look like, and proofs."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from accounts.models import Organization
from registry.models import Asset, Authorization, Lapse, Locator, Mandate, Standing, Work


def asset_record(asset: Asset, fingerprints: Mapping[str, bytes], *, looks: bytes | None) -> dict[str, Any]:
    """A file's registration: its log index is the file's priority date.

    Of the looks (`Looks.value`), which may be erased, only the digest is committed to; a file that was never
    seen has none.
    """
    return {
        "asset": asset.public_id,
        "work": asset.work.public_id,
        "declarant": asset.work.declarant.public_id,
        "fingerprints": {algorithm: value.hex() for algorithm, value in fingerprints.items()},
        **({} if looks is None else {"looks": {"sha256": sha256(looks).hexdigest()}}),
    }


def standing_record(standing: Standing) -> dict[str, Any]:
    """What a file's looks may lead to from now on, and why."""
    return {
        "standing": standing.public_id,
        "asset": standing.asset.public_id,
        "word": standing.standing,
        "reason": standing.reason,
    }


def authorization_record(proof: Authorization) -> dict[str, Any]:
    """A declarant's proof of control of a file or a place."""
    subject = proof.asset or proof.locator
    return {
        "authorization": proof.public_id,
        "declarant": proof.declarant.public_id,
        "subject": None if subject is None else subject.public_id,
        "level": proof.level,
        "method": proof.method,
        **({"rests_on": proof.rests_on.public_id} if proof.rests_on else {}),
    }


def lapse_record(lapse: Lapse) -> dict[str, Any]:
    """The end of a proof, and of those that rest on it."""
    return {"lapse": lapse.public_id, "authorization": lapse.authorization.public_id, "reason": lapse.reason}


def places_record(registration: str, work: Work, places: Iterable[Locator]) -> dict[str, Any]:
    """Places where a work is found, added by its declarant."""
    return {
        "registration": registration,
        "work": work.public_id,
        "declarant": work.declarant.public_id,
        "keys": sorted(place.key for place in places),
    }


def mandate_record(mandate: Mandate) -> dict[str, Any]:
    """That an organisation speaks for a declarant, and on which consent; not for whom, by any name."""
    return {
        "mandate": mandate.public_id,
        "organization": mandate.organization.public_id,
        "declarant": mandate.declarant.public_id,
        "consent": mandate.consent,
        "kinds": sorted(mandate.kinds),
        "expires_at": mandate.expires_at.isoformat(),
    }


def mandate_end_record(record_id: str, mandate: Mandate) -> dict[str, Any]:
    """From now on nothing new is said under a mandate."""
    return {"end": record_id, "mandate": mandate.public_id, "why": mandate.why}


def handover_record(record_id: str, mandate: Mandate, *, to: Organization) -> dict[str, Any]:
    """From now on a declarant speaks through another organisation."""
    return {
        "handover": record_id,
        "mandate": mandate.public_id,
        "declarant": mandate.declarant.public_id,
        "from": mandate.organization.public_id,
        "to": to.public_id,
    }
