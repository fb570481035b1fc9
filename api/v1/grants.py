"""`/v1/grants`: what a vendor was permitted. To permit something is the person's own act, on the pages."""

from datetime import UTC, datetime
from typing import Final

from django.http import HttpResponse
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from api.authentication import caller
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from consent.queries import grants_to
from consent.services import own_act_needed

_PAGE: Final = 1_000


class GrantsView(MeteredView):
    """The caller's own, or the refusal that everybody gets who wants to make one."""

    quotas = {"GET": QuotaName.CALLS, "POST": QuotaName.CALLS}

    def get_permissions(self) -> list[BasePermission]:
        return [OfVendors() if self.request.method in ("GET", "HEAD") else IsAuthenticated()]

    @operations.list_grants
    def get(self, request: Request) -> Response:
        given = grants_to(caller(request), now=datetime.now(UTC))[:_PAGE]
        # Nothing of who gave it: whose pictures it is about shows in the reasons of lookups, by its id alone.
        grants = [
            {"id": grant.public_id, "uses": grant.uses, "expires_at": grant.expires_at.isoformat()}
            for grant in given
        ]
        return Response({"grants": grants})

    @operations.grant
    def post(self, _request: Request) -> HttpResponse:
        raise own_act_needed()
