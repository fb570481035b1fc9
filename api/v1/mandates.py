"""`/v1/mandates`: that an organisation speaks for a person, and how that ends."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from django.http import HttpResponse, JsonResponse
from rest_framework.request import Request

from accounts.audit import program_of
from api.authentication import caller
from api.body import UnsupportedMediaType, media_type, read_body
from api.permissions import OfCreators
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from holdout.errors import InvalidInput
from registry.mandates import Consent, end_mandate, give_mandate, handover_code, mandate_of
from registry.models import Mandate, SubjectKind

_MAX_BYTES: Final = 64 * 1024
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Consent(msgspec.Struct, forbid_unknown_fields=True):
    at: _Time
    how: str
    text_sha256: str = ""
    url: str = ""


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    reference: str
    consent: _Consent
    expires_at: _Time
    kinds: list[str] | None = None


class MandatesView(MeteredView):
    """Give a mandate."""

    permission_classes = (OfCreators,)
    quotas = {"POST": QuotaName.CALLS}

    @operations.give_mandate
    def post(self, request: Request) -> HttpResponse:
        if media_type(request) != "application/json":
            raise UnsupportedMediaType("not_json", "Send application/json.")
        asked = _read(read_body(request, max_bytes=_MAX_BYTES))
        mandate = give_mandate(
            organization=caller(request),
            reference=asked.reference,
            consent=Consent(**msgspec.structs.asdict(asked.consent)),
            kinds=_kinds(asked.kinds),
            expires_at=asked.expires_at,
            by=program_of(request._request),
            now=datetime.now(UTC),
        )
        location = f"/v1/mandates/{mandate.public_id}"
        return JsonResponse(_mandate_json(mandate), status=201, headers={"Location": location})


class MandateView(MeteredView):
    """One mandate."""

    permission_classes = (OfCreators,)
    quotas = {"GET": QuotaName.CALLS}

    @operations.mandate
    def get(self, request: Request, mandate_id: str) -> HttpResponse:
        return JsonResponse(_mandate_json(mandate_of(caller(request), mandate_id)))


class MandateEndView(MeteredView):
    """End a mandate; what was said under it stands."""

    permission_classes = (OfCreators,)
    quotas = {"POST": QuotaName.CALLS}

    @operations.end_mandate
    def post(self, request: Request, mandate_id: str) -> HttpResponse:
        ended = end_mandate(
            mandate=mandate_of(caller(request), mandate_id),
            by=program_of(request._request),
            now=datetime.now(UTC),
        )
        return JsonResponse(_mandate_json(ended))


class HandoverView(MeteredView):
    """A code with which the person takes over."""

    permission_classes = (OfCreators,)
    quotas = {"POST": QuotaName.CALLS}

    @operations.hand_over
    def post(self, request: Request, mandate_id: str) -> HttpResponse:
        mandate = mandate_of(caller(request), mandate_id)
        by = program_of(request._request)
        code, until = handover_code(mandate=mandate, by=by, now=datetime.now(UTC))
        return JsonResponse({"code": code, "expires_at": until.isoformat()}, status=201)


def _read(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("body_malformed", f"This is no mandate as it is described: {error}.") from error


def _kinds(given: list[str] | None) -> list[SubjectKind]:
    if given is None:
        return list(SubjectKind)
    if not given or set(given) - set(SubjectKind.values):
        raise InvalidInput("kind_unknown", f"Name any of {', '.join(SubjectKind.values)}.")
    return [SubjectKind(kind) for kind in dict.fromkeys(given)]


def _state(mandate: Mandate) -> str:
    if mandate.ended_at is not None:
        return "ended"
    return "expired" if mandate.expires_at <= datetime.now(UTC) else "open"


def _mandate_json(mandate: Mandate) -> dict[str, Any]:
    return {
        "id": mandate.public_id,
        "reference": mandate.reference,
        "state": _state(mandate),
        "kinds": mandate.kinds,
        "consent": mandate.consent,
        "created_at": mandate.created_at.isoformat(),
        "expires_at": mandate.expires_at.isoformat(),
        "ended_at": mandate.ended_at and mandate.ended_at.isoformat(),
    }
