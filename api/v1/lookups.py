"""`POST /v1/lookups`: answers now."""

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from api.body import UnsupportedMediaType, media_type, stream_body
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from api.v1.verdicts import as_of_json, verdict_json
from ledger.queries import head
from lookup.engine import answer
from lookup.parsing import parse_body


class LookupsView(MeteredView):
    """Screen up to 10,000 pictures by URL, file digest, perceptual code, bytes, or any mix of them."""

    @operations.look_up
    def post(self, request: Request) -> HttpResponse:
        if media_type(request) != "application/json":
            raise UnsupportedMediaType("not_json", "Send application/json.")
        body = b"".join(stream_body(request, max_bytes=settings.HOLDOUT_LOOKUP_MAX_BYTES))
        paid = _queries_in(body)
        self.spend(request, QuotaName.LOOKUPS, cost=paid)
        queries = parse_body(
            body,
            max_queries=settings.HOLDOUT_LOOKUP_MAX_QUERIES,
            max_pictures=settings.HOLDOUT_LOOKUP_MAX_PICTURES,
        )
        if len(queries) > paid:
            self.spend(request, QuotaName.LOOKUPS, cost=len(queries) - paid)
        as_of = head()
        verdicts = answer(queries, as_of=as_of)
        answered = {"as_of": as_of_json(as_of), "results": [verdict_json(v) for v in verdicts]}
        return HttpResponse(msgspec.json.encode(answered), content_type="application/json")


class _Counted(msgspec.Struct):
    queries: list[msgspec.Raw]


def _queries_in(body: bytes) -> int:
    """How many queries are paid for before any is looked at; 1 for what a strict decoder does not read."""
    try:
        return max(1, len(msgspec.json.decode(body, type=_Counted).queries))
    except (msgspec.DecodeError, RecursionError):
        return 1
