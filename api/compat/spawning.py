"""Spawning's bulk query, as datadiligence 0.1.7 and Hugging Face's dataset-viewer send it.

`POST /api/v2/query/urls`, with or without the slash: a URL a line, any media type, `Authorization: API KEY`.
One `{"url", "optOut", "optIn"}` per line comes back in their order. These clients read null, and a missing
entry, as allowed, and give up a whole run at any status but 200 (docs/adr/0007): so every line is answered
true or false, and a line that could not be checked is an opt-out.
"""

from typing import Any, Final

import msgspec
import numpy as np
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request

from api.admission import computing
from api.authentication import ApiKeyAuthentication, caller
from api.body import read_body
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from holdout.verdicts import Outcome
from holdout.vocabulary import UsageCategory
from lookup.batch import Batch
from lookup.decisions import OUTCOMES, Decisions, decide
from lookup.engine import Looked, error_of, look_up
from lookup.hits import hits_of, store_hits
from lookup.parsing import Limits, parse_lines

_TRAINING: Final = (UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER)
_OPTS_OUT: Final = np.array(
    [
        any(uses[use] in (Outcome.DENY, Outcome.CONDITIONAL, Outcome.REVIEW) for use in _TRAINING)
        for uses in OUTCOMES
    ]
)
_OPTS_IN: Final = np.array([all(uses[use] is Outcome.ALLOW for use in _TRAINING) for uses in OUTCOMES])


class SpawningKeyAuthentication(ApiKeyAuthentication):
    """`Authorization: API ho_live_...`"""

    scheme = b"api"


class QueryUrlsView(MeteredView):
    """The query door of Spawning's API."""

    authentication_classes = (SpawningKeyAuthentication,)
    permission_classes = (OfVendors,)

    @extend_schema(exclude=True)
    def post(self, request: Request) -> HttpResponse:
        body = read_body(request, max_bytes=settings.HOLDOUT_LOOKUP_MAX_BYTES)
        with computing:
            batch = parse_lines(body + b"\n", self._limits(request))  # here a last empty line is a line
            looked = look_up(batch, vendor=caller(request).public_id)
            decisions = decide(looked.lines, granted=looked.granted)
            unlifted = decide(looked.lines) if looked.granted else decisions
            store_hits(caller(request), hits_of(looked, unlifted))
            entries = _entries(body.split(b"\n"), batch, looked, decisions)
            answered = msgspec.json.encode({"urls": entries})
        return HttpResponse(answered, content_type="application/json")

    def _limits(self, request: Request) -> Limits:
        return Limits(
            queries=settings.HOLDOUT_LOOKUP_MAX_QUERIES,
            pictures=0,
            fingerprints=0,
            admit=lambda queries: self.spend(request, QuotaName.LOOKUPS, cost=queries),
        )


def _entries(urls: list[bytes], batch: Batch, looked: Looked, decisions: Decisions) -> list[dict[str, Any]]:
    # Whatever goes wrong below, a line of which nothing is known is an opt-out.
    entries: list[dict[str, Any]] = [
        {"url": url.decode("utf-8", "replace"), "optOut": True, "optIn": False, "status": "failed"}
        for url in urls
    ]
    for row in np.flatnonzero(looked.error == 0).tolist():
        entries[row].update(optOut=False, status="checked")
    opts_out, opts_in = _OPTS_OUT[decisions.outcome].tolist(), _OPTS_IN[decisions.outcome].tolist()
    for row, out, into in zip(decisions.row.tolist(), opts_out, opts_in, strict=True):
        entries[row].update(optOut=out, optIn=into)
    for row in np.flatnonzero(looked.error).tolist():
        entries[row].update(error=error_of(batch, looked, row).code)
    return entries
