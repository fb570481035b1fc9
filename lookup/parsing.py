"""From what a caller wrote to a `Query`; whatever is wrong with one becomes that one's error."""

import binascii
import json
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from holdout.errors import HoldoutError, InvalidInput
from holdout.fingerprints.algorithms import ALGORITHMS, PHASH_256, SHA256, Kind, parse_code
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.verdicts import Query

_In = TypeVar("_In")
_Out = TypeVar("_Out")

MAX_CODES: Final = 8
"""Codes of one picture in one query: its eight orientations."""


class _QueryIn(msgspec.Struct, forbid_unknown_fields=True):
    """A query as it stands in JSON; a misspelt key is an error, since it would go unasked."""

    url: str | None = None
    sha256: str | None = None
    codes: dict[str, str | list[str]] | None = None
    picture: str | None = None


class _BodyIn(msgspec.Struct, forbid_unknown_fields=True):
    queries: list[msgspec.Raw]


class _LenientBodyIn(msgspec.Struct, forbid_unknown_fields=True):
    queries: list[object]


def parse_body(body: bytes, *, max_queries: int, max_pictures: int) -> list[Query | HoldoutError]:
    """The queries of a JSON body `{"queries": [...]}`, each read by itself.

    Pictures are fingerprinted here, in a disposable child. Raises `InvalidInput` only for what concerns the
    whole body (`body_malformed`, `too_many_queries`, `no_queries`, `too_many_pictures`).
    """
    raws = _raw_queries(body)
    if not raws:
        raise InvalidInput("no_queries", "Send at least one query.")
    if len(raws) > max_queries:
        raise InvalidInput("too_many_queries", f"Send at most {max_queries} queries a call, or use a job.")
    parsed = [_attempt(_decode, raw) for raw in raws]
    if sum(isinstance(p, _QueryIn) and p.picture is not None for p in parsed) > max_pictures:
        raise InvalidInput("too_many_pictures", f"Send at most {max_pictures} pictures a call.")
    return [p if isinstance(p, HoldoutError) else _attempt(_query, p) for p in parsed]


def _raw_queries(body: bytes) -> Sequence[object]:
    """The queries, undecoded where the body is JSON throughout.

    A number or string that JSON does not allow (NaN, a lone surrogate) spoils the whole body for a strict
    decoder. The lenient one finds the queries around it, so that only its own query fails.
    """
    try:
        return msgspec.json.decode(body, type=_BodyIn).queries
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            return msgspec.convert(json.loads(body), type=_LenientBodyIn).queries
        except (ValueError, RecursionError):
            raise InvalidInput("body_malformed", f'Send {{"queries": [...]}} as JSON: {error}.') from error


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
    if given.picture is not None:
        taken = fingerprint_picture(_picture(given.picture), orientations=True)
        if sha256 not in (None, taken.sha256):
            raise InvalidInput("sha256_of_another_picture", "The sha256 is not that of the picture sent.")
        sha256 = taken.sha256
        codes[PHASH_256.id] = (*codes.get(PHASH_256.id, ()), *taken.orientations)
    return Query(url=given.url, sha256=sha256, codes=codes)


def _codes(algorithm: str, texts: str | list[str]) -> tuple[bytes, ...]:
    if algorithm in ALGORITHMS and ALGORITHMS[algorithm].kind is Kind.EXACT:
        raise InvalidInput("fingerprint_not_a_code", f"Give {algorithm} as a key of the query, not in codes.")
    given = [texts] if isinstance(texts, str) else texts
    if not 1 <= len(given) <= MAX_CODES:
        raise InvalidInput("fingerprint_malformed", f"Give 1 to {MAX_CODES} codes of one picture.")
    return tuple(parse_code(algorithm, text) for text in given)


def _picture(base64_text: str) -> bytes:
    try:
        return binascii.a2b_base64(base64_text, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("picture_not_base64", f"The picture is not base64: {error}.") from error
