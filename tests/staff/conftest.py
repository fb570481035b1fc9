"""Staff, as far as they have come: without a second factor, with one, and signed in with it."""

import time

import pytest
from allauth.account.internal.flows.login import (
    _AUTHENTICATION_METHODS_USER_SESSION_KEY as USER_KEY,
)
from allauth.account.internal.flows.login import (
    AUTHENTICATION_METHODS_SESSION_KEY as METHODS_KEY,
)
from allauth.account.internal.userkit import user_id_to_str
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.core.cache import cache
from django.test import Client

from accounts.audit import SHELL
from accounts.models import User
from accounts.services import make_staff
from tests.web.conftest import person


@pytest.fixture(autouse=True)
def no_rate_limits_left_over() -> None:
    cache.clear()


@pytest.fixture
def sam(db: None) -> User:
    """Staff without a second factor."""
    person("sam@example.com")
    return make_staff(email="sam@example.com", by=SHELL)


@pytest.fixture
def secret(sam: User) -> str:
    """Of the authenticator app that Sam has from now on."""
    text = str(generate_totp_secret())
    TOTP.activate(sam, text)
    return text


def browser_of(user: User, *, method: str = "", hours_ago: float = 0, **proof: str) -> Client:
    """Signed in, with a proof in the session where a `method` is given."""
    client = Client()
    client.force_login(user)
    if method:
        session = client.session
        at = time.time() - hours_ago * 3600
        session[METHODS_KEY] = [{"method": method, "at": at, **proof}]
        session[USER_KEY] = user_id_to_str(user)
        session.save()
    return client


@pytest.fixture
def desk(sam: User, secret: str) -> Client:
    """Sam's browser, signed in with the second factor."""
    return browser_of(sam, method="mfa", type="totp")
