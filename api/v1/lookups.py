"""`POST /v1/lookups`: answers now."""

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from api.body import UnsupportedMediaType, media_type, stream_body
from api.v1.verdicts import as_of_json, verdict_json
from ledger.queries import head
from lookup.engine import answer
from lookup.parsing import parse_body


class LookupsView(APIView):
    """Screen up to 10,000 pictures by URL, file digest, perceptual code, bytes, or any mix of them."""

    def post(self, request: Request) -> HttpResponse:
        if media_type(request) != "application/json":
            raise UnsupportedMediaType("not_json", "Send application/json.")
        body = b"".join(stream_body(request, max_bytes=settings.HOLDOUT_LOOKUP_MAX_BYTES))
        queries = parse_body(
            body,
            max_queries=settings.HOLDOUT_LOOKUP_MAX_QUERIES,
            max_pictures=settings.HOLDOUT_LOOKUP_MAX_PICTURES,
        )
        as_of = head()
        verdicts = answer(queries, as_of=as_of)
        answered = {"as_of": as_of_json(as_of), "results": [verdict_json(v) for v in verdicts]}
        return HttpResponse(msgspec.json.encode(answered), content_type="application/json")
