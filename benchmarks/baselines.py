"""The usual ways to answer the same questions, made as well as they can be: bulk queries on indexed
columns.
"""

import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final

import redis
from django.conf import settings
from django.db import connection
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer

from benchmarks import cpu
from consent.models import Statement
from holdout.errors import HoldoutError
from holdout.urls import canonicalize, key_check, rule_keys
from registry.models import Locator

_REPEATS: Final = 2


class _QuerySerializer(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=8192)


class _AnswerSerializer(serializers.Serializer[Any]):
    url = serializers.CharField()
    outcome = serializers.CharField()
    statement = serializers.CharField(allow_null=True)


def figures(batches: Sequence[bytes]) -> dict[str, float]:
    """URLs a processor second of each way, PostgreSQL and Valkey included."""
    urls = [batch.decode().split("\n") for batch in batches]
    fill_valkey()
    ways: dict[str, Callable[[list[str]], object]] = {
        "drf_orm": by_serializers_and_orm,
        "postgres_any": by_postgres_any,
        "redis_mget": by_mget,
    }
    roots = cpu.engines()
    return {
        f"{name}_per_core_s": statistics.median(
            len(batch) / cpu.spent(lambda: way(batch), roots)  # noqa: B023
            for batch in urls
            for _ in range(_REPEATS)
        )
        for name, way in ways.items()
    }


def by_serializers_and_orm(urls: list[str]) -> bytes:
    """Django REST framework's own way: a serializer in, bulk queries of the ORM, a serializer out."""
    asked = _QuerySerializer(data=[{"url": url} for url in urls], many=True)
    asked.is_valid(raise_exception=True)
    checks = {query["url"]: _checks(query["url"]) for query in asked.validated_data}
    wanted = {check for of_url in checks.values() for check in of_url}
    # Not `key_check__in`: with tens of thousands of parameters that takes three times as long.
    named = Locator.objects.extra(where=["key_check = ANY(%s)"], params=[list(wanted)])
    found = {bytes(place.key_check): place for place in named}
    works = {place.work_id for place in found.values() if place.work_id}
    places = {place.pk for place in found.values() if not place.work_id}
    said = {
        (s.work_id, s.locator_id): s for s in Statement.objects.filter(work__in=works, superseded_by=None)
    }
    said |= {
        (s.work_id, s.locator_id): s for s in Statement.objects.filter(locator__in=places, superseded_by=None)
    }
    answers = []
    for query in asked.validated_data:
        place = next((found[check] for check in checks[query["url"]] if check in found), None)
        statement = place and said.get((place.work_id, None if place.work_id else place.pk))
        outcome = statement.train_gen if statement else "unknown"
        answers.append(
            {"url": query["url"], "outcome": outcome, "statement": statement and statement.public_id}
        )
    return JSONRenderer().render(_AnswerSerializer(answers, many=True).data)


def by_postgres_any(urls: list[str]) -> list[tuple[Any, ...]]:
    """No ORM: one query with `= ANY` over all keys of all URLs."""
    checks = list({check for url in urls for check in _checks(url)})
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH l AS MATERIALIZED (SELECT * FROM registry_locator WHERE key_check = ANY(%s))"
            " SELECT key_check, s.public_id, train_gen FROM l JOIN consent_statement s USING (work_id)"
            " UNION ALL SELECT key_check, s.public_id, train_gen"
            " FROM l JOIN consent_statement s ON s.locator_id = l.id",
            [checks],
        )
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def by_mget(urls: list[str]) -> list[Any]:
    """Every key of every URL as a key of Valkey."""
    checks = list({check for url in urls for check in _checks(url)})
    found: list[Any] = redis.Redis.from_url(settings.REDIS_URL).mget([b"bench:" + check for check in checks])
    return found


def fill_valkey() -> None:
    """All places in Valkey, under their checks."""
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    with connection.cursor() as cursor:
        cursor.execute("SELECT key_check FROM registry_locator")
        for rows in iter(lambda: cursor.fetchmany(50_000), []):
            valkey.mset({b"bench:" + bytes(check): b"1" for (check,) in rows})


def _checks(url: str) -> list[bytes]:
    try:
        return [key_check(key.text) for key in rule_keys(canonicalize(url))]
    except HoldoutError:
        return []
