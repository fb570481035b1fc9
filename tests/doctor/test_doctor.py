"""A site looked at as machines see it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from holdout.carriers import plus, rsl
from holdout.carriers.crawlers import crawlers
from holdout.cli import app
from holdout.doctor import visit
from holdout.doctor.diagnosis import WORDS, Diagnosis, Weight, as_json, diagnose, words_in
from holdout.doctor.visit import go_round
from holdout.errors import FetchFailed, FetchRefused
from holdout.fetch import Fetched, FetchLimits, fetch
from holdout.verdicts import Access, Outcome
from holdout.vocabulary import PRESETS, UsageCategory
from tests.carriers.pictures import saved
from tests.holdout.internet import PUBLIC, Internet, pages, redirect, reply

NOW = datetime(2026, 11, 23, tzinfo=UTC)
GEN = UsageCategory.TRAIN_GEN
PICTURE = saved("JPEG")
URL = "http://x.example/art/a.jpg"
TDMREP = b'[{"location": "/", "tdm-reservation": 1}]'


def picture(file: bytes = PICTURE, /, **headers: str) -> bytes:
    return reply(200, file, Content_Type="image/jpeg", **headers)


def doctored(site: dict[str, bytes], url: str = URL, *agents: str) -> Diagnosis:
    internet = Internet(**{"x.example": [PUBLIC], "y.example": ["2606:4700::1111"]})

    def ask(address: str, limits: FetchLimits) -> Fetched:
        return fetch(address, limits=limits, resolver=internet.resolver, connect=internet.connect)

    with internet.site(pages(**site)):
        return diagnose(go_round(url, agents=agents, ask=ask), at=NOW)


def codes(diagnosis: Diagnosis, weight: Weight) -> list[str]:
    return [finding.code for finding in diagnosis.findings if finding.weight is weight]


def test_a_site_that_says_nothing_is_told_what_it_could_say() -> None:
    found = doctored({"art/a.jpg": picture()})
    assert set(found.resolution.uses.values()) == {Outcome.UNKNOWN}
    assert found.resolution.access is Access.ALLOWED
    assert codes(found, Weight.MISTAKE) == []
    assert codes(found, Weight.GAP) == ["doctor_nothing_said", *["doctor_silent"] * 4, "doctor_not_in_file"]
    assert set(found.clients.values()) == {True}


def test_a_site_that_says_it_everywhere_has_no_gap() -> None:
    marked = plus.mark(
        PICTURE, PRESETS["no-ai"], statement="https://r.example/", constraint={"x-default": "No AI"}
    )
    found = doctored(
        {
            "art/a.jpg": picture(
                marked, X_Robots_Tag="noai, noimageai", Content_Usage="train-ai=n", tdm_reservation="1"
            ),
            "robots.txt": reply(
                200,
                b"User-agent: *\nContent-Signal: ai-train=no\nContent-Usage: train-ai=n\nAllow: /\n"
                b"License: http://x.example/l.xml\n\nUser-agent: GPTBot\nDisallow: /\n",
            ),
            ".well-known/tdmrep.json": reply(200, TDMREP),
            "ai.txt": reply(200, b"User-Agent: *\nDisallow: /\n"),
            "l.xml": reply(200, rsl.write(PRESETS["no-ai"])),
        }
    )
    assert found.resolution.uses[GEN] is Outcome.DENY
    assert (codes(found, Weight.MISTAKE), codes(found, Weight.GAP)) == ([], [])
    assert set(found.clients.values()) == {False}
    assert (found.crawlers["GPTBot"], found.crawlers["CCBot"]) == (Access.BLOCKED, Access.ALLOWED)
    assert {signal.standard for signal in found.signals} == {
        *("aipref", "noai", "robots", "content-signals", "ai-txt", "tdmrep", "rsl", "plus")
    }


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content_Usage": "ai-train=no"}, "aipref_other_vocabulary"),
        ({"Content_Usage": "train-ai = n"}, "aipref_unreadable"),
        ({"tdm_reservation": "yes"}, "tdmrep_value_unknown"),
        ({"Content_Signal": "train-ai=n"}, "content_signals_other_vocabulary"),
    ],
)
def test_what_means_nothing_is_called_a_mistake(headers: dict[str, str], code: str) -> None:
    found = doctored({"art/a.jpg": picture(**headers)})
    assert codes(found, Weight.MISTAKE) == [code]
    assert found.resolution.uses[GEN] is Outcome.UNKNOWN


def test_places_that_contradict_each_other_are_named() -> None:
    found = doctored(
        {
            "art/a.jpg": picture(X_Robots_Tag="noai", Content_Usage="train-ai=y"),
            "robots.txt": reply(404),
        }
    )
    (conflict,) = [f for f in found.findings if f.code == "doctor_conflict"]
    assert conflict.place == GEN
    assert conflict.text == "header Content-Usage: allow, header X-Robots-Tag: deny"
    assert found.resolution.uses[GEN] is Outcome.DENY


def test_a_program_that_would_not_see_it_is_named() -> None:
    found = doctored({"art/a.jpg": picture(), ".well-known/tdmrep.json": reply(200, TDMREP)})
    blind = [f.place for f in found.findings if f.code == "doctor_client_blind"]
    assert blind == ["img2dataset 1.47.0", "datadiligence 0.1.7"]
    capital = doctored({"art/a.jpg": picture(X_Robots_Tag="NoAI")})
    assert [f.place for f in capital.findings if f.code == "doctor_client_blind"] == ["datadiligence 0.1.7"]


def test_a_page_is_read_with_its_meta_elements() -> None:
    page = b'<html><meta name="robots" content="noai"><img src="a.jpg">'
    found = doctored(
        {"index": reply(200, page, Content_Type="text/html; charset=utf-8")}, "http://x.example/"
    )
    assert found.seen.is_page
    assert found.resolution.uses[GEN] is Outcome.DENY
    assert "doctor_not_in_file" not in codes(found, Weight.GAP)


def test_a_site_that_observes_may_permit_and_a_file_may_not() -> None:
    found = doctored({"art/a.jpg": picture(Content_Usage="train-ai=y")})
    assert found.resolution.uses[GEN] is Outcome.ALLOW


def test_an_unreachable_robots_txt_closes_the_site_and_a_broken_place_is_unknown() -> None:
    found = doctored(
        {
            "art/a.jpg": picture(),
            "robots.txt": reply(503),
            "ai.txt": reply(500),
            ".well-known/tdmrep.json": b"rubbish",
        }
    )
    assert found.resolution.access is Access.BLOCKED
    assert set(found.crawlers.values()) == {Access.BLOCKED}
    assert "robots_unreachable" in codes(found, Weight.MISTAKE)
    assert codes(found, Weight.GAP).count("doctor_place_unreachable") == 2


def test_what_is_not_there_is_said_and_its_site_is_still_read() -> None:
    found = doctored({".well-known/tdmrep.json": reply(200, TDMREP)})
    assert codes(found, Weight.GAP)[0] == "doctor_no_picture"
    assert found.resolution.uses[GEN] is Outcome.DENY


def test_signals_are_those_of_the_host_that_answered() -> None:
    found = doctored({"art/a.jpg": redirect("/b.jpg"), "b.jpg": picture(X_Robots_Tag="noai")})
    assert found.seen.surroundings.url == "http://x.example/b.jpg"
    assert found.resolution.uses[GEN] is Outcome.DENY


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/a.jpg", "ftp://x.example/a", "http://x.example:8080/", "nonsense"]
)
def test_an_address_that_nobody_may_be_sent_to_is_refused(url: str) -> None:
    with pytest.raises(FetchRefused):
        go_round(url)


def test_a_host_that_does_not_answer_is_not_examined() -> None:
    for url in ("http://nowhere.example/", "http://y.example/"):
        with pytest.raises(FetchFailed):
            doctored({}, url)


def test_a_licence_on_an_inner_host_is_not_fetched() -> None:
    site = {
        "art/a.jpg": picture(),
        "robots.txt": reply(200, b"User-agent: *\nAllow: /\nLicense: http://169.254.169.254/l.xml\n"),
    }
    found = doctored(site)
    (refused,) = [v for v in found.seen.others if "169.254" in v.url]
    assert refused.error is not None
    assert refused.error.code == "address_not_public"
    assert "rsl_unread" in codes(found, Weight.MISTAKE)


def test_at_most_ten_addresses_are_asked() -> None:
    links = ", ".join(f'</{n}.xml>; rel="license"; type="application/rsl+xml"' for n in range(50))
    found = doctored({"art/a.jpg": picture(Link=links)})
    assert len(found.seen.others) + 2 == 10


def test_every_finding_has_words_and_a_diagnosis_is_json() -> None:
    found = doctored({"art/a.jpg": picture(Content_Usage="ai-train=no")})
    written: dict[str, Any] = json.loads(json.dumps(as_json(found)))
    assert written["uses"]["train_gen"] == "unknown"
    assert len(written["crawlers"]) == len(crawlers()) == 166
    assert all(finding["words"] == WORDS[finding["code"]] for finding in written["findings"])


def test_every_finding_is_said_in_chinese_too() -> None:
    chinese = words_in("zh-Hans")
    assert set(chinese) == set(WORDS)
    assert all(chinese[code] != words for code, words in WORDS.items())
    assert words_in("en") is WORDS


def test_the_command_says_it_and_ends_with_what_it_found(monkeypatch: pytest.MonkeyPatch) -> None:
    site: dict[str, bytes] = {"art/a.jpg": picture(Content_Usage="ai-train=no [x]")}
    internet = Internet(**{"x.example": [PUBLIC]})

    def ask(address: str, limits: FetchLimits) -> Fetched:
        return fetch(address, limits=limits, resolver=internet.resolver, connect=internet.connect)

    monkeypatch.setattr(visit.go_round, "__kwdefaults__", {"agents": (), "contact": "", "ask": ask})
    run = CliRunner().invoke
    with internet.site(lambda request: pages(**site)(request)):
        said = run(app, ["doctor", URL], env={"COLUMNS": "200"})
        assert said.exit_code == 1
        assert "mistake header Content-Usage: ai-train=no [x]" in said.stdout
        site["art/a.jpg"] = picture(X_Robots_Tag="noai")
        asked = run(app, ["doctor", URL, "--json", "--agent", "MyBot"])
        assert asked.exit_code == 0
        assert json.loads(asked.stdout)["uses"]["train_gen"] == "deny"
