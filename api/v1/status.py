"""`GET /v1/status`: the consent status of one picture, for anybody."""

import msgspec
from django.http import HttpResponse
from rest_framework.request import Request

from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from api.v1.verdicts import as_of_json, verdict_json
from lookup.batch import batch_of
from lookup.engine import look_up, verdicts_of
from lookup.parameters import refuse_what_would_go_unasked
from lookup.parsing import query_from_keys


class StatusView(MeteredView):
    """By `?url=` or `?sha256=` or both. Public, cookieless, open to every origin (`api.cors`)."""

    authentication_classes = ()
    permission_classes = ()
    quotas = {"GET": QuotaName.STATUS}

    @operations.status
    def get(self, request: Request) -> HttpResponse:
        refuse_what_would_go_unasked(dict(request.GET.lists()), ("url", "sha256"))
        query = query_from_keys(url=request.GET.get("url"), sha256=request.GET.get("sha256"))
        batch = batch_of([query])
        looked = look_up(batch)
        (verdict,) = verdicts_of(batch, looked)
        if verdict.error is not None:
            raise verdict.error
        body = msgspec.json.encode({"as_of": as_of_json(looked.as_of), **verdict_json(verdict)})
        return HttpResponse(
            body, content_type="application/json", headers={"Cache-Control": "public, max-age=60"}
        )
