"""What the client asks, and what it believes."""

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.answers import NOTHING_SAID, Answer, joined
from holdout.client import Client, Retry
from holdout.client.lookups import asked, query_requests, read_all, read_hits, url_requests
from holdout.client.wire import Reply
from holdout.errors import AnswerUnusable, InvalidInput, RegistryAway, RequestRefused
from holdout.fingerprints.picture import PictureFingerprints
from holdout.questions import questions
from holdout.verdicts import Covered, Outcome, Query, Seen, Status
from holdout.vocabulary import UsageCategory
from tests.factories import looks_of
from tests.holdout.registry_stub import (
    ASK_FIRST,
    NO_AI,
    OPEN,
    STATEMENT,
    RegistryStub,
    hits,
    instead,
    later,
    lost,
    problem,
)

TRAIN = UsageCategory.TRAIN_GEN


@pytest.fixture
def stub() -> RegistryStub:
    return RegistryStub()


@pytest.fixture
def client(stub: RegistryStub) -> Iterator[Client]:
    with Client("https://registry.example", "ho_test_key", transport=stub.transport(), retry=HASTY) as opened:
        yield opened


HASTY = Retry(attempts=3, first_seconds=0.001, patience_seconds=1)


def test_urls_are_answered_in_their_order(stub: RegistryStub, client: Client) -> None:
    stub.says = {"https://a.example/2": NO_AI, "https://a.example/3": OPEN}
    stub.disputed = {"https://a.example/2"}
    urls = [f"https://a.example/{n}" for n in range(4)]
    answers = list(client.lookup_urls(urls))
    assert [answer.outcome(TRAIN) for answer in answers] == ["unknown", "unknown", "deny", "allow"]
    assert answers[0].uses == NOTHING_SAID
    assert answers[2].uses == NO_AI
    assert (answers[2].source, answers[2].disputed) == (STATEMENT, True)
    assert [answer.as_of and answer.as_of.log_index for answer in answers] == [41] * 4


def test_any_number_of_urls_goes_in_calls_of_at_most_10_000(stub: RegistryStub, client: Client) -> None:
    stub.says = {"https://a.example/20004": NO_AI}
    urls = (f"https://a.example/{n}" for n in range(20_005))
    answers = list(client.lookup_urls(urls))
    assert len(answers) == 20_005
    assert [n for n, answer in enumerate(answers) if answer.outcome(TRAIN) is Outcome.DENY] == [20_004]
    assert sorted(len(asked) for asked in stub.asked) == [5, 10_000, 10_000]


def test_nothing_is_asked_before_somebody_wants_the_answer(stub: RegistryStub, client: Client) -> None:
    answers = client.lookup_urls(f"https://a.example/{n}" for n in range(1_000_000))
    assert stub.requests == []
    next(answers)
    answers.close()  # type: ignore[attr-defined]
    assert 1 <= len(stub.requests) <= 3


def test_a_url_that_is_none_fails_and_the_others_do_not(client: Client) -> None:
    answers = list(client.lookup_urls(["https://a.example/", "cat.jpg", "", "\ud800", "a\nb", ""]))
    assert [answer.status for answer in answers] == ["checked", *["failed"] * 5]
    assert {answer.error for answer in answers[1:]} == {"url_invalid"}
    assert {answer.outcome() for answer in answers[1:]} == {None}
    assert answers[1].uses == {}


@given(st.lists(st.text(alphabet="ab\n\r\t \ud800é", max_size=4), min_size=1, max_size=6))
def test_whatever_the_urls_are_there_are_as_many_answers(urls: list[str]) -> None:
    stub = RegistryStub()
    with Client("https://registry.example", transport=stub.transport(), retry=HASTY) as client:
        assert len(list(client.lookup_urls(urls))) == len(urls)


def test_a_url_with_a_line_end_in_it_stays_one_url(stub: RegistryStub, client: Client) -> None:
    assert len(list(client.lookup_urls(["https://a.example/x\ny", "https://a.example/"]))) == 2
    assert stub.asked == [["https://a.example/x\ny", "https://a.example/"]]
    assert stub.requests[0].headers["content-type"] == "application/json"


def test_very_long_urls_are_spread_over_calls_that_the_registry_takes() -> None:
    urls = ["https://a.example/" + "x" * 8_000] * 5_000
    requests = list(url_requests(urls))
    assert [asked for asked, _ in requests] == [1_250] * 4
    assert all(len(request.body) < 16 * 1024**2 for _, request in requests if isinstance(request.body, bytes))


def test_queries_of_any_mix_come_back_with_reasons(stub: RegistryStub, client: Client) -> None:
    digest = b"\x9f" * 32
    stub.says = {digest.hex(): ASK_FIRST}
    queries = [
        Query(url="https://a.example/"),
        Query(sha256=digest),
        Query(url="https://b.example/", codes={"phash-256/1": (b"\x00" * 32,)}),
    ]
    answers = list(client.lookup(queries))
    assert [answer.outcome(TRAIN) for answer in answers] == ["unknown", "conditional", "unknown"]
    (reason,) = answers[1].reasons
    assert (reason.source, reason.method, reason.assurance) == (STATEMENT, "url", 3)
    assert reason.outcomes == {TRAIN: Outcome.CONDITIONAL}
    assert b'"codes":{"phash-256/1":["' + b"00" * 32 in stub.requests[0].content


def test_fingerprints_go_in_base64_and_in_calls_that_the_registry_takes() -> None:
    taken = looks_of({"phash-256/1": bytes(32)}, query=True)
    query = asked(Query(fingerprints=taken))
    assert query.fingerprints is not None
    assert PictureFingerprints.from_bytes(b64decode(query.fingerprints)) == taken
    requests = list(query_requests([query] * 130))
    assert [number for number, _ in requests] == [32, 33, 32, 33]
    assert [number for number, _ in query_requests([asked(Query(url="https://a.example/"))] * 130)] == [130]


def test_a_near_copys_reason_comes_with_how_it_shows_the_picture() -> None:
    uses = {use.value: "unknown" for use in UsageCategory} | {"train_gen": "deny"}
    reason = {"source": STATEMENT, "method": "contains", "assurance": "L2", "uses": {"train_gen": "deny"}}
    near = reason | {"mirrored": True, "inverted": False, "covered": "half"}
    as_of = {"log_index": 1, "time": "2026-11-22T09:30:00+00:00"}
    result = {"status": "checked", "uses": uses, "reasons": [near, reason], "disputed": False}
    body = json.dumps({"as_of": as_of, "results": [result]}).encode()
    (answer,) = read_all(Reply(200, {}, body), asked=1)
    assert [said.seen for said in answer.reasons] == [Seen(True, False, Covered.HALF), None]


def test_files_go_by_the_first_half_of_their_digests(stub: RegistryStub, client: Client) -> None:
    digest = bytes(range(32))
    stub.says = {digest[:16].hex(): NO_AI}
    assert [a.outcome(TRAIN) for a in client.lookup_files([b"\0" * 32, digest])] == ["unknown", "deny"]
    assert stub.requests[0].content == b"\0" * 16 + digest[:16]


def test_a_digest_of_another_kind_is_refused_before_it_finds_nothing(client: Client) -> None:
    with pytest.raises(InvalidInput) as refused:
        list(client.lookup_files([b"\0" * 16]))
    assert refused.value.code == "fingerprint_malformed"


def test_a_batch_of_urls_and_digests_fails_the_rows_that_cannot_be_asked(
    stub: RegistryStub, client: Client
) -> None:
    stub.says = {"https://a.example/": NO_AI, "9f" * 32: ASK_FIRST}
    asked = questions(
        urls=["https://a.example/", None, "https://b.example/", None, "cat.jpg"],
        sha256=[None, "9f" * 32, "MD5", None, None],
    )
    answers = list(client.ask(asked))
    assert [answer.outcome(TRAIN) for answer in answers] == ["deny", "conditional", None, None, None]
    assert [answer.error for answer in answers] == [
        None, None, "fingerprint_malformed", "query_has_no_key", "url_invalid",
    ]  # fmt: skip
    assert answers[0].source == STATEMENT


@pytest.mark.parametrize("column", ["urls", "sha256"])
def test_a_batch_by_one_column_goes_by_its_own_door(column: str, stub: RegistryStub, client: Client) -> None:
    by_url = column == "urls"
    asked = questions(
        urls=["https://a.example/"] * 10_001 if by_url else None,
        sha256=None if by_url else ["9f" * 32] * 10_001,
    )
    assert client.ask(asked).rows == 10_001
    assert len(stub.requests) == (2 if by_url else 1)  # files go 100,000 a call
    door = {"urls": "text/plain; charset=utf-8", "sha256": "application/vnd.holdout.keys"}
    assert {request.headers["content-type"] for request in stub.requests} == {door[column]}


def test_a_picture_is_asked_about_by_the_page_it_was_found_on_too(stub: RegistryStub, client: Client) -> None:
    stub.says = {"https://page.example/": ASK_FIRST}
    asked = questions(
        urls=["https://a.example/", None, None],
        pages=["https://page.example/", "https://page.example/", None],
    )
    answers = list(client.ask(asked))
    assert [answer.outcome(TRAIN) for answer in answers] == ["conditional", "conditional", None]
    (answer,) = client.lookup([Query(page_url="https://page.example/")])
    assert answer.outcome(TRAIN) is Outcome.CONDITIONAL


def test_a_batch_in_which_no_row_can_be_asked_is_not_sent(stub: RegistryStub, client: Client) -> None:
    assert [answer.error for answer in client.ask(questions(urls=[None, ""]))] == ["query_has_no_key"] * 2
    assert stub.requests == []


def test_bodies_are_compressed_for_who_wants_it(stub: RegistryStub) -> None:
    urls = [f"https://a.example/{n}" for n in range(500)]
    with Client("https://r.example", "k", transport=stub.transport(), compress=True) as client:
        assert len(list(client.lookup_urls(urls))) == 500
    assert stub.requests[0].headers["content-encoding"] == "gzip"
    assert stub.asked == [urls]


def checked(uses: dict[str, str]) -> dict[str, Any]:
    return {"status": "checked", "uses": uses, "reasons": [{"source": "stm_x"}], "disputed": False}


GOOD = hits([checked(NO_AI), checked(OPEN), {"status": "failed", "error": {"code": "url_invalid"}}])


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        ({**GOOD, "queries": 2}, "answers 2 queries"),
        ({**GOOD, "queries": 4}, "answers 4 queries"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [1, 0]}}, "out of order"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [0, 0]}}, "out of order"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [0, 3]}}, "not asked"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [-1, 0]}}, "not asked"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [0, 2]}}, "both checked and failed"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [0]}}, "differ in length"),
        ({**GOOD, "hits": {**GOOD["hits"], "source": []}}, "differ in length"),
        ({**GOOD, "hits": {**GOOD["hits"], "outcome": [0, 2]}}, "outcome that it does not have"),
        ({**GOOD, "hits": {**GOOD["hits"], "outcome": [0, -1]}}, "outcome that it does not have"),
        ({**GOOD, "hits": {**GOOD["hits"], "outcome": [0, 2**63]}}, "too large"),
        ({**GOOD, "hits": {**GOOD["hits"], "row": [0, 2**64]}}, "too large"),
        ({**GOOD, "failed": {"row": [2], "code": []}}, "differ in length"),
        ({**GOOD, "failed": {"row": [2], "code": [""]}}, "both checked and failed"),
        ({**GOOD, "outcomes": [{"train_gen": "allow"}, OPEN]}, "cannot read"),
        ({**GOOD, "outcomes": [{**NO_AI, "tdm": "fine"}, OPEN]}, "cannot read"),
        ({key: value for key, value in GOOD.items() if key != "failed"}, "failed"),
        ({"as_of": GOOD["as_of"], "results": []}, "queries"),
        ([], "Expected"),
    ],
)
def test_an_answer_that_does_not_fit_the_question_is_not_believed(
    spoilt: Any, why: str, stub: RegistryStub, client: Client
) -> None:
    urls = ["https://a.example/"] * 3
    stub.faults.append(instead(GOOD))
    assert [a.outcome(TRAIN) for a in client.lookup_urls(urls)] == ["deny", "allow", None]
    stub.faults.append(instead(spoilt))
    with pytest.raises(AnswerUnusable, match=why):
        list(client.lookup_urls(urls))


@pytest.mark.parametrize(
    "spoilt",
    [
        {"results": []},
        {"results": [{"status": "checked", "uses": NO_AI}]},
        {"results": [{"status": "checked", "uses": {}}] * 2},
        {"results": [{"status": "fine", "uses": NO_AI}] * 2},
        {"results": [{"status": "checked", "uses": NO_AI}] * 3},
        {"results": [{"status": "checked", "uses": {**NO_AI, "tdm": "perhaps"}}] * 2},
        {"results": [{"status": "checked"}] * 2},
    ],
)
def test_a_full_answer_has_one_whole_result_for_each_query(
    spoilt: dict[str, Any], stub: RegistryStub, client: Client
) -> None:
    stub.faults.append(instead({"as_of": GOOD["as_of"], **spoilt}))
    with pytest.raises(AnswerUnusable):
        list(client.lookup([Query(url="https://a.example/")] * 2))


def test_a_failed_result_without_a_word_is_failed_all_the_same(stub: RegistryStub, client: Client) -> None:
    stub.faults.append(instead({"as_of": GOOD["as_of"], "results": [{"status": "failed", "uses": OPEN}]}))
    (answer,) = client.lookup([Query(url="https://a.example/")])
    assert (answer.status, answer.uses, answer.error) == (Status.FAILED, {}, "error_missing")


@given(st.binary(max_size=60))
def test_bytes_that_are_no_answer_are_unusable(body: bytes) -> None:
    with pytest.raises(AnswerUnusable):
        read_hits(Reply(200, body=body), asked=1)


def test_an_answer_that_breaks_off_is_asked_for_again(stub: RegistryStub, client: Client) -> None:
    stub.faults.extend([lost, later(), later(502)])
    with pytest.raises(RegistryAway):
        list(client.lookup_urls(["https://a.example/"]))
    stub.faults.extend([lost, later()])
    assert [answer.status for answer in client.lookup_urls(["https://a.example/"])] == ["checked"]


def test_a_refusal_is_not_repeated(stub: RegistryStub, client: Client) -> None:
    stub.faults.append(lambda request: problem(401, "key_unknown"))
    with pytest.raises(RequestRefused) as refused:
        list(client.lookup_urls(["https://a.example/"]))
    assert (refused.value.code, refused.value.status) == ("key_unknown", 401)
    assert len(stub.requests) == 1


def test_a_server_that_is_no_registry_is_told_apart(stub: RegistryStub, client: Client) -> None:
    stub.faults.append(lambda request: httpx.Response(301, headers={"location": "https://b.example/"}))
    with pytest.raises(RequestRefused, match="Is it a Holdout registry"):
        list(client.lookup_urls(["https://a.example/"]))
    assert len(stub.requests) == 1  # the key goes nowhere else


def test_the_status_of_one_url_needs_no_key(stub: RegistryStub) -> None:
    stub.says = {"https://a.example/?x=1&y=2": NO_AI}
    with Client("https://r.example", transport=stub.transport()) as client:
        assert client.status("https://a.example/?x=1&y=2").outcome(TRAIN) is Outcome.DENY
    assert "authorization" not in stub.requests[0].headers


@pytest.mark.parametrize(
    ("server", "key", "code"),
    [
        ("registry.example", None, "server_invalid"),
        ("ftp://registry.example", None, "server_invalid"),
        ("https://", None, "server_invalid"),
        ("https://registry.example", "", "key_invalid"),
        ("https://registry.example", "a\nb", "key_invalid"),
        ("https://registry.example", "schlüssel", "key_invalid"),
    ],
)
def test_a_client_that_could_not_work_is_refused_at_once(server: str, key: str | None, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Client(server, key)
    assert refused.value.code == code


def test_answers_to_batches_are_joined_as_they_are() -> None:
    first = read_hits(Reply(200, body=_json(GOOD)), asked=3)
    other = hits(
        [checked(ASK_FIRST), {"status": "failed", "error": {"code": "url_too_deep"}}], index_version=8
    )
    second = read_hits(Reply(200, body=_json(other)), asked=2)
    both = joined([first, second])
    assert list(both) == [*first, *second]
    assert both.index_versions == (7, 8)
    assert joined([]).rows == 0
    assert all(isinstance(answer, Answer) for answer in both)


def _json(content: Any) -> bytes:
    return httpx.Response(200, json=content).content
