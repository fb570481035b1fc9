"""`POST /v1/confirm`: what is said of all keys in some ranges, so that nobody learns which one was meant."""

from datetime import UTC, datetime
from typing import Final

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.admission import computing
from api.authentication import caller
from api.body import UnsupportedMediaType, media_type, read_body
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from api.v1.verdicts import as_of_json
from holdout.errors import InvalidInput
from lookup import published
from lookup.confirm import confirm, range_bits
from lookup.grants import Granted
from registry.read_index import current_view

_MAX_BYTES: Final = 64 * 1024


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    prefixes: list[str]
    bits: int


class ConfirmView(MeteredView):
    """For what a snapshot found; each prefix is charged as one lookup."""

    permission_classes = (OfVendors,)

    @operations.confirm
    def post(self, request: Request) -> HttpResponse:
        published.require_vetted(caller(request))
        if media_type(request) != "application/json":
            raise UnsupportedMediaType("not_json", "Send application/json.")
        asked = _read(read_body(request, max_bytes=_MAX_BYTES))
        self.spend(request, QuotaName.LOOKUPS, cost=max(1, len(asked.prefixes)))
        most_bits = range_bits(published.newest().prefixes)
        view = current_view()
        with computing:
            granted = Granted.to(caller(request).public_id, view=view, now=datetime.now(UTC))
            ranges = confirm(view, asked.prefixes, bits=asked.bits, most_bits=most_bits, granted=granted)
        answered = {
            "as_of": as_of_json(view.as_of),
            "index_version": view.version,
            "bits": asked.bits,
            "ranges": ranges,
        }
        return HttpResponse(msgspec.json.encode(answered), content_type="application/json")


def _read(body: bytes) -> _Asked:
    try:
        return msgspec.json.decode(body, type=_Asked)
    except (msgspec.DecodeError, RecursionError) as error:
        detail = f'Send {{"prefixes": [...], "bits": ...}} as JSON: {error}.'
        raise InvalidInput("body_malformed", detail) from error
