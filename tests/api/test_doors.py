"""The ways in which a batch can be sent, and in which it is answered."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from holdout.index.keys import packed_key
from holdout.urls import KeyKind, url_key
from registry.models import Declarant
from tests.factories import OPEN, reserve_place, reserve_work

SHA = bytes(range(32))
RESERVED, FREE = "https://a.example/1.jpg", "https://b.example/1.jpg"


@pytest.fixture
def vendor(client: Client, vera_key: str, alice: Declarant) -> Client:
    reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {vera_key}"
    return client


def ask(vendor: Client, body: bytes | str, kind: str, *, answers: str = "all", **headers: str) -> Any:
    asked = f"/v1/lookups?answers={answers}"
    return json.loads(vendor.post(asked, body, content_type=kind, headers=headers or None).content)


def outcomes(answered: Any) -> list[str | None]:
    return [result.get("uses", {}).get("train_gen") for result in answered["results"]]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", json.dumps({"urls": [RESERVED, FREE, "nonsense"]})),
        ("application/json", json.dumps({"queries": [{"url": u} for u in (RESERVED, FREE, "nonsense")]})),
        ("text/plain", f"{RESERVED}\n{FREE}\nnonsense"),
        ("text/plain; charset=utf-8", f"{RESERVED}\n{FREE}\nnonsense\n"),
        ("text/plain", f"{RESERVED}\r\n{FREE}\r\nnonsense\r\n"),
        ("application/x-ndjson", f'{{"url": "{RESERVED}"}}\n{{"url": "{FREE}"}}\n{{"url": "nonsense"}}\n'),
    ],
)
def test_every_way_of_asking_is_answered_alike(vendor: Client, kind: str, body: str) -> None:
    answered = ask(vendor, body, kind)
    assert outcomes(answered) == ["deny", "unknown", None]
    assert answered["results"][2]["error"]["code"] == "url_invalid"
    hits = ask(vendor, body, kind, answers="hits")
    assert hits["queries"] == 3
    assert hits["hits"]["row"] == [0]
    assert hits["outcomes"][hits["hits"]["outcome"][0]]["train_gen"] == "deny"
    assert hits["hits"]["source"] == [answered["results"][0]["reasons"][0]["source"]]
    assert hits["failed"] == {"row": [2], "code": ["url_invalid"]}


def test_packed_keys_are_found_whatever_they_are_of(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, "https://c.example/x.jpg")
    reserve_work(alice, {"sha256": SHA})
    known = [packed_key(url_key("https://c.example/x.jpg").text), SHA[:16], packed_key("d example,a")]
    stranger = packed_key(url_key(FREE).text)
    halves_of_two = known[0][:8] + stranger[8:]
    body = b"".join([*known, stranger, halves_of_two])
    answered = ask(vendor, body, "application/vnd.holdout.keys")
    assert outcomes(answered) == ["deny", "deny", "deny", "unknown", "unknown"]
    methods = [r["reasons"][0]["method"] for r in answered["results"][:3]]
    assert methods == ["url", "exact_file", "domain"]


def test_a_blank_line_is_a_row_that_fails(vendor: Client) -> None:
    answered = ask(vendor, f"{RESERVED}\n\n{FREE}", "text/plain")
    assert outcomes(answered) == ["deny", None, "unknown"]


def test_only_the_strange_entry_of_a_list_of_urls_fails(vendor: Client) -> None:
    answered = ask(vendor, f'{{"urls": ["{RESERVED}", 7, null, "\\ud800"]}}', "application/json")
    assert outcomes(answered) == ["deny", None, None, None]
    codes = [result["error"]["code"] for result in answered["results"][1:]]
    assert codes == ["query_malformed", "query_malformed", "url_invalid"]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        ("application/json", '{"urls": []}', "no_queries"),
        ("application/json", '{"urls": ["x"], "queries": []}', "body_malformed"),
        ("application/json", '{"urls": "x"}', "body_malformed"),
        ("text/plain", "x\n" * 10_001, "too_many_queries"),
        ("application/vnd.holdout.keys", "x" * 17, "body_malformed"),
        ("image/png", "x", "upload_format_unknown"),
    ],
)
def test_what_is_no_batch_is_refused(vendor: Client, kind: str, body: str, code: str) -> None:
    answered = ask(vendor, body, kind)
    assert code in (answered.get("code"), *(r["error"]["code"] for r in answered.get("results", [])))


def test_an_unknown_parameter_is_refused(vendor: Client) -> None:
    answered = vendor.post("/v1/lookups?answer=hits", RESERVED, content_type="text/plain").json()
    assert answered["code"] == "parameter_unknown"
    assert ask(vendor, RESERVED, "text/plain", answers="some")["code"] == "parameter_unknown"


def test_a_packed_body_is_unpacked(vendor: Client) -> None:
    body = gzip.compress(f"{RESERVED}\n{FREE}".encode())
    assert outcomes(ask(vendor, body, "text/plain", **{"Content-Encoding": "gzip"})) == ["deny", "unknown"]


def test_a_bomb_is_refused_before_it_bursts(vendor: Client) -> None:
    bomb = gzip.compress(bytes(65 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert ask(vendor, bomb, "text/plain", **{"Content-Encoding": "gzip"})["code"] == "body_too_large"


@pytest.mark.parametrize(
    ("body", "encoding", "code"),
    [
        (b"no gzip", "gzip", "body_damaged"),
        (gzip.compress(b"https://a.example/", mtime=0)[:-4], "gzip", "body_damaged"),
        (gzip.compress(b"https://a.example/", mtime=0) + b"more", "gzip", "body_damaged"),
        (b"https://a.example/", "br", "encoding_unknown"),
    ],
)
def test_a_body_that_cannot_be_unpacked_is_refused(
    vendor: Client, body: bytes, encoding: str, code: str
) -> None:
    assert ask(vendor, body, "text/plain", **{"Content-Encoding": encoding})["code"] == code


class TestSpawningsQuery:
    """As datadiligence 0.1.7 and Hugging Face's dataset-viewer send it."""

    @pytest.fixture
    def client_of_it(self, vendor: Client, vera_key: str) -> Client:
        vendor.defaults["HTTP_AUTHORIZATION"] = f"API {vera_key}"
        return vendor

    @pytest.mark.parametrize("path", ["/api/v2/query/urls", "/api/v2/query/urls/"])
    @pytest.mark.parametrize("kind", ["text/plain", "text/plain; charset=utf-8", "application/octet-stream"])
    def test_answers_stand_in_the_order_of_lines(self, client_of_it: Client, path: str, kind: str) -> None:
        response = client_of_it.post(path, f"{FREE}\n{RESERVED}", content_type=kind)
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        assert [(e["url"], e["optOut"], e["optIn"]) for e in response.json()["urls"]] == [
            (FREE, False, False),
            (RESERVED, True, False),
        ]

    def test_each_line_has_an_entry_blank_ones_too(self, client_of_it: Client) -> None:
        """Hugging Face's own test of the protocol sends one address and one blank line."""
        answered = client_of_it.post("/api/v2/query/urls", f"{FREE}\n", content_type="text/plain").json()
        assert [(entry["url"], entry["optOut"]) for entry in answered["urls"]] == [(FREE, False), ("", True)]

    def test_what_could_not_be_checked_is_never_allowed(self, client_of_it: Client) -> None:
        body = f"nonsense\n\n{'https://a.example/' + '/' * 300}".encode() + b"\n\xff\xfe"
        answered = client_of_it.post("/api/v2/query/urls", body, content_type="text/plain").json()
        assert [entry["optOut"] for entry in answered["urls"]] == [True] * 4
        assert {entry["status"] for entry in answered["urls"]} == {"failed"}

    @pytest.mark.parametrize("body", ["", "\n", "\n\n", "nonsense\n", "nonsense\n\n", "\r\n"])
    def test_blank_lines_at_the_end_are_opt_outs_too(self, client_of_it: Client, body: str) -> None:
        answered = client_of_it.post("/api/v2/query/urls", body, content_type="text/plain").json()
        assert [entry["optOut"] for entry in answered["urls"]] == [True] * len(body.split("\n"))

    def test_an_opt_in_is_told(self, client_of_it: Client, alice: Declarant) -> None:
        reserve_place(alice, "https://open.example/1.jpg", preferences=OPEN)
        answered = client_of_it.post(
            "/api/v2/query/urls", "https://open.example/1.jpg", content_type="text/plain"
        ).json()
        assert [(e["optOut"], e["optIn"]) for e in answered["urls"]] == [(False, True)]

    def test_without_a_key_there_is_no_answer(self, client: Client) -> None:
        assert client.post("/api/v2/query/urls", FREE, content_type="text/plain").status_code == 401
