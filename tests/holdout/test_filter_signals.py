"""What an ingest loop lets through when it saw what stands round the pictures."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from holdout.carriers.surroundings import Surroundings
from holdout.client import Client, Retry
from holdout.filter import Filter
from holdout.policy import Decision
from holdout.verdicts import Access, Outcome, Query
from tests.holdout.registry_stub import NO_AI, OPEN, RegistryStub

NOAI = Surroundings(headers=(("X-Robots-Tag", "NoAI"),))
CLOSED = Surroundings(url="https://a.example/x", agents=("me",), robots=b"User-agent: me\nDisallow: /x\n")
ALLOWING = Surroundings(headers=(("Content-Usage", "train-ai=y"), ("tdm-reservation", "0")))


@pytest.fixture
def client() -> Iterator[Client]:
    stub = RegistryStub()
    stub.says = {"https://a.example/deny": NO_AI, "https://a.example/allow": OPEN}
    hasty = Retry(attempts=2, first_seconds=0.001)
    with Client("https://registry.example", "k", transport=stub.transport(), retry=hasty) as opened:
        yield opened


def decided(client: Client, *rows: tuple[str, Surroundings | None]) -> list[Any]:
    choose = Filter(client, use="train_gen", on_unset="keep", on_review="hold")
    found = list(choose.decisions(rows, url=lambda row: row[0], signals=lambda row: row[1]))
    kept = list(choose(rows, url=lambda row: row[0], signals=lambda row: row[1]))
    assert kept == [each.row for each in found if each.decision is Decision.KEEP]
    return found


def test_what_a_site_says_drops_what_the_registry_does_not_know(client: Client) -> None:
    plain, said = decided(client, ("https://a.example/1", None), ("https://a.example/1", NOAI))
    assert (plain.decision, said.decision) == (Decision.KEEP, Decision.DROP)
    assert (said.answer.source, said.answer.uses["train_gen"]) == ("noai", Outcome.DENY)


def test_it_restricts_what_is_permitted_and_permits_nothing(client: Client) -> None:
    permitted, reserved, unset, broken = decided(
        client,
        ("https://a.example/allow", NOAI),
        ("https://a.example/deny", ALLOWING),
        ("https://a.example/unset", ALLOWING),
        ("not a url", NOAI),
    )
    assert [d.decision for d in (permitted, reserved, unset, broken)] == ["drop", "drop", "keep", "fail"]
    assert unset.answer.uses["train_gen"] is Outcome.UNKNOWN


def test_what_the_crawler_may_not_fetch_is_dropped(client: Client) -> None:
    (closed,) = decided(client, ("https://a.example/allow", CLOSED))
    assert closed.decision is Decision.DROP
    assert closed.answer.access is Access.BLOCKED
    assert closed.answer.uses["train_gen"] is Outcome.ALLOW


def test_a_query_takes_them_to_the_registry() -> None:
    stub = RegistryStub()
    with Client("https://registry.example", "k", transport=stub.transport()) as client:
        list(client.lookup([Query(url="https://a.example/1", signals=CLOSED)]))
    (query,) = json.loads(stub.requests[-1].content)["queries"]
    assert query["signals"] == {"agents": ["me"], "robots": "User-agent: me\nDisallow: /x\n"}
