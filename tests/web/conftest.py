"""A browser, the people who use it, and the two processes that a registration waits for."""

import io
import threading
import time
from collections.abc import Iterator

import pytest
from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY,
    AUTHENTICATION_METHODS_SESSION_KEY,
)
from allauth.account.internal.userkit import user_id_to_str
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.db import connections
from django.test import Client
from PIL import Image

from accounts.models import Organization, User
from accounts.services import personal_organization
from consent.services import declare
from registry import ingest, tasks
from registry.models import Work
from registry.services import default_declarant
from tests.factories import NO_AI, fingerprinted_work, settle


@pytest.fixture(autouse=True)
def no_rate_limits_left_over() -> None:
    cache.clear()


def picture(colour: str = "navy") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(file, "PNG")
    return file.getvalue()


def person(email: str) -> User:
    user = User.objects.create_user(email)
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def signed_in(
    user: User, *, seconds_ago: float = 0, method: str = "code", client: Client | None = None
) -> Client:
    """A browser in which they signed in so long ago."""
    client = client or Client()
    client.force_login(user)
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": method, "at": time.time() - seconds_ago}]
    session[_AUTHENTICATION_METHODS_USER_SESSION_KEY] = user_id_to_str(user)
    session.save()
    return client


@pytest.fixture
def ann(db: None) -> User:
    return person("ann@example.com")


@pytest.fixture
def anns(ann: User) -> Organization:
    return personal_organization(user=ann)


@pytest.fixture
def browser(ann: User) -> Client:
    """Ann's, signed in by a code a moment ago."""
    return signed_in(ann)


@pytest.fixture
def work(anns: Organization) -> Work:
    """A work of Ann's that says "No AI", in the log."""
    made = fingerprinted_work(default_declarant(organization=anns), {"sha256": bytes(32)})
    Work.objects.filter(pk=made.pk).update(title="Harbour")
    declare(declarant=made.declarant, subject=made, preferences=NO_AI)
    settle()
    made.refresh_from_db()
    return made


@pytest.fixture
def worker(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ingest worker, running as soon as its doorbell rings."""
    monkeypatch.setattr(tasks.ingest, "delay", lambda *, asset_id: ingest.ingest(asset_id=asset_id))


@pytest.fixture
def sequencer(transactional_db: None) -> Iterator[None]:
    """The sequencer, running beside the request as it does in life."""
    stop = threading.Event()

    def run() -> None:
        try:
            while not stop.wait(0.01):
                settle()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()
