"""For load balancers and supervisors."""

from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from holdout.errors import Unavailable
from registry.read_index import current_view


def livez(_request: HttpRequest) -> HttpResponse:
    """The process runs. It asks nothing else, so that trouble elsewhere never gets it restarted."""
    return JsonResponse({"status": "ok"})


def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when lookups can be answered: the database is there and migrated, the read index is kept up.

    Without Valkey lookups still work and jobs wait, so it is reported and does not count.
    """
    checks = {"database": _database(), "index": _index(), "valkey": _valkey()}
    ready = checks["database"] == checks["index"] == "ok"
    return JsonResponse({"status": "ok" if ready else "unavailable", **checks}, status=200 if ready else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM ledger_logentry LIMIT 1")
    except Error as error:
        return type(error).__name__
    return "ok"


def _index() -> str:
    try:
        current_view()
    except Unavailable as error:
        return error.code
    return "ok"


def _valkey() -> str:
    try:
        cache.get("readyz")
    except RedisError as error:
        return type(error).__name__
    return "ok"
