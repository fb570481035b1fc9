"""`POST /v1/contacts`: write to whoever said that one should ask first, without learning who it is."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from django.http import HttpResponse, JsonResponse
from rest_framework.request import Request

from api.authentication import caller
from api.body import UnsupportedMediaType, media_type, read_body
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from holdout.errors import InvalidInput
from lookup.inquiries import write_about

_MAX_BYTES: Final = 64 * 1024


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    statement: str
    message: str
    reply_to: str


class ContactsView(MeteredView):
    """Write to a declarant. Whether anybody reads it is not told."""

    permission_classes = (OfVendors,)
    quotas = {"POST": QuotaName.CALLS}

    @operations.contact
    def post(self, request: Request) -> HttpResponse:
        if media_type(request) != "application/json":
            raise UnsupportedMediaType("not_json", "Send application/json.")
        asked = _read(read_body(request, max_bytes=_MAX_BYTES))
        inquiry = write_about(
            vendor=caller(request),
            statement=asked.statement,
            message=asked.message,
            reply_to=asked.reply_to,
            now=datetime.now(UTC),
        )
        return JsonResponse({"id": inquiry.public_id}, status=202)


def _read(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("body_malformed", f"This is no message as it is described: {error}.") from error
