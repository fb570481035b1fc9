"""Everything that is kept about a person, for that person: one generator a section, in bounded blocks.

Times are UTC, digests hexadecimal, looks base64.
"""

import base64
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db.models import Model, QuerySet

from accounts.models import AuditEvent, ErasureRequest, Organization, User
from consent.models import Grant, Intention, Statement
from holdout.ids import id_bits
from holdout.vocabulary import UsageCategory
from ledger.queries import receipts
from lookup.inquiries import inquiries_to
from lookup.models import HitCount, Inquiry, NearHit
from registry.models import Asset, Authorization, Locator, Work

FORMAT: Final = "holdout-data/1"
_AT_ONCE: Final = 100

Row = TypeVar("Row", bound=Model)


def sections(user: User) -> Iterator[tuple[str, Any]]:
    """Names and values, in the order of the file; a value that is an iterator is to be written as a list."""
    # What several people keep together is not one's own: of that only that one acts there.
    own = Organization.objects.filter(memberships__user=user, shared=False)
    organizations = list(own.order_by("pk"))
    yield "account", _account(user)
    yield "organisations", (_organization(one) for one in organizations)
    yield "works", _works(organizations)
    yield "places", _places(organizations)
    yield "grants", _grants(organizations)
    yield "messages", (_message(inquiry) for one in organizations for inquiry in inquiries_to(one))
    yield "audit_events", map(_event, _in_blocks(AuditEvent.objects.filter(actor=user.pk)))


def _account(user: User) -> dict[str, Any]:
    return {
        "number": user.pk,
        "email": user.email,
        "addresses": [
            {"email": address.email, "confirmed": address.verified, "main": address.primary}
            for address in EmailAddress.objects.filter(user=user).order_by("pk")
        ],
        "signed_up_at": _time(user.date_joined),
        "last_signed_in_at": _time(user.last_login),
        "staff": user.is_staff,
        "second_factors": [
            {
                "kind": factor.type,
                "name": factor.data.get("name", ""),
                "added_at": _time(factor.created_at),
                "last_used_at": _time(factor.last_used_at),
            }
            for factor in Authenticator.objects.filter(user=user).order_by("pk")
        ],
        "acts_for": [
            {
                "id": membership.organization.public_id,
                "name": membership.organization.name,
                "role": membership.role,
                "since": _time(membership.created_at),
            }
            for membership in user.memberships.select_related("organization").order_by("pk")
        ],
        "requests_for_deletion": [
            {"kind": asked.kind, "state": asked.state, "asked_at": _time(asked.asked_at)}
            for asked in ErasureRequest.objects.filter(user=user).order_by("pk")
        ],
    }


def _organization(organization: Organization) -> dict[str, Any]:
    return {
        "id": organization.public_id,
        "name": organization.name,
        "side": organization.side,
        "created_at": _time(organization.created_at),
        "api_keys": [
            {
                "id": key.public_id,
                "name": key.name,
                "begins_with": key.hint,
                "created_at": _time(key.created_at),
                "revoked_at": _time(key.revoked_at),
            }
            for key in organization.api_keys.order_by("pk")
        ],
        "mandates": [
            {
                "id": mandate.public_id,
                "declarant": mandate.declarant.public_id,
                "called_there": mandate.reference,
                "consent": mandate.consent,
                "kinds": mandate.kinds,
                "created_at": _time(mandate.created_at),
                "ended_at": _time(mandate.ended_at),
            }
            for mandate in organization.mandates.select_related("declarant").order_by("pk")
        ],
        "declarants": [
            {"id": declarant.public_id, "name": declarant.name, "created_at": _time(declarant.created_at)}
            for declarant in organization.declarants.order_by("pk")
        ],
    }


_PLACE: Final[tuple[str, ...]] = ("authorizations", "observations")
_SAID: Final[tuple[str, ...]] = ("statements", "statements__declarant", "statements__supersedes", "intention")
_WORK: Final[tuple[str, ...]] = (
    *("assets__fingerprints", "assets__looks", "assets__authorizations", "assets__standings"),
    *("locators__authorizations", "locators__observations"),
)


def _works(organizations: Iterable[Organization]) -> Iterator[dict[str, Any]]:
    works = Work.objects.filter(organization__in=list(organizations)).select_related(
        "declarant", "organization"
    )
    yield from _with_proofs(works.prefetch_related(*_WORK, *_SAID), _work)


def _places(organizations: Iterable[Organization]) -> Iterator[dict[str, Any]]:
    """Those that stand for themselves; a work's places stand with the work."""
    places = Locator.objects.filter(work=None, declarant__organization__in=list(organizations))
    yield from _with_proofs(places.prefetch_related(*_PLACE, *_SAID), _own_place)


def _grants(organizations: Iterable[Organization]) -> Iterator[dict[str, Any]]:
    """What was permitted to whom."""
    given = Grant.objects.filter(declarant__organization__in=list(organizations))
    for block in _blocks(given.select_related("declarant", "grantee", "revocation")):
        revocations = {grant.pk: getattr(grant, "revocation", None) for grant in block}
        ids = [grant.public_id for grant in block]
        proofs = receipts([*ids, *(r.public_id for r in revocations.values() if r is not None)])
        for grant in block:
            revocation = revocations[grant.pk]
            records = [grant.public_id] if revocation is None else [grant.public_id, revocation.public_id]
            yield {
                "id": grant.public_id,
                "declarant": grant.declarant.public_id,
                "to": {"id": grant.grantee.public_id, "name": grant.grantee.name},
                "uses": grant.uses,
                "until": _time(grant.expires_at),
                "at": _time(grant.created_at),
                "revoked_at": None if revocation is None else _time(revocation.created_at),
                "receipts": [proofs[record] for record in records if record in proofs],
            }


def _message(inquiry: Inquiry) -> dict[str, Any]:
    return {
        "id": inquiry.public_id,
        "at": _time(inquiry.created_at),
        "organisation": inquiry.organization.name,
        "statement": inquiry.statement.public_id,
        "answer_to": inquiry.reply_to,
        "text": inquiry.message,
    }


def _with_proofs(
    subjects: QuerySet[Row], written: Callable[[Any], tuple[dict[str, Any], list[str]]]
) -> Iterator[dict[str, Any]]:
    """What is said, proven and asked of works or places: the queries of a block are the same however many."""
    for block in _blocks(subjects):
        lines = [written(subject) for subject in block]
        ids = [line["id"] for entry, _ in lines for line in entry["statements"]]
        proofs = receipts([record for _, records in lines for record in records])
        hits, copies = _hits(ids), _copies(ids)
        for entry, records in lines:
            said = [line["id"] for line in entry["statements"]]
            entry["who_asked"] = [hit for statement in said for hit in hits[statement]]
            entry["altered_copies"] = [copy for statement in said for copy in copies[statement]]
            entry["receipts"] = [proofs[record] for record in records if record in proofs]
            yield entry


def _work(work: Work) -> tuple[dict[str, Any], list[str]]:
    """What is written of a work, and the log records that are about it."""
    files, places, statements = work.assets.all(), work.locators.all(), work.statements.all()
    entry = {
        "id": work.public_id,
        "title": work.title,
        "organisation": work.organization.public_id,
        "declarant": work.declarant.public_id,
        "created_at": _time(work.created_at),
        "files": [_file(file) for file in files],
        "places": [_place(place) for place in places],
        "statements": [_statement(statement) for statement in statements],
        "later": _later(work),
    }
    records = [statement.public_id for statement in statements]
    for file in files:
        records += [file.public_id, *(row.public_id for row in file.authorizations.all())]
        records += [row.public_id for row in file.standings.all()]
    for place in places:
        records += [place.registration, *(row.public_id for row in place.authorizations.all())]
    return entry, list(dict.fromkeys(records))


def _own_place(place: Locator) -> tuple[dict[str, Any], list[str]]:
    statements = place.statements.all()
    said = [_statement(statement) for statement in statements]
    entry = {**_place(place), "statements": said, "later": _later(place)}
    return entry, [*(s.public_id for s in statements), *(p.public_id for p in place.authorizations.all())]


def _later(subject: Work | Locator) -> dict[str, Any] | None:
    intention: Intention | None = getattr(subject, "intention", None)
    if intention is None:
        return None
    return {
        "uses": intention.preferences,
        "terms_url": intention.terms_url,
        "starts_at": _time(intention.starts_at),
    }


def _file(file: Asset) -> dict[str, Any]:
    looks = getattr(file, "looks", None)
    return {
        "id": file.public_id,
        "state": file.state,
        "refusal": file.refusal_code,
        "width": file.width,
        "height": file.height,
        "created_at": _time(file.created_at),
        "fingerprints": {row.algorithm: bytes(row.value).hex() for row in file.fingerprints.all()},
        "looks": None if looks is None else base64.b64encode(looks.value).decode(),
        "proofs": [_proof(proof) for proof in file.authorizations.all()],
        "standings": [
            {"id": row.public_id, "standing": row.standing, "reason": row.reason, "at": _time(row.created_at)}
            for row in file.standings.all()
        ],
    }


def _place(place: Locator) -> dict[str, Any]:
    return {
        "id": place.public_id,
        "kind": place.kind,
        "address": place.target,
        "key": place.key,
        "created_at": _time(place.created_at),
        "proofs": [_proof(proof) for proof in place.authorizations.all()],
        "observations": [
            {"at": _time(row.created_at), "signals": row.signals, "missing": row.missing, "error": row.error}
            for row in place.observations.all()
        ],
    }


def _proof(proof: Authorization) -> dict[str, Any]:
    return {
        "id": proof.public_id,
        "level": f"L{proof.level}",
        "method": proof.method,
        "at": _time(proof.created_at),
    }


def _statement(statement: Statement) -> dict[str, Any]:
    return {
        "id": statement.public_id,
        "declarant": statement.declarant.public_id,
        "says": {use.value: said for use in UsageCategory if (said := getattr(statement, use.value))},
        "terms_url": statement.terms_url,
        "vouched": statement.vouched,
        "supersedes": statement.supersedes.public_id if statement.supersedes else None,
        "at": _time(statement.created_at),
    }


def _event(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.public_id,
        "at": _time(event.at),
        "what": event.what,
        "object": event.object_id,
        "network": event.network,
        "details": event.details,
    }


def _hits(statements: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Who was told of these statements, day by day."""
    names = {UUID(bytes=id_bits(statement)): statement for statement in statements}
    found = defaultdict(list)
    counts = HitCount.objects.filter(statement__in=names).select_related("organization")
    for hit in counts.order_by("day", "pk"):
        found[names[hit.statement]].append(
            {"day": hit.day.isoformat(), "organisation": hit.organization.name, "pictures": hit.rows}
        )
    return found


def _copies(statements: list[str]) -> dict[str, list[dict[str, Any]]]:
    names = {UUID(bytes=id_bits(statement)): statement for statement in statements}
    found = defaultdict(list)
    for hit in NearHit.objects.filter(statement__in=names).select_related("organization").order_by("pk"):
        found[names[hit.statement]].append(
            {
                "at": _time(hit.at),
                "organisation": hit.organization.name,
                "found_as": hit.method,
                "mirrored": hit.mirrored,
                "inverted": hit.inverted,
                "outline": hit.outline,
            }
        )
    return found


def _in_blocks(rows: QuerySet[Row]) -> Iterator[Row]:
    for block in _blocks(rows):
        yield from block


def _blocks(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """All of them, oldest first, a few at a time, without a cursor that stays open in between."""
    after = 0
    while block := list(rows.filter(pk__gt=after).order_by("pk")[:_AT_ONCE]):
        yield block
        after = block[-1].pk


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
