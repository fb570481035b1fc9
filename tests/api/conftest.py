"""A vendor's HTTP client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from redis import Redis

Post = Callable[..., Any]


@pytest.fixture(autouse=True)
def nothing_spent() -> Iterator[None]:
    """All tests come from one address: what one spent, the next must not lack, here or in another folder."""
    _forget_what_was_spent()
    yield
    _forget_what_was_spent()


def _forget_what_was_spent() -> None:
    with Redis.from_url(settings.REDIS_URL) as valkey:
        if spent := valkey.keys("holdout:quota:*"):
            valkey.delete(*spent)


@pytest.fixture
def vendor(vera_key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {vera_key}"}, raise_request_exception=False)


@pytest.fixture
def anybody() -> Client:
    return Client(raise_request_exception=False)
