"""`GET /v1/status`: the consent status of one picture, for anybody."""

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from api.v1.verdicts import as_of_json, verdict_json
from holdout.errors import InvalidInput
from ledger.queries import head
from lookup.engine import answer
from lookup.parsing import query_from_keys


class StatusView(MeteredView):
    """By `?url=` or `?sha256=` or both. Public, cookieless, open to every origin."""

    authentication_classes = ()
    permission_classes = ()
    quotas = {"GET": QuotaName.STATUS}

    @operations.status
    def get(self, request: Request) -> HttpResponse:
        _refuse_what_would_go_unasked(request)
        query = query_from_keys(url=request.GET.get("url"), sha256=request.GET.get("sha256"))
        as_of = head()
        (verdict,) = answer([query], as_of=as_of)
        if verdict.error is not None:
            raise verdict.error
        body = msgspec.json.encode({"as_of": as_of_json(as_of), **verdict_json(verdict)})
        return HttpResponse(
            body,
            content_type="application/json",
            headers={"Access-Control-Allow-Origin": "*", "Cache-Control": "public, max-age=60"},
        )


def _refuse_what_would_go_unasked(request: Request) -> None:
    """An address whose & was not escaped arrives as a shorter address and some parameters nobody knows."""
    if request.GET.keys() - {"url", "sha256"} or any(len(values) > 1 for _, values in request.GET.lists()):
        raise InvalidInput(
            "parameter_unknown", "Give url and sha256 once, percent-encoded, and no other parameter."
        )
