"""What holds for every page: two languages, no inline style or script, labels, and honest failure."""

import re
from html.parser import HTMLParser
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError
from django.template.loader import render_to_string
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdout.errors import Unavailable
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from registry.models import Declarant, Work
from tests.factories import NO_AI, OPEN, reserve_place

PUBLIC = [
    "/",
    "/check?url=https://example.com/a.jpg",
    "/check?url=mailto:x",
    "/accounts/signup/",
    "/accounts/login/code/",
    "/accounts/inactive/",
    "/nothing-here",
]
SIGNED_IN = [
    "/works/",
    "/works/new",
    "/works/{work}/",
    "/works/{work}/withdraw",
    "/accounts/email/",
    "/accounts/logout/",
    "/accounts/confirm/",
    "/account/data",
    "/account/delete",
    "/accounts/2fa/passkeys/",
    "/accounts/2fa/passkeys/add/",
]


class Page(HTMLParser):
    """The elements of a page, each as its tag and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def shape(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def scripts_in_the_page(self) -> list[dict[str, str | None]]:
        """Those that are no files of ours; data for them is no script."""
        files = [s for s in self.all("script") if (s.get("src") or "").startswith("/static/")]
        return [s for s in self.all("script") if s not in files and s.get("type") != "application/json"]


@pytest.mark.django_db
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("path", PUBLIC + SIGNED_IN)
def test_every_page_keeps_the_house_rules(browser: Client, work: Work, path: str, language: str) -> None:
    client = browser if path in SIGNED_IN else Client()
    answer = client.get(path.format(work=work.public_id), headers={"Accept-Language": language})
    text = answer.content.decode()
    page = Page(text)
    assert page.all("html") == [{"lang": language}]
    own_language = re.sub('<div lang="zh-hans">.*?</div>', "", text, flags=re.DOTALL).replace("简体中文", "")
    assert bool(re.search("[一-鿿]", own_language)) == (language == "zh-hans")
    policy = answer.headers["Content-Security-Policy"]
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert not page.all("style")
    assert not page.scripts_in_the_page()
    assert not [
        a for _, attributes in page.elements for a in attributes if a == "style" or a.startswith("on")
    ]
    assert len(page.all("h1")) == 1
    labelled = {label["for"] for label in page.all("label")}
    asked = [i for i in page.all("input") if i.get("type") not in ("hidden", "submit")]
    assert {i["id"] for i in asked} <= labelled
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    described = {i for a in asked if (by := a.get("aria-describedby")) for i in by.split()}
    assert described <= set(ids)


@pytest.mark.django_db
def test_the_language_is_switched_without_script(client: Client) -> None:
    answer = client.post("/language", {"language": "zh-hans", "next": "/check?url=x"})
    assert answer.headers["Location"] == "/check?url=x"
    assert 'lang="zh-hans"' in client.get("/").content.decode()
    elsewhere = client.post("/language", {"language": "en", "next": "https://evil.example/"})
    assert elsewhere.headers["Location"] == "/"


@pytest.mark.django_db
def test_a_reserved_address_says_so_with_the_reason(client: Client, alice: Declarant) -> None:
    reserve_place(alice, "art.example.com", kind=KeyKind.HOST, preferences=NO_AI)
    text = client.get("/check?url=art.example.com/cat.jpg").content.decode()
    assert '<section class="verdict no_ai"' in text
    assert text.count("No: reserved</dd>") == 4
    assert "A declaration about the whole host of this address." in text
    assert "L3: a domain, proven" in text


@pytest.mark.django_db
def test_silence_is_no_permission(client: Client) -> None:
    text = client.get("/check?url=https://example.com/cat.jpg").content.decode()
    assert text.count("Nothing said: no permission") == 5
    assert "silence allows nothing" in text
    assert 'class="said allow"' not in text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "url", ["mailto:x", "https://", "http://exa mple/", "ftp://example.com/x", "x" * 9000]
)
def test_an_address_that_cannot_be_read_is_answered_as_not_checked(client: Client, url: str) -> None:
    answer = client.get("/check", {"url": url})
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Not checked" in text
    assert "is not a permission" in text
    assert 'class="said' not in text


@pytest.mark.django_db
@pytest.mark.parametrize("rest", ["&size=large", "&url=https://example.com/", "&utm_source=x"])
def test_an_address_that_did_not_arrive_whole_is_not_answered_for(
    client: Client, alice: Declarant, rest: str
) -> None:
    reserve_place(alice, "art.example.com", kind=KeyKind.HOST, preferences=NO_AI)
    answer = client.get(f"/check?url=https://art.example.com/picture?id=7{rest}")
    assert answer.status_code == 422
    text = answer.content.decode()
    assert "Not checked" in text
    assert "every &amp; in it must be escaped" in text
    assert 'class="said' not in text


@pytest.mark.django_db
def test_a_permission_shows_only_where_it_was_proven(client: Client, alice: Declarant) -> None:
    reserve_place(alice, "https://a.example/1.jpg", preferences=OPEN, level=Assurance.L0)
    reserve_place(alice, "https://a.example/2.jpg", preferences=OPEN, level=Assurance.L3)
    assert "Nothing was said" in client.get("/check?url=https://a.example/1.jpg").content.decode()
    assert (
        "Every use is declared as allowed"
        in client.get("/check?url=https://a.example/2.jpg").content.decode()
    )


@pytest.mark.django_db
def test_when_the_database_is_away_the_page_answers_503(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: object) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr("web.views.home.answer", away)
    answer = Client(raise_request_exception=False).get("/check?url=https://example.com/")
    assert answer.status_code == 503
    assert "Nothing that you see here is a permission" in answer.content.decode()


def test_the_error_page_needs_no_database() -> None:
    for away in (True, False):
        page = Page(render_to_string("errors/unavailable.html", {"away": away}))
        assert len(page.all("h1")) == 1
        assert not page.all("form")


@pytest.mark.django_db
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60))
def test_a_title_never_becomes_markup(browser: Client, work: Work, text: str) -> None:
    hostile = f"\"'><svg onload=x>{text}</h1>"[:300]
    shapes = []
    for title in ("Harbour", hostile):
        Work.objects.filter(pk=work.pk).update(title=title)
        for path in ("/works/", f"/works/{work.public_id}/", f"/works/{work.public_id}/withdraw"):
            shapes.append(Page(browser.get(path).content.decode()).shape())
    assert shapes[:3] == shapes[3:]


@pytest.mark.django_db
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
def test_an_address_never_becomes_markup(client: Client, text: str) -> None:
    plain = {
        status: Page(client.get("/check", {"url": url}).content.decode()).shape()
        for status, url in ((200, "https://example.com/"), (422, "https://"))
    }
    for url in (f'https://example.com/"><svg onload=x>{text}', f'"><svg onload=x>{text}'):
        answer = client.get("/check", {"url": url})
        assert Page(answer.content.decode()).shape() == plain[answer.status_code]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/check", "/badge/url.svg"])
def test_without_an_index_nothing_is_answered(client: Client, path: str) -> None:
    client.raise_request_exception = False
    with patch("lookup.engine.current_view", side_effect=Unavailable("index_stale", "not kept up to date")):
        assert client.get(path, {"url": "https://a.example/1.jpg"}).status_code == 503
