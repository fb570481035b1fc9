"""For load balancers and supervisors."""

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError


def livez(_request: HttpRequest) -> HttpResponse:
    """The process runs. It asks nothing else, so that trouble elsewhere never gets it restarted."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when lookups can be answered: the database is there and migrated.

    Without Valkey lookups still work and jobs wait, so it is reported and does not count.
    """
    checks = {"database": _database(), "valkey": _valkey()}
    ready = checks["database"] == "ok"
    return JsonResponse({"status": "ok" if ready else "unavailable", **checks}, status=200 if ready else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM ledger_logentry LIMIT 1")
    except Error as error:
        return type(error).__name__
    return "ok"


def _valkey() -> str:
    try:
        cache.get("readyz")
    except RedisError as error:
        return type(error).__name__
    return "ok"
