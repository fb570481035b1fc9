"""Bodies that are read in columns say the same as when each query is read by itself."""

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.errors import HoldoutError
from lookup import parsing
from lookup.batch import Batch, Texts
from lookup.parsing import Limits, parse_json

DIGEST = "9f" * 32
LIMITS = Limits(queries=100, pictures=0, fingerprints=0, admit=lambda queries: None)


def one_by_one(queries: list[Any]) -> Batch:
    return parsing._batch_of_raws([msgspec.Raw(json.dumps(query).encode()) for query in queries], LIMITS)


def columns(batch: Batch) -> dict[str, Any]:
    def text(column: Texts | None) -> dict[int, bytes]:
        return {} if column is None else {row: column.text(i) for i, row in enumerate(column.row.tolist())}

    files = batch.files
    return {
        "rows": batch.rows,
        "urls": text(batch.urls),
        "pages": text(batch.pages),
        "files": {} if files is None else dict(zip(files.row.tolist(), files.digest.tolist(), strict=True)),
        "codes": dict(batch.codes),
        "accounts": None if batch.accounts is None else batch.accounts.row.tolist(),
        "unreadable": {row: error.code for row, error in batch.unreadable.items()},
    }


def said_of(read: Any) -> Any:
    try:
        return columns(read())
    except HoldoutError as refusal:
        return refusal.code


texts = st.none() | st.sampled_from(["", "https://a.example/1.jpg", "nonsense", "é\n"]) | st.text(max_size=5)
digests = st.none() | st.sampled_from(
    [DIGEST, DIGEST.upper(), DIGEST + "\n", f" {DIGEST}", DIGEST[:-1], DIGEST[:-2] + " a", "", "x" * 64, 7]
)
queries = st.fixed_dictionaries(
    {},
    optional={
        "url": texts,
        "sha256": digests,
        "page_url": texts,
        "account": st.sampled_from([None, "weibo:12345", "nobody"]),
        "codes": st.sampled_from([None, {}, {"phash-256/1": DIGEST}]),
        "uri": st.just("misspelt"),
    },
)


@given(st.lists(queries, max_size=6))
def test_read_together_or_one_by_one(asked: list[Any]) -> None:
    body = json.dumps({"queries": asked}).encode()
    assert said_of(lambda: parse_json(body, LIMITS)) == said_of(lambda: one_by_one(asked))


@pytest.mark.parametrize("digest", [DIGEST + "\n", DIGEST[:-2] + " a", "\u0660" * 64])
def test_what_is_no_digest_is_not_read_as_one(digest: str) -> None:
    batch = parse_json(json.dumps({"queries": [{"sha256": digest}]}).encode(), LIMITS)
    assert batch.unreadable[0].code == "fingerprint_malformed"
    assert batch.files is None


def test_plain_queries_are_counted_before_anything_else() -> None:
    counted: list[int] = []
    limits = Limits(queries=2, pictures=0, fingerprints=0, admit=counted.append)
    batch = parse_json(json.dumps({"queries": [{"url": "a"}, {"sha256": DIGEST}]}).encode(), limits)
    assert counted == [2]
    assert batch.files is not None
    assert np.array_equal(batch.files.row, [1])
    with pytest.raises(HoldoutError, match="at most 2"):
        parse_json(json.dumps({"queries": [{"url": "a"}] * 3}).encode(), limits)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\n\n", ["a", ""]),
        ("\n", [""]),
        ("\n\n", ["", ""]),
        ("a\r\nb", ["a\r", "b"]),
    ],
)
def test_every_line_is_a_row_and_its_end_begins_no_other(body: str, said: list[str]) -> None:
    urls = parsing.parse_lines(body.encode(), LIMITS).urls
    assert urls is not None
    assert [urls.text(i).decode() for i in range(len(urls))] == said


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (parsing.parse_ndjson, b"\n" * 1_000_000),
        (parse_json, b'{"queries": [' + b"{}," * 1_000_000 + b"{}]}"),
        (parse_json, b'{"urls": [' + b"0," * 1_000_000 + b"0]}"),
    ],
)
def test_millions_of_nothings_are_refused_before_they_are_decoded(read: Any, body: bytes) -> None:
    with pytest.raises(HoldoutError, match="at most 100") as refusal:
        read(body, LIMITS)
    assert refusal.value.code == "too_many_queries"
    assert not refusal.value.__context__
