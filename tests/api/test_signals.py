"""`POST /v1/lookups` with what the crawler saw: it counts beside what is registered, and only restricts."""

from typing import Any

import pytest
from django.test import Client

from holdout.resolution import Assurance
from lookup.models import HitBatch
from registry.models import Declarant
from tests.factories import OPEN, reserve_place

pytestmark = pytest.mark.django_db
URL = "https://alice.example/x.jpg"
DENYING: dict[str, Any] = {
    "headers": {"Content-Usage": "train-ai=n"},
    "meta": {"robots": ["index", "noai"]},
    "robots": "User-agent: *\nContent-Signal: ai-train=no\n",
    "ai_txt": "User-Agent: *\nDisallow: *.jpg\n",
    "tdmrep": '[{"location": "/", "tdm-reservation": 1}]',
    "iscc": '{"@type": "TDM", "tdm_reservation": 1}',
    "xmp": '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description '
    'xmlns:p="http://ns.useplus.org/ldf/xmp/1.0/" p:DataMining="DMI-PROHIBITED"/></r:RDF>',
}


def results(client: Client, *queries: Any) -> list[dict[str, Any]]:
    response = client.post("/v1/lookups", {"queries": queries}, content_type="application/json")
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = response.json()["results"]
    return found


def hits(client: Client, *queries: Any) -> dict[str, Any]:
    response = client.post("/v1/lookups?answers=hits", {"queries": queries}, content_type="application/json")
    assert response.status_code == 200, response.content
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize("carrier", DENYING)
def test_each_carrier_counts(vendor: Client, carrier: str) -> None:
    said, silent = results(
        vendor, {"url": URL, "signals": {carrier: DENYING[carrier]}}, {"url": URL, "signals": {}}
    )
    assert said["uses"]["train_gen"] == "deny"
    (reason,) = said["reasons"]
    assert reason["assurance"] is None
    assert silent["uses"]["train_gen"] == "unknown"


def test_the_reason_names_the_standard_and_the_place(vendor: Client) -> None:
    (said,) = results(vendor, {"url": URL, "signals": DENYING})
    assert {(reason["method"], reason["source"]) for reason in said["reasons"]} == {
        ("aipref", "header Content-Usage"),
        ("noai", "HTML meta robots"),
        ("content-signals", "robots.txt Content-Signal"),
        ("ai-txt", "ai.txt"),
        ("tdmrep", "tdmrep.json"),
        ("plus", "XMP plus:DataMining"),
        ("iscc", "ISCC metadata"),
    }


def test_signals_never_permit_nor_lift_what_is_registered(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    allowing = {"headers": {"content-usage": "train-ai=y", "tdm-reservation": "0"}}
    registered, unknown = results(
        vendor, {"url": URL, "signals": allowing}, {"url": "https://bob.example/", "signals": allowing}
    )
    assert registered["uses"]["train_gen"] == "deny"
    assert set(unknown["uses"].values()) == {"unknown"}


def test_signals_restrict_what_is_permitted(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL, preferences=OPEN, level=Assurance.L3)
    plain, said = results(
        vendor, {"url": URL}, {"url": URL, "signals": {"headers": {"content-usage": "search=n"}}}
    )
    assert plain["uses"]["search"] == "allow"
    assert (said["uses"]["search"], said["uses"]["train_gen"]) == ("deny", "allow")


def test_access_depends_on_who_asks_and_is_told_apart(vendor: Client) -> None:
    robots = "User-agent: MyBot\nDisallow: /x\n"
    mine, other = results(
        vendor,
        {"url": URL, "signals": {"robots": robots, "agents": ["mybot"]}},
        {"url": URL, "signals": {"robots": robots, "agents": ["otherbot"]}},
    )
    assert (mine["access"], other["access"]) == ("blocked", "unknown")
    assert set(mine["uses"].values()) == {"unknown"}
    assert hits(vendor, {"url": URL, "signals": {"robots": robots, "agents": ["mybot"]}})["blocked"] == [0]


def test_the_quick_answer_says_the_same_and_notes_no_hit_of_a_statement(
    vendor: Client, alice: Declarant
) -> None:
    reserve_place(alice, URL)
    queries = [
        {"url": "https://bob.example/a"},
        {"url": "https://bob.example/b", "signals": {"headers": {"x-robots-tag": "noai"}}},
        {"url": URL, "signals": {"headers": {"x-robots-tag": "noindex"}}},
        {"url": "nonsense", "signals": {"headers": {"x-robots-tag": "noai"}}},
    ]
    full, quick = results(vendor, *queries), hits(vendor, *queries)
    assert quick["hits"]["row"] == [1, 2]
    for row, outcome in zip(quick["hits"]["row"], quick["hits"]["outcome"], strict=True):
        assert quick["outcomes"][outcome] == full[row]["uses"]
    assert quick["hits"]["source"][0] == "noai"
    assert quick["hits"]["source"][1] == full[2]["reasons"][0]["source"]
    assert quick["failed"]["row"] == [3]
    assert [len(batch.statements) for batch in HitBatch.objects.all()] == [16, 16]  # Alice's alone


@pytest.mark.parametrize(
    ("signals", "code"),
    [
        ({"robots": "x" * 1_100_000}, "signals_too_large"),
        ({"header": {}}, "query_malformed"),
        ({"headers": {"a": 1}}, "query_malformed"),
        ([], "query_malformed"),
    ],
)
def test_bad_signals_fail_their_query_alone(vendor: Client, signals: Any, code: str) -> None:
    good, bad = results(vendor, {"url": URL}, {"url": URL, "signals": signals})
    assert good["status"] == "checked"
    assert bad["error"]["code"] == code


def test_signals_alone_are_no_question(vendor: Client) -> None:
    (said,) = results(vendor, {"signals": DENYING})
    assert said["error"]["code"] == "query_has_no_key"


def test_a_result_depends_on_its_own_query_alone(vendor: Client) -> None:
    queries = [
        {"url": URL, "signals": {name: said}} if n % 2 else {"url": f"https://x.example/{n}"}
        for n, (name, said) in enumerate([*DENYING.items()] * 2)
    ]
    together = results(vendor, *queries)
    assert together == [result for query in queries for result in results(vendor, query)]
