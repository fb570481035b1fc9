"""Lookups: what is sent, and how an answer is read. An answer is believed whole or not at all."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdout.answers import NOTHING_SAID, Answer, Answers, Uses
from holdout.carriers.wire import Sent, sent
from holdout.client.wire import Reply, Request
from holdout.errors import AnswerUnusable
from holdout.verdicts import Access, AsOf, Covered, Outcome, Query, Reason, Seen, Status
from holdout.vocabulary import UsageCategory

MOST_QUERIES: Final = 10_000
"""A call may ask about so many."""
MOST_KEYS: Final = 100_000
"""And about so many packed keys."""
MOST_FINGERPRINTS: Final = 64
"""And about the fingerprints of so many pictures."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Bodies are kept smaller than that (a registry takes 64 MiB), unless one query alone is larger."""

KEYS: Final = "application/vnd.holdout.keys"
KEY_BYTES: Final = 16
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"

_PATH: Final = "/v1/lookups"
_HITS: Final = MappingProxyType({"answers": "hits"})
_T = TypeVar("_T")


def chunks(values: Iterator[_T], *, size: int = MOST_QUERIES) -> Iterator[list[_T]]:
    """Any number of values in lists of at most `size`."""
    while chunk := list(islice(values, size)):
        yield chunk


class QueryChunk:
    """Queries on their way into one call."""

    def __init__(self) -> None:
        self.queries: list[Query] = []
        self._pictures = 0

    def add(self, query: Query) -> list[Query]:
        """All of them once a call takes no more, and then it begins anew; none before."""
        self.queries.append(query)
        self._pictures += query.fingerprints is not None
        if len(self.queries) < MOST_QUERIES and self._pictures < MOST_FINGERPRINTS:
            return []
        full, self.queries, self._pictures = self.queries, [], 0
        return full


def query_chunks(queries: Iterator[Query]) -> Iterator[list[Query]]:
    """Any number of queries in lists that one call takes each."""
    chunk = QueryChunk()
    for query in queries:
        if full := chunk.add(query):
            yield full
    if chunk.queries:
        yield chunk.queries


def url_requests(urls: Sequence[str]) -> Iterator[tuple[int, Request]]:
    """Ask about URLs, with how many each request asks about: one request, or more for very long URLs."""
    body, media_type = _url_body(urls)
    if len(body) > MOST_BYTES and len(urls) > 1:
        half = len(urls) // 2
        yield from url_requests(urls[:half])
        yield from url_requests(urls[half:])
    else:
        yield len(urls), _request(body, media_type, cost=len(urls), params=_HITS)


def _url_body(urls: Sequence[str]) -> tuple[bytes, str]:
    """Lines, and JSON only where a URL holds a line end (URL parsers drop it)."""
    text = "\n".join(urls)
    try:
        lines = text.encode()
    except UnicodeEncodeError:
        # A lone surrogate is in no URL: the empty text gets the error that it would get (`url_invalid`).
        return _url_body([url if _is_unicode(url) else "" for url in urls])
    if text.count("\n") != len(urls) - 1 or "\r" in text:
        return msgspec.json.encode({"urls": urls}), JSON
    # A body that ends with a line end has, to some readers, one line less: an empty last URL becomes a blank.
    return lines if urls[-1] else lines + b" ", TEXT


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def key_request(keys: bytes) -> Request:
    """Ask about packed keys, one after the other, of 16 bytes each: for a file the first of its SHA-256."""
    return _request(keys, KEYS, cost=len(keys) // KEY_BYTES, params=_HITS)


class Asked(msgspec.Struct, omit_defaults=True):
    """A query as it stands in JSON."""

    url: str | None = None
    sha256: str | None = None
    page_url: str | None = None
    account: str | None = None
    codes: dict[str, list[str]] | None = None
    fingerprints: str | None = None
    signals: Sent | None = None


def asked(query: Query) -> Asked:
    """A query as JSON has it."""
    return Asked(
        query.url,
        None if query.sha256 is None else query.sha256.hex(),
        query.page_url,
        query.account,
        {name: [code.hex() for code in codes] for name, codes in query.codes.items()} or None,
        None if query.fingerprints is None else b64encode(query.fingerprints.to_bytes()).decode(),
        None if query.signals is None else sent(query.signals),
    )


def query_requests(queries: Sequence[Asked], *, hits: bool = False) -> Iterator[tuple[int, Request]]:
    """Ask about pictures by any mix of keys, with all reasons, or (`hits`) in columns."""
    try:
        body = msgspec.json.encode({"queries": queries})
    except UnicodeEncodeError:
        body = msgspec.json.encode({"queries": list(map(_readable, queries))})
    pictures = sum(query.fingerprints is not None for query in queries)
    if (len(body) > MOST_BYTES or pictures > MOST_FINGERPRINTS) and len(queries) > 1:
        half = len(queries) // 2
        yield from query_requests(queries[:half], hits=hits)
        yield from query_requests(queries[half:], hits=hits)
    else:
        yield len(queries), _request(body, JSON, cost=len(queries), params=_HITS if hits else {})


def _readable(query: Asked) -> Asked:
    """With texts that JSON can hold; the empty one in the place of others fails as they would."""
    texts = {name: getattr(query, name) for name in ("url", "page_url", "account")}
    wrong = {name: "" for name, text in texts.items() if text is not None and not _is_unicode(text)}
    return msgspec.structs.replace(query, **wrong)


def _request(body: bytes, media_type: str, *, cost: int, params: Mapping[str, str]) -> Request:
    return Request("POST", _PATH, params, {"content-type": media_type}, body, quota="lookups", cost=cost)


class _AsOf(msgspec.Struct):
    log_index: int
    time: datetime


class _Error(msgspec.Struct):
    code: str
    detail: str = ""


class _Reason(msgspec.Struct):
    source: str
    method: str
    assurance: str | None
    uses: dict[str, str]
    mirrored: bool = False
    inverted: bool = False
    covered: Covered | None = None


class _Result(msgspec.Struct):
    status: Status
    uses: dict[str, str] = {}
    access: Access = Access.UNKNOWN
    disputed: bool = False
    reasons: list[_Reason] = []
    error: _Error | None = None


class _All(msgspec.Struct):
    as_of: _AsOf
    results: list[_Result]


class _Status(_Result):
    as_of: _AsOf | None = None


class _HitColumns(msgspec.Struct):
    row: list[int]
    outcome: list[int]
    source: list[str | None]
    disputed: list[int] = []


class _FailedColumns(msgspec.Struct):
    row: list[int]
    code: list[str]


class _Hits(msgspec.Struct):
    as_of: _AsOf
    queries: int
    outcomes: list[dict[str, str]]
    hits: _HitColumns
    failed: _FailedColumns
    blocked: list[int] = []
    index_version: int | None = None


_Shape = TypeVar("_Shape")


def read_all(reply: Reply, *, asked: int) -> list[Answer]:
    """The answers with all reasons. Raises `AnswerUnusable` unless there are exactly `asked`."""
    said = _decode(reply, _All)
    if len(said.results) != asked:
        raise _unusable(f"it has {len(said.results)} results for {asked} queries")
    as_of = _moment(said.as_of)
    return [_answer(result, as_of) for result in said.results]


def read_status(reply: Reply) -> Answer:
    """The answer of `GET /v1/status`. Raises `AnswerUnusable`."""
    said = _decode(reply, _Status)
    return _answer(said, _moment(said.as_of) if said.as_of else None)


def read_hits(reply: Reply, *, asked: int) -> Answers:
    """The answers in columns. What does not stand in them counts as "nothing said", so they must be whole.

    Raises `AnswerUnusable` unless they are about exactly `asked` queries and their columns fit each other.
    """
    said = _decode(reply, _Hits)
    if said.queries != asked:
        raise _unusable(f"it answers {said.queries} queries and {asked} were asked")
    hits, failed = said.hits, said.failed
    if not len(hits.row) == len(hits.outcome) == len(hits.source) or len(failed.row) != len(failed.code):
        raise _unusable("its columns differ in length")
    rows, bad = _rows(hits.row, asked), _rows(failed.row, asked)
    which = _numbers(hits.outcome)
    if which.size and not 0 <= which.min() <= which.max() < len(said.outcomes):
        raise _unusable("it names an outcome that it does not have")
    outcome, error = np.zeros(asked, np.uint16), np.zeros(asked, np.uint16)
    outcome[rows] = which + 1
    codes = list(dict.fromkeys(failed.code))
    error[bad] = [codes.index(code) + 1 for code in failed.code]
    if (outcome.astype(bool) & error.astype(bool)).any() or "" in codes:
        raise _unusable("a row in it is both checked and failed")
    return Answers(
        outcomes=(NOTHING_SAID, *(_uses(uses) for uses in said.outcomes)),
        outcome=outcome,
        errors=("", *codes),
        error=error,
        sources={row: source for row, source in zip(hits.row, hits.source, strict=True) if source},
        disputed=_rows(hits.disputed, asked),
        as_of=(_moment(said.as_of),),
        blocked=_rows(said.blocked, asked),
        index_versions=() if said.index_version is None else (said.index_version,),
    )


def _rows(rows: list[int], asked: int) -> NDArray[np.int64]:
    found = _numbers(rows)
    if found.size and not (found[0] >= 0 and found[-1] < asked and (np.diff(found) > 0).all()):
        raise _unusable("its rows are out of order or were not asked about")
    return found


def _numbers(said: list[int]) -> NDArray[np.int64]:
    try:
        return np.array(said, np.int64)
    except OverflowError as error:
        raise _unusable("a number in it is too large") from error


def _answer(result: _Result, as_of: AsOf | None) -> Answer:
    if result.status is Status.FAILED:
        error = result.error or _Error("error_missing")
        return Answer(Status.FAILED, error=error.code, detail=error.detail, as_of=as_of)
    reasons = tuple(map(_reason, result.reasons))
    return Answer(
        Status.CHECKED,
        _uses(result.uses),
        source=reasons[0].source if reasons else None,
        reasons=reasons,
        disputed=result.disputed,
        access=result.access,
        as_of=as_of,
    )


def _uses(said: Mapping[str, str]) -> Uses:
    try:
        return MappingProxyType({use: Outcome(said[use]) for use in UsageCategory})
    except (KeyError, ValueError) as error:
        raise _unusable(f"it has an answer that this version cannot read ({error})") from error


def _reason(said: _Reason) -> Reason:
    try:
        outcomes = {UsageCategory(use): Outcome(outcome) for use, outcome in said.uses.items()}
        assurance = None if said.assurance is None else int(said.assurance.removeprefix("L"))
    except ValueError as error:
        raise _unusable(f"it has a reason that this version cannot read ({error})") from error
    seen = None if said.covered is None else Seen(said.mirrored, said.inverted, said.covered)
    return Reason(said.source, said.method, assurance, MappingProxyType(outcomes), seen)


def _moment(said: _AsOf) -> AsOf:
    return AsOf(said.log_index, said.time)


def _decode(reply: Reply, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unusable(str(error)) from error


def _unusable(why: str) -> AnswerUnusable:
    return AnswerUnusable(
        "answer_unusable",
        f"The registry's answer does not answer what was asked: {why}. Nothing of it counts.",
    )
