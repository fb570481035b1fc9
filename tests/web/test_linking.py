"""An account is proven by signing in at its platform; a server on this machine stands in for it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.socialaccount.providers.tumblr_oauth2.views import TumblrOAuth2Adapter
from allauth.socialaccount.providers.weibo.views import WeiboOAuth2Adapter
from django.conf import LazySettings
from django.test import Client

from accounts.models import User
from accounts.services import personal_organization
from consent.places import add_place
from holdout.resolution import Assurance
from holdout.vocabulary import PRESETS
from registry.control import Extent
from registry.models import Authorization, Locator
from registry.platforms import SignIn
from registry.queries import locator_assurances
from registry.services import default_declarant

pytestmark = pytest.mark.django_db
NUMBER = "1669879400"
PROFILE = f"https://weibo.com/u/{NUMBER}"


class Platform:
    """What it answers, by path; and what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "/token": (200, {"access_token": "t0ken", "uid": NUMBER}),
            "/me": (200, {"idstr": NUMBER, "screen_name": "Alice"}),
        }
        self.asked: list[str] = []


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch, settings: LazySettings) -> Iterator[Platform]:
    answering = Platform()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            answering.asked.append(path)
            status, answer = answering.answers[path]
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for adapter in (WeiboOAuth2Adapter, TumblrOAuth2Adapter):
        monkeypatch.setattr(adapter, "access_token_url", f"http://127.0.0.1:{server.server_port}/token")
        monkeypatch.setattr(adapter, "profile_url", f"http://127.0.0.1:{server.server_port}/me")
    app = {"APPS": [{"client_id": "us", "secret": "hush"}]}
    settings.SOCIALACCOUNT_PROVIDERS = {"weibo": app, "tumblr_oauth2": app}
    yield answering
    server.shutdown()
    server.server_close()


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann@example.com")


@pytest.fixture
def browser(ann: User) -> Client:
    client = Client()
    client.force_login(ann)
    return client


def claim(ann: User, typed: str = PROFILE) -> Locator:
    return add_place(
        organization=personal_organization(user=ann),
        typed=typed,
        extent=Extent.HOST,
        preferences=PRESETS["no-ai"],
        terms_url="",
    )


def leave(browser: Client, place: Locator) -> str:
    """To the platform; the state with which it sends people back."""
    answer = browser.get(f"/places/{place.public_id}/sign-in")
    assert answer.status_code == 302, answer.content
    there = urlsplit(answer.headers["Location"])
    asked = parse_qs(there.query)
    assert there.hostname in {"api.weibo.com", "www.tumblr.com"}
    assert asked["client_id"] == ["us"]
    return asked["state"][0]


def level_of(place: Locator) -> Assurance:
    return locator_assurances([place.pk]).get(place.pk, Assurance.L0)


def test_who_signs_in_with_the_account_has_proven_it(ann: User, browser: Client, platform: Platform) -> None:
    place = claim(ann)
    assert "Sign in at Weibo instead" in browser.get(f"/places/{place.public_id}/").content.decode()
    state = leave(browser, place)
    answer = browser.get(f"/accounts/weibo/callback/?code=abc&state={state}", follow=True)
    assert "Proven. What you chose is said now." in answer.content.decode()
    proof = Authorization.objects.get(rests_on=None)
    assert (proof.level, proof.method, proof.where) == (Assurance.L2, "sign_in", PROFILE)
    assert place.statements.get().train_gen == "deny"
    assert not SocialAccount.objects.exists()
    assert not SocialToken.objects.exists()
    assert platform.asked == ["/token", "/me"]


def test_another_account_proves_nothing(ann: User, browser: Client, platform: Platform) -> None:
    place = claim(ann)
    platform.answers["/me"] = (200, {"idstr": "42424242"})
    state = leave(browser, place)
    answer = browser.get(f"/accounts/weibo/callback/?code=abc&state={state}", follow=True)
    assert "with another account" in answer.content.decode()
    assert level_of(place) is Assurance.L0


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/token", (400, {"error": "invalid_grant"})),
        ("/token", (200, b"<html>")),
        ("/token", (500, {})),
        ("/me", (200, {})),
        ("/me", (200, {"idstr": None})),
    ],
)
def test_an_odd_answer_proves_nothing(
    ann: User, browser: Client, platform: Platform, path: str, answer: tuple[int, Any]
) -> None:
    place = claim(ann)
    platform.answers[path] = answer
    state = leave(browser, place)
    shown = browser.get(f"/accounts/weibo/callback/?code=abc&state={state}", follow=True)
    assert shown.status_code == 200
    assert "did not say who you are" in shown.content.decode()
    assert level_of(place) is Assurance.L0


def test_who_refuses_there_is_told(ann: User, browser: Client, platform: Platform) -> None:
    state = leave(browser, claim(ann))
    shown = browser.get(f"/accounts/weibo/callback/?error=access_denied&state={state}", follow=True)
    assert "did not say who you are" in shown.content.decode()
    assert platform.asked == []


def test_a_state_that_nobody_was_given_proves_nothing(ann: User, browser: Client, platform: Platform) -> None:
    place = claim(ann)
    leave(browser, place)
    browser.get("/accounts/weibo/callback/?code=abc&state=zzz")
    assert platform.asked == []
    assert level_of(place) is Assurance.L0


def test_nobody_signs_in_here_by_a_platform(ann: User, browser: Client, platform: Platform) -> None:
    state = leave(browser, claim(ann))
    browser.logout()
    answer = browser.get(f"/accounts/weibo/callback/?code=abc&state={state}")
    assert answer.status_code == 302
    assert "_auth_user_id" not in browser.session
    assert User.objects.count() == 1


def test_a_place_that_is_anothers_is_not_proven(ann: User, browser: Client, platform: Platform) -> None:
    state = leave(browser, claim(ann))
    ben = User.objects.create_user("ben@example.com")
    his = default_declarant(organization=personal_organization(user=ben))
    Locator.objects.update(declarant=his)
    browser.get(f"/accounts/weibo/callback/?code=abc&state={state}")
    assert not Authorization.objects.exists()


def test_without_keys_there_is_no_way(ann: User, browser: Client) -> None:
    place = claim(ann)
    assert b"Sign in at" not in browser.get(f"/places/{place.public_id}/").content
    shown = browser.get(f"/places/{place.public_id}/sign-in", follow=True)
    assert "Use the code" in shown.content.decode()


def test_a_blog_of_which_somebody_is_an_administrator(ann: User, browser: Client, platform: Platform) -> None:
    place = claim(ann, "alice-paints.tumblr.com")
    blogs = [{"name": "other", "admin": True}, {"name": "Alice-Paints", "admin": True, "uuid": "x"}]
    platform.answers["/me"] = (
        200,
        {
            "response": {
                "user": {"name": "other", "blogs": [{"primary": True, **blogs[0], "uuid": "y"}, blogs[1]]}
            }
        },
    )
    state = leave(browser, place)
    browser.get(f"/accounts/tumblr/callback/?code=abc&state={state}")
    assert level_of(place) is Assurance.L2


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"blogs": None},
        {"blogs": [None, 3]},
        {"blogs": [{"name": "alice"}]},
        {"blogs": [{"name": "alice", "admin": "yes"}]},
        {"blogs": [{"name": 7, "admin": True}]},
    ],
)
def test_what_is_not_said_plainly_names_nobody(told: dict[str, Any]) -> None:
    assert SignIn(provider="tumblr_oauth2", list="blogs", name="name").names(told) == frozenset()
