"""Passkeys without a browser: what the pages refuse. How they work is in tests/browser/test_passkeys.py."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from accounts.models import User
from tests.web.conftest import person, signed_in
from tests.web.test_pages import Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def passkey(ann: User) -> Authenticator:
    made: Authenticator = Authenticator.objects.create(user=ann, type="webauthn", data={"name": "Telephone"})
    return made


def test_anothers_passkey_is_not_there(passkey: Authenticator) -> None:
    bob = signed_in(person("bob@example.com"))
    for page in ("rename", "remove"):
        for ask in (bob.get, bob.post):
            assert ask(f"/accounts/2fa/passkeys/{passkey.pk}/{page}/").status_code == 404
    assert Authenticator.objects.get().data["name"] == "Telephone"


@pytest.mark.parametrize("page", ["passkeys/{}/rename/", "passkeys/{}/remove/", "passkeys/add/"])
def test_nothing_changes_without_a_fresh_proof(browser: Client, passkey: Authenticator, page: str) -> None:
    refused = browser.post("/accounts/2fa/" + page.format(passkey.pk), {"name": "Mine"})
    assert refused.headers["Location"].startswith("/accounts/2fa/passkeys/confirm/")
    assert Authenticator.objects.get().data["name"] == "Telephone"


@pytest.mark.parametrize("credential", ["", "{}", "[]", "nonsense", '{"response": {"userHandle": "MQ"}}'])
def test_what_is_no_passkey_signs_nobody_in(client: Client, ann: User, credential: str) -> None:
    answer = client.post("/accounts/login/passkey/", {"credential": credential})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/")
    assert client.get("/works/").status_code == 302


def test_the_question_for_a_passkey_names_no_passkey(client: Client, passkey: Authenticator) -> None:
    asked = client.get("/accounts/login/passkey/", headers={"Accept": "application/json"})
    options = asked.json()["request_options"]["publicKey"]
    assert options["userVerification"] == "required"
    assert not options.get("allowCredentials")
    assert "no-store" in asked.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/accounts/login/code/", "/accounts/2fa/passkeys/add/"])
def test_no_script_stands_in_the_page_itself(browser: Client, client: Client, path: str) -> None:
    answer = (client if "login" in path else browser).get(path)
    page = Page(answer.content.decode())
    assert page.all("script")
    assert not page.scripts_in_the_page()
    assert not re.search(r"unsafe|script-src[^;]*\s(?!'self')", answer.headers["Content-Security-Policy"])


def test_a_second_step_without_a_passkey_offers_none(browser: Client) -> None:
    assert "passkey-missing" not in browser.get("/accounts/2fa/").content.decode()
