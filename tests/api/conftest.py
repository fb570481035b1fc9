"""A vendor's HTTP client."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

Post = Callable[..., Any]


@pytest.fixture
def vendor(vera_key: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {vera_key}"}, raise_request_exception=False)


@pytest.fixture
def anybody() -> Client:
    return Client(raise_request_exception=False)
