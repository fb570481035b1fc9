"""From what a caller wrote to a `Query`; whatever is wrong with one becomes that one's error."""

import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Final, TypeVar

import msgspec
import numpy as np

from holdout.carriers.wire import Sent, surroundings
from holdout.errors import HoldoutError, InvalidInput
from holdout.fingerprints.algorithms import ALGORITHMS, SHA256, parse_code
from holdout.fingerprints.local.keypoints import query_keypoints
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.picture_hosts import named_account_key
from holdout.url_keys import lines
from holdout.verdicts import Query
from lookup.batch import Batch, Digests, PackedKeys, Texts, batch_of, texts
from lookup.near import COMPARED

_In = TypeVar("_In")
_Out = TypeVar("_Out")

MAX_COMMAS: Final = 100
"""A query in JSON has a dozen, a URL may add some. A body that has more is refused before it is decoded: a
list of millions of nothings takes gigabytes."""
MAX_CODES: Final = 8
"""Codes of one picture in one query: its eight orientations."""
SEARCHED: Final = tuple(COMPARED)
"""Algorithms whose codes are compared. To take another's would be to answer what nobody looked up."""


class _QueryIn(msgspec.Struct, forbid_unknown_fields=True):
    """A query as it stands in JSON; a misspelt key is an error, since it would go unasked."""

    url: str | None = None
    sha256: str | None = None
    page_url: str | None = None
    account: str | None = None
    codes: dict[str, str | list[str]] | None = None
    fingerprints: str | None = None
    picture: str | None = None
    signals: Sent | None = None


class _PlainQueryIn(msgspec.Struct, forbid_unknown_fields=True):
    """A query of which every key is a column of its own."""

    url: str | None = None
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}\\Z")] | None = None
    page_url: str | None = None


class _PlainQueriesIn(msgspec.Struct, forbid_unknown_fields=True):
    queries: list[_PlainQueryIn]


class _QueriesIn(msgspec.Struct, forbid_unknown_fields=True):
    queries: list[msgspec.Raw]


class _UrlsIn(msgspec.Struct, forbid_unknown_fields=True):
    urls: list[str]


class _LenientIn(msgspec.Struct, forbid_unknown_fields=True):
    queries: list[object] | msgspec.UnsetType = msgspec.UNSET
    urls: list[object] | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one call takes; `admit` is told the number of queries before anything costly is done."""

    queries: int
    pictures: int
    fingerprints: int
    admit: Callable[[int], None]


def parse_json(body: bytes, limits: Limits) -> Batch:
    """`{"queries": [{...}, ...]}` or `{"urls": ["...", ...]}`, each query read by itself.

    Pictures are fingerprinted here, in a disposable child. Raises `InvalidInput` only for what concerns the
    whole body (`body_malformed`, `too_many_queries`, `no_queries`, `too_many_pictures`,
    `too_many_fingerprints`); so do the others.
    """
    if body.count(b",") > MAX_COMMAS * limits.queries:
        raise _too_many(limits)
    with suppress(msgspec.DecodeError, RecursionError):
        return _batch_of_urls(msgspec.json.decode(body, type=_UrlsIn).urls, limits)
    with suppress(msgspec.DecodeError, RecursionError):
        plain = msgspec.json.decode(body, type=_PlainQueriesIn).queries
        if all(_has_a_key(query) for query in plain):
            return _batch_of_plain(plain, limits)
    try:
        return _batch_of_raws(msgspec.json.decode(body, type=_QueriesIn).queries, limits)
    except (msgspec.DecodeError, RecursionError) as error:
        return _parse_leniently(body, limits, error)


def _parse_leniently(body: bytes, limits: Limits, trouble: Exception) -> Batch:
    """What a strict decoder refuses whole: a number or string that JSON does not allow (NaN, a lone
    surrogate), or something among the URLs that is no string. Only its own query is to fail.
    """
    try:
        given = msgspec.convert(json.loads(body), type=_LenientIn)
    except (ValueError, RecursionError):
        given = _LenientIn()
    if isinstance(given.queries, list) and given.urls is msgspec.UNSET:
        return _batch_of_raws(given.queries, limits)
    if isinstance(given.urls, list) and given.queries is msgspec.UNSET:
        return _batch_of_urls(given.urls, limits)
    raise InvalidInput(
        "body_malformed", f'Send {{"queries": [...]}} or {{"urls": [...]}} as JSON: {trouble}.'
    ) from trouble


def parse_ndjson(body: bytes, limits: Limits) -> Batch:
    """A query object a line; the end of the last line may stand or not."""
    if body.count(b"\n") > limits.queries:
        raise _too_many(limits)
    return _batch_of_raws([msgspec.Raw(line) for line in body.removesuffix(b"\n").split(b"\n")], limits)


def parse_lines(body: bytes, limits: Limits) -> Batch:
    """A URL a line, UTF-8; the end of the last line may stand or not. A blank line is a row that fails."""
    buffer = np.frombuffer(body, dtype=np.uint8)
    start, end = lines(buffer)
    _admit(len(start) if body else 0, limits)
    return Batch(rows=len(start), urls=Texts(np.arange(len(start)), buffer, start, end))


def parse_packed(body: bytes, limits: Limits) -> Batch:
    """Keys of 16 bytes (`holdout.index.keys`), one after the other."""
    if len(body) % 16:
        raise InvalidInput("body_malformed", "Packed keys have 16 bytes each, and nothing between them.")
    keys = np.frombuffer(body, dtype=np.uint8).reshape(-1, 16)
    _admit(len(keys), limits)
    return Batch(rows=len(keys), keys=PackedKeys(np.arange(len(keys)), keys))


def _admit(queries: int, limits: Limits) -> None:
    if not queries:
        raise InvalidInput("no_queries", "Send at least one query.")
    if queries > limits.queries:
        raise _too_many(limits)
    limits.admit(queries)


def _too_many(limits: Limits) -> InvalidInput:
    return InvalidInput("too_many_queries", f"Send at most {limits.queries} queries a call, or use a job.")


def _batch_of_urls(urls: Sequence[object], limits: Limits) -> Batch:
    _admit(len(urls), limits)
    rows = [i for i, url in enumerate(urls) if isinstance(url, str)]
    unreadable = {
        i: InvalidInput("query_malformed", "A URL is a string.")
        for i, url in enumerate(urls)
        if not isinstance(url, str)
    }
    return Batch(rows=len(urls), urls=texts(rows, [str(urls[i]) for i in rows]), unreadable=unreadable)


def _has_a_key(query: _PlainQueryIn) -> bool:
    return query.url is not None or query.sha256 is not None or query.page_url is not None


def _batch_of_plain(queries: Sequence[_PlainQueryIn], limits: Limits) -> Batch:
    """What `_batch_of_raws` makes of queries with nothing wrong in them, at a seventh of the cost."""
    _admit(len(queries), limits)
    urls = {i: url for i, query in enumerate(queries) if (url := query.url) is not None}
    pages = {i: url for i, query in enumerate(queries) if (url := query.page_url) is not None}
    digests = {i: digest for i, query in enumerate(queries) if (digest := query.sha256) is not None}
    octets = np.frombuffer(bytes.fromhex("".join(digests.values())), dtype=np.uint8).reshape(-1, 32)
    return Batch(
        rows=len(queries),
        urls=texts(list(urls), list(urls.values())),
        pages=texts(list(pages), list(pages.values())),
        files=Digests(np.array(list(digests), dtype=np.int64), octets) if digests else None,
    )


def _batch_of_raws(raws: Sequence[object], limits: Limits) -> Batch:
    _admit(len(raws), limits)
    parsed = [_attempt(_decode, raw) for raw in raws]
    if sum(isinstance(p, _QueryIn) and p.picture is not None for p in parsed) > limits.pictures:
        raise InvalidInput("too_many_pictures", f"Send at most {limits.pictures} pictures a call.")
    if sum(isinstance(p, _QueryIn) and p.fingerprints is not None for p in parsed) > limits.fingerprints:
        raise InvalidInput(
            "too_many_fingerprints",
            f"Send fingerprints of at most {limits.fingerprints} pictures a call.",
        )
    return batch_of([p if isinstance(p, HoldoutError) else _attempt(_query, p) for p in parsed])


def query_from_keys(*, url: str | None, sha256: str | None) -> Query:
    """A query by URL, by the file's SHA-256 (64 hex digits), or by both. Raises `InvalidInput`."""
    return Query(url=url, sha256=None if sha256 is None else parse_code(SHA256.id, sha256))


def _attempt(read: Callable[[_In], _Out], given: _In) -> _Out | HoldoutError:
    try:
        return read(given)
    except HoldoutError as error:
        return error


def _decode(raw: object) -> _QueryIn:
    try:
        if isinstance(raw, msgspec.Raw):
            return msgspec.json.decode(raw, type=_QueryIn)
        return msgspec.convert(raw, type=_QueryIn)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        # The message may quote a key of the query, and that may be no text that JSON could carry back.
        readable = str(error).encode("utf-8", "replace").decode()
        raise InvalidInput("query_malformed", f"This query cannot be read: {readable}.") from error


def _query(given: _QueryIn) -> Query:
    sha256 = None if given.sha256 is None else parse_code(SHA256.id, given.sha256)
    codes = {algorithm: _codes(algorithm, texts) for algorithm, texts in (given.codes or {}).items()}
    if given.account is not None:
        named_account_key(given.account)
    return Query(
        url=given.url,
        sha256=sha256,
        page_url=given.page_url,
        account=given.account,
        codes=codes,
        fingerprints=_fingerprints(given, sha256),
        signals=None if given.signals is None else surroundings(given.signals, url=given.url),
    )


def _fingerprints(given: _QueryIn, sha256: bytes | None) -> PictureFingerprints | None:
    """What is known of the picture: as it was sent, and where the file itself was sent, as we take it.

    Raises `InvalidInput` (`sha256_of_another_picture`) unless all that was sent is of one file.
    """
    if given.fingerprints is None and given.picture is None:
        return None
    sent = None if given.fingerprints is None else fingerprints_from_base64(given.fingerprints)
    picture = None if given.picture is None else _picture(given.picture)
    digests = {
        digest
        for digest in (sha256, sent and sent.sha256, picture and hashlib.sha256(picture).digest())
        if digest is not None
    }
    if len(digests) > 1:
        raise InvalidInput("sha256_of_another_picture", "The sha256 is not that of the picture sent.")
    return sent if picture is None else fingerprint_picture(picture, query=True)


def read_fingerprints(data: bytes) -> PictureFingerprints:
    """A query's fingerprints, as `PictureFingerprints.to_bytes` writes them.

    Raises `InvalidInput`: `fingerprint_malformed`, `fingerprints_not_of_a_query`.
    """
    taken = PictureFingerprints.from_bytes(data)
    if not taken.is_query:
        raise InvalidInput(
            "fingerprints_not_of_a_query",
            "These are a registration's fingerprints; take a query's, as `holdout fingerprint` does.",
        )
    try:
        for pane in taken.panes:
            query_keypoints(pane.keypoints)
    except ValueError as error:
        raise InvalidInput("fingerprint_malformed", "The keypoints of a pane are not whole.") from error
    return taken


def _codes(algorithm: str, texts: str | list[str]) -> tuple[bytes, ...]:
    if algorithm == SHA256.id:
        raise InvalidInput("fingerprint_not_a_code", f"Give {algorithm} as a key of the query, not in codes.")
    if algorithm in ALGORITHMS and algorithm not in SEARCHED:
        raise InvalidInput("fingerprint_algorithm_unknown", f"Codes compared here: {', '.join(SEARCHED)}.")
    given = [texts] if isinstance(texts, str) else texts
    if not 1 <= len(given) <= MAX_CODES:
        raise InvalidInput("fingerprint_malformed", f"Give 1 to {MAX_CODES} codes of one picture.")
    return tuple(parse_code(algorithm, text) for text in given)


def fingerprints_from_base64(text: str | bytes) -> PictureFingerprints:
    """`read_fingerprints` of what base64 spells; also raises `InvalidInput` (`fingerprints_not_base64`)."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("fingerprints_not_base64", f"The fingerprints are not base64: {error}.") from error
    return read_fingerprints(data)


def _picture(base64_text: str) -> bytes:
    try:
        return binascii.a2b_base64(base64_text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("picture_not_base64", f"The picture is not base64: {error}.") from error
