"""`GET /v1/kit`: from one choice, what a site can put in place."""

from typing import Final

from django.http import HttpResponse
from rest_framework.request import Request

from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from holdout.carriers import kit
from holdout.vocabulary import parse_preferences
from lookup.parameters import refuse_what_would_go_unasked

_PARAMETERS: Final = ("preset", "site", "name", "number", "statement", "contact", "format")


class KitView(MeteredView):
    """Public and stateless: the same choice gives the same files."""

    authentication_classes = ()
    permission_classes = ()
    quotas = {"GET": QuotaName.STATUS}

    @operations.kit
    def get(self, request: Request) -> HttpResponse:
        refuse_what_would_go_unasked(dict(request.GET.lists()), _PARAMETERS)
        given = {name: request.GET[name] for name in _PARAMETERS[2:6] if name in request.GET}
        choice = kit.choice_of(
            parse_preferences(request.GET.get("preset", "no-ai")), site=request.GET.get("site", ""), **given
        )
        if request.GET.get("format") == "zip":
            headers = {"Content-Disposition": 'attachment; filename="no-ai-kit.zip"'}
            return HttpResponse(kit.archive(choice), content_type="application/zip", headers=headers)
        return HttpResponse(kit.as_json(kit.pieces(choice)), content_type="application/json")
