"""Quotas: how much one organisation, or one anonymous network, may ask for.

An organisation's quota holds for all its keys together. One script in Valkey counts for all processes
(`gcra.lua`). Without Valkey, questions are counted by each process for itself and what writes is refused:
never unlimited, never an error.
"""

import math
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Final

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.authentication import Caller
from api.clients import network_of
from api.gcra import Quota, Standing
from api.meters import LocalMeter, ValkeyMeter
from holdout.errors import HoldoutError, Unavailable


class QuotaName(StrEnum):
    """What is counted; the name stands in the RateLimit headers."""

    LOOKUPS = "lookups"
    """Pictures asked about, each query of a batch."""
    JOBS = "jobs"
    """Jobs submitted, and calls that register for others."""
    CALLS = "calls"
    """All other calls with a key."""
    STATUS = "status"
    """Calls without a key."""


_REFUSED_WITHOUT_VALKEY: Final = frozenset({QuotaName.JOBS})


class QuotaExceeded(HoldoutError):
    """The caller has spent its quota for now; `retry_after_seconds` says when the same call would pass."""

    http_status = 429

    def __init__(self, quota: Quota, standing: Standing) -> None:
        self.retry_after_seconds = _seconds(standing.retry_after_us)
        detail = f"At most {quota.burst} {quota.name} at once and {quota.per_minute} a minute; wait."
        super().__init__("quota_exceeded", detail)


class MeteredView(APIView):
    """A view whose calls are charged one unit of `quotas[method]`, or what they charge with `spend`."""

    quotas: ClassVar[Mapping[str, QuotaName]] = {}
    _spent: tuple[Quota, Standing] | None = None

    def check_throttles(self, request: Request) -> None:
        method = "GET" if request.method == "HEAD" else request.method
        if name := self.quotas.get(method or ""):
            self.spend(request, name)

    def spend(self, request: Request, name: QuotaName, *, cost: int = 1) -> None:
        """Charge the caller. Raises `QuotaExceeded`, and `Unavailable` where nobody can count."""
        quota = quota_named(name)
        key = _key_of(request)
        # What is larger than the burst would never pass: the view's own limits refuse it with a better word.
        cost = min(cost, quota.burst)
        standing = _shared(settings.REDIS_URL).charge(key, cost=cost, quota=quota)
        if standing is None:
            if name in _REFUSED_WITHOUT_VALKEY:
                raise Unavailable("quota_unavailable", "Nothing can be submitted now; try again in a moment.")
            standing = _LOCAL.charge(key, cost=cost, quota=quota)
        self._spent = quota, standing
        if not standing.allowed:
            raise QuotaExceeded(quota, standing)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answered = super().finalize_response(request, response, *args, **kwargs)
        if self._spent:
            for header, value in _headers(*self._spent).items():
                answered[header] = value
        return answered


_LOCAL: Final = LocalMeter()


@cache
def _shared(url: str) -> ValkeyMeter:
    return ValkeyMeter(url)


def quota_named(name: QuotaName) -> Quota:
    """The quota as the settings have it."""
    per_minute, burst = settings.HOLDOUT_QUOTAS[name]
    return Quota(name, per_minute, burst)


def _key_of(request: Request) -> str:
    user: object = request.user
    if isinstance(user, Caller):
        return user.organization.public_id
    return network_of(request._request)


def _headers(quota: Quota, standing: Standing) -> dict[str, str]:
    """draft-ietf-httpapi-ratelimit-headers-10: q units in w seconds; r are left, all in t seconds."""
    return {
        "RateLimit-Policy": f'"{quota.name}";q={quota.burst};w={_seconds(quota.window_us)}',
        "RateLimit": f'"{quota.name}";r={standing.remaining};t={_seconds(standing.full_after_us)}',
    }


def _seconds(microseconds: int) -> int:
    return math.ceil(microseconds / 1_000_000)
