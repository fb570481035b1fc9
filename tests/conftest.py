"""Fixtures that every test may use: the people of the stories, and the log's sequencer."""

import os
from collections.abc import Callable, Iterator

import pytest
from django.conf import LazySettings
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from accounts.models import Organization
from accounts.services import issue_key
from ledger.services import sequence_pending
from registry.models import Declarant

hypothesis_settings.register_profile("everyday", max_examples=100, deadline=None)
hypothesis_settings.register_profile("full", max_examples=5_000, deadline=None)
hypothesis_settings.load_profile(os.environ.get("HOLDOUT_HYPOTHESIS", "everyday"))


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, without the sessions of processes that a test has killed: they block its removal."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def store(settings: LazySettings, tmp_path: object) -> None:
    """Every test has a store of its own."""
    settings.HOLDOUT_STORE_DIR = tmp_path


@pytest.fixture
def alice(db: None) -> Declarant:
    """A creator."""
    organization = Organization.objects.create(name="Alice", side=Organization.Side.CREATOR)
    return Declarant.objects.create(organization=organization, name="alice")


@pytest.fixture
def bob(db: None) -> Declarant:
    """Another creator, a rival of Alice's where a story needs one."""
    organization = Organization.objects.create(name="Bob", side=Organization.Side.CREATOR)
    return Declarant.objects.create(organization=organization, name="bob")


@pytest.fixture
def vera(db: None) -> Organization:
    """An AI vendor."""
    return Organization.objects.create(name="Vera", side=Organization.Side.VENDOR)


@pytest.fixture
def vera_key(vera: Organization) -> str:
    return issue_key(organization=vera, name="test")[1]


@pytest.fixture
def sequence() -> Callable[[], int]:
    """Call it where a running sequencer would have given pending entries their place."""
    return sequence_pending
