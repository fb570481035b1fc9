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
    url = settings.REDIS_URL  # a test may take Valkey away from those who ask
    _forget_what_was_spent(url)
    yield
    _forget_what_was_spent(url)


def _forget_what_was_spent(url: str) -> None:
    with Redis.from_url(url) as valkey:
        if spent := valkey.keys("holdout:quota:*"):
            valkey.delete(*spent)


@pytest.fixture
def vendor(vera_key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {vera_key}"}, raise_request_exception=False)


@pytest.fixture
def anybody() -> Client:
    return Client(raise_request_exception=False)
