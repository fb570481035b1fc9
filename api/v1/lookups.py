"""`POST /v1/lookups`: answers now."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from api.admission import computing
from api.authentication import caller
from api.body import UnsupportedMediaType, media_type, read_body
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from api.v1.verdicts import all_json, hits_json
from holdout.errors import InvalidInput
from lookup.batch import Batch
from lookup.decisions import decide
from lookup.engine import look_up, verdicts_of
from lookup.hits import hits_of, store_hits
from lookup.parsing import Limits, parse_json, parse_lines, parse_ndjson, parse_packed

_READERS: Final[Mapping[str, Callable[[bytes, Limits], Batch]]] = {
    "application/json": parse_json,
    "application/x-ndjson": parse_ndjson,
    "text/plain": parse_lines,
    "application/vnd.holdout.keys": parse_packed,
}


class Answers(StrEnum):
    """Which rows are answered for: every one, or only those about which there is something to say."""

    ALL = "all"
    HITS = "hits"


class LookupsView(MeteredView):
    """Screen up to 10,000 pictures by URL, file digest, perceptual code, fingerprints, bytes, or any mix."""

    permission_classes = (OfVendors,)

    @operations.look_up
    def post(self, request: Request) -> HttpResponse:
        read = _READERS.get(media_type(request))
        if read is None:
            raise UnsupportedMediaType("upload_format_unknown", f"Send one of {', '.join(_READERS)}.")
        wanted = _answers_wanted(request)
        body = read_body(request, max_bytes=settings.HOLDOUT_LOOKUP_MAX_BYTES)
        with computing:
            batch = read(body, self._limits(request, packed=read is parse_packed))
            answered = msgspec.json.encode(_answer(batch, wanted, request))
        return HttpResponse(answered, content_type="application/json")

    def _limits(self, request: Request, *, packed: bool) -> Limits:
        return Limits(
            queries=settings.HOLDOUT_LOOKUP_MAX_PACKED if packed else settings.HOLDOUT_LOOKUP_MAX_QUERIES,
            pictures=settings.HOLDOUT_LOOKUP_MAX_PICTURES,
            fingerprints=settings.HOLDOUT_LOOKUP_MAX_FINGERPRINTS,
            admit=lambda queries: self.spend(request, QuotaName.LOOKUPS, cost=queries),
        )


def _answers_wanted(request: Request) -> Answers:
    given = request.GET.get("answers", Answers.ALL)
    if request.GET.keys() - {"answers"} or given not in list(Answers):
        raise InvalidInput("parameter_unknown", f"Give answers={' or '.join(Answers)}, or nothing.")
    return Answers(given)


def _answer(batch: Batch, wanted: Answers, request: Request) -> dict[str, Any]:
    looked = look_up(batch, vendor=caller(request).public_id)
    store_hits(caller(request), hits_of(looked, decide(looked.lines)))
    if wanted is Answers.HITS:
        return hits_json(batch, looked, decide(looked.lines, looked.signals, looked.granted))
    return all_json(looked, verdicts_of(batch, looked))
