"""`POST /v1/registrations`: what an organisation says for a person who gave it a mandate."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from django.http import HttpResponse, JsonResponse
from rest_framework.request import Request

from api.authentication import caller
from api.body import UnsupportedMediaType, media_type, stream_body
from api.idempotency import once
from api.permissions import OfCreators
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from consent.vouching import Item, Vouched, register_for
from holdout.errors import HoldoutError, InvalidInput
from holdout.urls import MAX_URL_LENGTH
from holdout.vocabulary import Preferences, parse_preferences
from registry.mandates import mandate_of
from registry.models import SubjectKind

MAX_ITEMS: Final = 1_000
_MAX_BYTES: Final = 10 * 1024 * 1024


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    mandate: str
    items: list[Any]
    preset: str | None = None
    preferences: dict[str, str] | None = None


class RegistrationsView(MeteredView):
    """Say the same of many subjects of one person."""

    permission_classes = (OfCreators,)
    quotas = {"POST": QuotaName.JOBS}

    @operations.register
    def post(self, request: Request) -> HttpResponse:
        if media_type(request) != "application/json":
            raise UnsupportedMediaType("not_json", "Send application/json.")

        def register(body: Iterator[bytes]) -> HttpResponse:
            asked = _read(b"".join(body))
            mandate = mandate_of(caller(request), asked.mandate)
            items = [_item(given) for given in asked.items]
            sound = [item for item in items if isinstance(item, Item)]
            outcomes = iter(
                register_for(
                    mandate=mandate,
                    preferences=_preferences(asked),
                    items=sound,
                    now=datetime.now(UTC),
                )
            )
            results = [next(outcomes) if isinstance(item, Item) else item for item in items]
            return JsonResponse({"mandate": mandate.public_id, "results": [_json(r) for r in results]})

        body = stream_body(request, max_bytes=_MAX_BYTES)
        return once(request, body, register, undo=lambda: None)


def _read(body: bytes) -> _Asked:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput(
            "body_malformed", f"This is no registration as it is described: {error}."
        ) from error
    if not asked.items:
        raise InvalidInput("no_items", "Name at least one item.")
    if len(asked.items) > MAX_ITEMS:
        raise InvalidInput("too_many_items", f"Send at most {MAX_ITEMS} items a call.")
    return asked


def _preferences(asked: _Asked) -> Preferences:
    if (asked.preset is None) == (asked.preferences is None):
        raise InvalidInput("preferences_malformed", "Give either a preset or preferences.")
    return parse_preferences(asked.preset if asked.preferences is None else asked.preferences)


def _item(given: object) -> Item | HoldoutError:
    """An object with one key, which names a kind; what is none fails alone."""
    if isinstance(given, dict) and len(given) == 1:
        ((kind, target),) = given.items()
        sound = isinstance(target, str) and "\0" not in target and len(target) <= MAX_URL_LENGTH
        if kind in SubjectKind.values and sound:
            return Item(SubjectKind(kind), target)
    named = ", ".join(SubjectKind.values)
    return InvalidInput("item_malformed", f"Give an object with exactly one of {named}.")


def _json(result: Vouched | HoldoutError) -> dict[str, Any]:
    if isinstance(result, HoldoutError):
        return {"error": {"code": result.code, "detail": result.detail}}
    return {
        "id": result.subject.public_id,
        "statement": result.statement.public_id,
        "state": "known" if result.known else "registered",
    }
