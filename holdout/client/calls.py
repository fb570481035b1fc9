"""The lookups a client can make, as conversations over one chunk of at most 10,000 questions."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa

from holdout.answers import Answer, Answers, joined, nothing_found
from holdout.client.lookups import (
    KEY_BYTES,
    MOST_KEYS,
    MOST_QUERIES,
    Asked,
    asked,
    key_request,
    query_requests,
    read_all,
    read_hits,
    read_status,
    url_requests,
)
from holdout.client.retry import Terms, exchange
from holdout.client.wire import Conversation, Request, Send
from holdout.errors import InvalidInput
from holdout.questions import BAD_DIGEST, DIGEST_BYTES, Questions, digest_rows, slices, with_errors
from holdout.verdicts import Query


def look_up(queries: Sequence[Query], terms: Terms) -> Conversation[list[Answer]]:
    """With all reasons."""
    answers: list[Answer] = []
    for number, request in query_requests(list(map(asked, queries))):
        answers += read_all((yield from exchange(Send(request), terms)), asked=number)
    return answers


def look_up_urls(urls: Sequence[str], terms: Terms) -> Conversation[Answers]:
    """By the quick door: lines out, hits back."""
    parts = []
    for number, request in url_requests(urls):
        parts.append(read_hits((yield from exchange(Send(request), terms)), asked=number))
    return joined(parts)


def checked_digest(digest: bytes) -> bytes:
    """Raises `InvalidInput` (`fingerprint_malformed`): a digest of another kind would find nothing, ever."""
    if len(digest) != DIGEST_BYTES:
        raise InvalidInput(BAD_DIGEST, f"A SHA-256 has {DIGEST_BYTES} bytes, and this one {len(digest)}.")
    return digest


def look_up_digests(digests: Sequence[bytes], terms: Terms) -> Conversation[Answers]:
    """By the packed door: the first half of each SHA-256 out, hits back."""
    return (yield from _look_up_keys(b"".join([digest[:KEY_BYTES] for digest in digests]), terms))


def _look_up_keys(keys: bytes, terms: Terms) -> Conversation[Answers]:
    reply = yield from exchange(Send(key_request(keys)), terms)
    return read_hits(reply, asked=len(keys) // KEY_BYTES)


def parts(questions: Questions, terms: Terms) -> Iterator[Conversation[Answers]]:
    """`questions` in as many calls as it takes, whose answers `joined` puts together."""
    by_digest_alone = questions.urls is None and questions.pages is None
    return (_ask(part, terms) for part in slices(questions, MOST_KEYS if by_digest_alone else MOST_QUERIES))


def _ask(questions: Questions, terms: Terms) -> Conversation[Answers]:
    """Any mix of columns, by the quickest door that takes it. Rows with errors are not sent."""
    rows = np.setdiff1d(
        np.arange(questions.rows), np.fromiter(questions.errors, np.int64, len(questions.errors))
    )
    if not len(rows):
        return with_errors(nothing_found(questions.rows), questions.errors)
    if questions.urls is None and questions.pages is None and questions.digests is not None:
        keys = digest_rows(questions.digests)[rows, :KEY_BYTES].tobytes()
        answers = yield from _look_up_keys(keys, terms)
        return with_errors(_spread(answers, rows, questions.rows), questions.errors)
    urls, digests, pages = (
        _cells(column, rows) for column in (questions.urls, questions.digests, questions.pages)
    )
    if digests is None and pages is None and urls is not None:
        answers = yield from look_up_urls([_text(url) for url in urls], terms)
    else:
        none = [None] * len(rows)
        mixed = zip(urls or none, digests or none, pages or none, strict=True)
        answers = yield from _look_up_mixed(
            [Asked(_text(url), digest and digest.hex(), _text(page)) for url, digest, page in mixed], terms
        )
    return with_errors(_spread(answers, rows, questions.rows), questions.errors)


def _look_up_mixed(queries: Sequence[Asked], terms: Terms) -> Conversation[Answers]:
    parts = []
    for number, request in query_requests(queries, hits=True):
        parts.append(read_hits((yield from exchange(Send(request), terms)), asked=number))
    return joined(parts)


def status(url: str | None, sha256: bytes | None, terms: Terms) -> Conversation[Answer]:
    """One picture, without a key. A query that cannot be answered raises `RequestRefused`."""
    given = {"url": url, "sha256": None if sha256 is None else checked_digest(sha256).hex()}
    params = {name: value for name, value in given.items() if value is not None}
    request = Request("GET", "/v1/status", params, quota="status")
    return read_status((yield from exchange(Send(request), terms)))


def _cells(column: pa.Array | None, rows: Any) -> list[Any] | None:
    """The cells of `rows`; None where none of them has a value."""
    if column is None:
        return None
    taken = column.take(pa.array(rows))
    cells: list[Any] | None = None if taken.null_count == len(taken) else taken.to_pylist()
    return cells


@overload
def _text(url: bytes) -> str: ...
@overload
def _text(url: None) -> None: ...
def _text(url: bytes | None) -> str | None:
    """Bytes that are no UTF-8 become what no URL parser accepts."""
    return None if url is None else url.decode("utf-8", "surrogateescape")


def _spread(answers: Answers, rows: Any, total: int) -> Answers:
    """Answers to `rows` alone as answers to `total` rows; who calls fails the others."""
    if answers.rows == total:
        return answers
    outcome, error = np.zeros(total, np.uint16), np.zeros(total, np.uint16)
    outcome[rows], error[rows] = answers.outcome, answers.error
    return Answers(
        outcomes=answers.outcomes,
        outcome=outcome,
        errors=answers.errors,
        error=error,
        sources={int(rows[row]): source for row, source in answers.sources.items()},
        disputed=rows[answers.disputed],
        as_of=answers.as_of,
        index_versions=answers.index_versions,
    )
