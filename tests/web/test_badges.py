"""Badges: fixed pictures, honest failure, nothing of the visitor."""

import itertools
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consent.services import declare
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from holdout.verdicts import Outcome
from holdout.vocabulary import PRESETS, Preferences, UsageCategory
from registry.models import Declarant, Work
from tests.factories import NO_AI, OPEN, fingerprinted_work, reserve_place, settle
from web.badges import LANGUAGES, Label, badge_svg, label_of

SVG = "{http://www.w3.org/2000/svg}"
PERMISSIVE = {Label.OPEN, Label.PARTLY_OPEN}


def title(svg: str) -> str:
    text = ElementTree.fromstring(svg).findtext(f"{SVG}title")
    assert text
    return text


def said(work: Work, preferences: Preferences) -> None:
    declare(declarant=work.declarant, subject=work, preferences=preferences)
    settle()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("label", Label)
def test_every_badge_is_a_small_picture_with_a_name_and_a_description(label: Label, language: str) -> None:
    svg = ElementTree.fromstring(badge_svg(label, language=language))
    assert (svg.get("role"), svg.get("aria-labelledby")) == ("img", "t d")
    assert [e.get("id") for e in svg if e.tag in (f"{SVG}title", f"{SVG}desc")] == ["t", "d"]
    width = float(str(svg.get("width")))
    texts = list(svg.iter(f"{SVG}text"))
    assert len(texts) == 2
    for text in texts:
        end = float(str(text.get("x"))) + float(str(text.get("textLength")))
        assert end <= width - 8
    assert float(str(texts[0].get("textLength"))) < float(str(texts[1].get("x"))) - 26


def test_only_open_is_green() -> None:
    green = [label for label in Label if "#2c6a4b" in badge_svg(label, language="en")]
    assert green == [Label.OPEN]


def test_no_outcome_but_allow_draws_a_permission() -> None:
    for outcomes in itertools.product(Outcome, repeat=len(UsageCategory)):
        label = label_of(dict(zip(UsageCategory, outcomes, strict=True)))
        if label in PERMISSIVE:
            assert set(outcomes) <= {Outcome.ALLOW, Outcome.UNKNOWN}
            assert Outcome.ALLOW in outcomes
        if label is Label.OPEN:
            assert set(outcomes) == {Outcome.ALLOW}
        if Outcome.DENY in outcomes:
            assert label in set(Label) - PERMISSIVE - {Label.NOTHING_SAID, Label.ASK_FIRST, Label.REVIEW}


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        ("no-ai", "Holdout: No AI · reserved"),
        ("no-generative-ai", "Holdout: No generative AI"),
        ("licence-first", "Holdout: Ask first"),
        ("research-ok", "Holdout: No AI · research ok"),
        ("open", "Holdout: Open"),
    ],
)
def test_a_works_badge_says_what_its_declarant_says(
    client: Client, alice: Declarant, preset: str, text: str
) -> None:
    work = fingerprinted_work(alice, {"sha256": bytes(32)}, level=Assurance.L2)
    said(work, PRESETS[preset])
    assert title(client.get(f"/badge/{work.public_id}.svg").content.decode()) == text


def test_a_permission_that_only_an_upload_backs_is_not_drawn(client: Client, alice: Declarant) -> None:
    work = fingerprinted_work(alice, {"sha256": bytes(32)}, level=Assurance.L1)
    said(work, OPEN)
    assert title(client.get(f"/badge/{work.public_id}.svg").content.decode()) == "Holdout: Nothing said"
    said(work, PRESETS["research-ok"])
    assert title(client.get(f"/badge/{work.public_id}.svg").content.decode()) == "Holdout: No AI"


def test_a_badge_waits_for_the_log_and_follows_it(client: Client, alice: Declarant) -> None:
    work = fingerprinted_work(alice, {"sha256": bytes(32)})
    declare(declarant=alice, subject=work, preferences=NO_AI)
    address = f"/badge/{work.public_id}.svg"
    assert title(client.get(address).content.decode()) == "Holdout: Nothing said"
    settle()
    assert title(client.get(address).content.decode()) == "Holdout: No AI · reserved"
    said(work, {})
    assert title(client.get(address).content.decode()) == "Holdout: Nothing said"


def test_a_rivals_words_are_not_in_a_works_badge(client: Client, alice: Declarant, bob: Declarant) -> None:
    hers, his = (fingerprinted_work(d, {"sha256": bytes(32)}) for d in (alice, bob))
    said(his, NO_AI)
    assert title(client.get(f"/badge/{hers.public_id}.svg").content.decode()) == "Holdout: Nothing said"


@pytest.mark.django_db
def test_a_badge_of_no_work_says_unknown(client: Client) -> None:
    answer = client.get("/badge/wrk_nothing.svg")
    assert answer.status_code == 404
    assert title(answer.content.decode()) == "Holdout: Unknown"
    assert answer.headers["Cache-Control"] == "no-store"


def test_an_addresses_badge_is_the_verdict(client: Client, alice: Declarant) -> None:
    reserve_place(alice, "art.example.com", kind=KeyKind.HOST)
    answer = client.get("/badge/url.svg", {"url": "https://art.example.com/cat.jpg", "lang": "zh"})
    assert title(answer.content.decode()) == "Holdout: 禁止用于 AI · 已声明保留"
    nothing = client.get("/badge/url.svg", {"url": "https://example.com/cat.jpg"})
    assert title(nothing.content.decode()) == "Holdout: Nothing said"


@pytest.mark.django_db
@pytest.mark.parametrize("query", ["", "?url=", "?url=mailto:x", "?url=cat.jpg"])
def test_an_address_that_cannot_be_read_is_said_to_be_that(client: Client, query: str) -> None:
    answer = client.get(f"/badge/url.svg{query}")
    assert answer.status_code == 422
    assert title(answer.content.decode()) == "Holdout: Address unreadable"


@pytest.mark.parametrize(
    "query",
    [
        "url=https://art.example.com/picture?id=7&size=large",
        "url=https://art.example.com/picture?id=7&lang=fr",
        "url=https://example.com/&url=https://art.example.com/",
        "url=https://example.com/&lang=zh&lang=en",
    ],
)
def test_an_address_that_did_not_arrive_whole_is_not_answered_for(
    client: Client, alice: Declarant, query: str
) -> None:
    reserve_place(alice, "art.example.com", kind=KeyKind.HOST)
    answer = client.get(f"/badge/url.svg?{query}")
    assert (answer.status_code, title(answer.content.decode())) == (422, "Holdout: Could not check")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_when_the_database_is_away_the_badge_says_that_it_could_not_look(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> Any:
        raise OperationalError("gone")

    monkeypatch.setattr("web.views.badges.answer", away)
    monkeypatch.setattr("web.views.badges.work_with_id", away)
    for address in ("/badge/url.svg?url=https://example.com/", "/badge/wrk_x.svg"):
        answer = client.get(address)
        assert answer.status_code == 503
        assert title(answer.content.decode()) == "Holdout: Could not check"
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_badge_is_public_and_asks_for_no_session_even_where_there_is_one(
    browser: Client, alice: Declarant
) -> None:
    browser.get("/works/")  # from here on the browser sends its session and its form token
    work = fingerprinted_work(alice, {"sha256": bytes(32)})
    for address in (f"/badge/{work.public_id}.svg", "/badge/url.svg?url=https://example.com/"):
        with CaptureQueriesContext(connection) as asked:
            answer = browser.get(address)
        assert not [query for query in asked.captured_queries if "session" in query["sql"]]
        assert answer.status_code == 200
        assert not answer.cookies
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert answer.headers["Content-Type"] == "image/svg+xml; charset=utf-8"
        policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
        assert answer.headers["Content-Security-Policy"] == policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cache-Control"] == "public, max-age=60"


@pytest.mark.django_db
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(url=st.text(max_size=40), lang=st.text(max_size=5))
def test_a_badge_draws_nothing_that_was_sent(client: Client, url: str, lang: str) -> None:
    drawn = {badge_svg(label, language=language) for label in Label for language in LANGUAGES}
    for sent in (url, f'https://example.com/"><script>{url}'):
        assert client.get("/badge/url.svg", {"url": sent, "lang": lang}).content.decode() in drawn
