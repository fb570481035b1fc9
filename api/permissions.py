"""Which side a key is of: who screens does not register, and who registers does not screen."""

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import Organization
from api.authentication import caller
from holdout.errors import NotPermitted


class OfVendors(IsAuthenticated):
    """Keys of those who screen. A creator's key opens no more of the registry than is public."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and _is_of(
            request, Organization.Side.VENDOR, "vendor_key_needed", "This call takes a vendor's key."
        )


class OfCreators(IsAuthenticated):
    """Keys of those who declare. Who screens registers nothing."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and _is_of(
            request, Organization.Side.CREATOR, "creator_key_needed", "This call takes a creators' key."
        )


def _is_of(request: Request, side: Organization.Side, code: str, detail: str) -> bool:
    if caller(request).side != side:
        raise NotPermitted(code, detail)
    return True
