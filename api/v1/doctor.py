"""`GET /v1/doctor`: a site as machines see it."""

from datetime import UTC, datetime

import msgspec
from django.conf import settings
from django.http import HttpResponse
from rest_framework.request import Request

from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from holdout.doctor.diagnosis import as_json, diagnose
from holdout.doctor.visit import go_round
from holdout.errors import InvalidInput
from lookup.parameters import refuse_what_would_go_unasked


class DoctorView(MeteredView):
    """Asks the host of an address for what it says, through `holdout.fetch`; needs a key."""

    quotas = {"GET": QuotaName.CALLS}

    @operations.doctor
    def get(self, request: Request) -> HttpResponse:
        refuse_what_would_go_unasked(dict(request.GET.lists()), ("url", "agent"))
        if not request.GET.get("url"):
            raise InvalidInput("url_invalid", "Give the address of a picture or page as url.")
        agents = (request.GET["agent"],) if request.GET.get("agent") else ()
        seen = go_round(request.GET["url"], agents=agents, contact=settings.HOLDOUT_CONTACT_URL)
        diagnosis = diagnose(seen, at=datetime.now(UTC))
        return HttpResponse(msgspec.json.encode(as_json(diagnosis)), content_type="application/json")
