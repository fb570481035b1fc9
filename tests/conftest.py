"""Fixtures that every test may use: the people of the stories, and the log's sequencer."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from accounts.models import Organization
from accounts.services import issue_key
from holdout.index.files import Tables
from holdout.index.publish import Publisher
from registry.models import Declarant
from tests.factories import settle

APPEND_ONLY = (
    "ledger_logentry",
    "consent_statement",
    "consent_grant",
    "consent_revocation",
    "accounts_auditevent",
    "registry_standing",
    "registry_lapse",
)
"""The tables that the database keeps from being changed and, but for this test suite, from being emptied."""

hypothesis_settings.register_profile("everyday", max_examples=100, deadline=None)
hypothesis_settings.register_profile("full", max_examples=5_000, deadline=None)
hypothesis_settings.load_profile(os.environ.get("HOLDOUT_HYPOTHESIS", "everyday"))

CORPORA_LEFT_OUT = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)  # after -m and -k: what they left out already is not counted
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the conformance data where a checkout has none. A folder that lacks a file fails."""
    if os.environ.get("HOLDOUT_CORPORA"):
        return
    left_out = [item for item in items if item.get_closest_marker("corpora")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    config.stash[CORPORA_LEFT_OUT] = len(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A parallel test process tells the one that reports; they all leave out the same."""
    if (told := getattr(session.config, "workeroutput", None)) is not None:
        told["corpora_left_out"] = session.config.stash.get(CORPORA_LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[CORPORA_LEFT_OUT] = getattr(node, "workeroutput", {}).get("corpora_left_out", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(CORPORA_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{count} conformance-corpus tests deselected: HOLDOUT_CORPORA is not set"
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database, which pytest may empty between tests.

    In the end without the sessions of processes that a test has killed: they block its removal.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in APPEND_ONLY:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER no_truncate")
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def store(request: pytest.FixtureRequest, settings: LazySettings, tmp_path: Path) -> None:
    """Every test has a store of its own, and where it has a database, the read index of an empty log."""
    settings.HOLDOUT_STORE_DIR = tmp_path
    if {"db", "transactional_db"} & set(request.fixturenames) or request.node.get_closest_marker("django_db"):
        epoch = datetime.fromtimestamp(0, tz=UTC)
        with Publisher(tmp_path / "index") as publisher:
            publisher.publish_base(Tables.nothing(), watermark=-1, leaf_hash=b"", time=epoch)


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
    return settle
