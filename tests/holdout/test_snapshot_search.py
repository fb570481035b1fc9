"""Screening with a snapshot, confirming what it finds, and the keys behind it."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.errors import AnswerUnusable, InvalidInput
from holdout.index.keys import packed_key
from holdout.picture_hosts import host_table_keys
from holdout.snapshot.codes import ASK, FAILED
from holdout.snapshot.ranges import Confirmed, Range, calls, confirmed, range_bounds, range_texts
from holdout.snapshot.read import Snapshot, every_key
from holdout.snapshot.search import Searchable
from holdout.snapshot.state import State
from holdout.urls import canonicalize, rule_keys
from tests.holdout.snapshot_stories import header, keys_of, probe_of, saying

NO_AI, GEN, SEARCH = 240, 162, 2
SAID = {
    "u com,a)/cat.jpg": NO_AI,
    "p com,a)/art/": GEN,
    "h com,a,www": SEARCH,
    "d org,b": ASK,
    "d com,a": 81,
    "u com,c)/": 242,
}
URLS = {
    "https://a.com/cat.jpg": 240,  # 240 and 81 of its domain
    "https://a.com/art/x.jpg": 162,
    "https://a.com/x.jpg": 81,
    "https://www.a.com/": 83,  # 81 of the domain and 2 of the host
    "https://sub.b.org/x": ASK,
    "https://c.com/": 242,
    "https://c.com/x": 0,
    "nonsense": FAILED,
    "https://nobody.example/a/b/c?d": 0,
}


def snapshot_of(state: State) -> Snapshot:
    return Snapshot(header(state), Searchable.of(state))


SNAPSHOT = snapshot_of(saying(SAID))


def test_a_row_is_answered_by_all_its_keys_use_by_use() -> None:
    codes = SNAPSHOT.urls(keys_of(URLS))
    assert dict(zip(URLS, codes.tolist(), strict=True)) == URLS


def test_nothing_asked_is_nothing_answered() -> None:
    assert SNAPSHOT.urls(keys_of([])).tolist() == []
    assert len(every_key(keys_of([]), np.empty(0, np.bool_)).key) == 0
    assert SNAPSHOT.files(np.empty((0, 32), np.uint8)).tolist() == []


def test_an_empty_snapshot_knows_of_nothing() -> None:
    empty = snapshot_of(State.empty())
    codes = empty.urls(keys_of(URLS))
    assert set(codes.tolist()) == {0, FAILED}


def test_a_row_that_could_not_be_read_has_failed_whatever_stands_at_zero() -> None:
    crowded = snapshot_of(State(np.array([0], np.uint64), np.array([NO_AI], np.uint8)))
    assert crowded.urls(keys_of(["nonsense"])).tolist() == [FAILED]
    assert len(every_key(keys_of(["nonsense"]), np.array([True])).row) == 0


def test_the_keys_of_the_host_table_count() -> None:
    url = "https://wx1.sinaimg.cn/large/639a9d48ly1gabcdefghij20u0140abc.jpg"
    keys = host_table_keys(canonicalize(url))
    assert keys
    for key in keys:
        by_that = snapshot_of(saying({key.text: NO_AI}))
        assert by_that.urls(keys_of(["https://a.com/", url])).tolist() == [0, NO_AI]
        hits = every_key(keys_of(["https://a.com/", url]), np.array([False, True]))
        assert packed_key(key.text) in {packed.tobytes() for packed in hits.key}


def test_files_are_found_by_their_digest() -> None:
    digests = [sha256(bytes([i])).digest() for i in range(4)]
    probes = np.array([int.from_bytes(digest[:8]) for digest in digests[:2]], dtype=np.uint64)
    snapshot = snapshot_of(State.of(probes, np.array([NO_AI, ASK], np.uint8)))
    asked = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    assert snapshot.files(asked).tolist() == [NO_AI, ASK, 0, 0]


hosts = st.sampled_from(["a.com", "www.a.com", "b.org", "x.b.org"])
paths = st.sampled_from(["/", "/art/", "/art/x.jpg", "/cat.jpg", "/art/new/y.jpg"])
urls = st.builds(lambda host, path: f"https://{host}{path}", hosts, paths)


@given(st.lists(urls, max_size=12), st.data())
def test_the_answer_is_what_a_dictionary_of_keys_says(asked: list[str], data: st.DataObject) -> None:
    texts = sorted({key.text for url in asked for key in rule_keys(canonicalize(url))})
    said = data.draw(st.dictionaries(st.sampled_from(texts), st.sampled_from([1, 81, 240]))) if texts else {}
    codes = snapshot_of(saying(said)).urls(keys_of(asked)).tolist()
    for url, code in zip(asked, codes, strict=True):
        told = [said[key.text] for key in rule_keys(canonicalize(url)) if key.text in said]
        digits = [max((c // 3**i % 3 for c in told), default=0) for i in range(5)]
        assert code == sum(digit * 3**i for i, digit in enumerate(digits))


# --- many at once


@pytest.mark.parametrize("count", [1, 2, 1_000, 70_000])
def test_every_entry_is_found_and_nothing_beside_it(count: int) -> None:
    rng = np.random.default_rng(count)
    probes = rng.integers(0, 2**64, count, dtype=np.uint64)
    state = State.of(probes, np.full(count, NO_AI, np.uint8))
    entries = Searchable.of(state)
    which, code = entries.find(probes)
    assert which.tolist() == list(range(count))
    assert set(code.tolist()) == {NO_AI}
    strangers = rng.integers(0, 2**64, 200_000, dtype=np.uint64)
    there = np.isin(strangers >> np.uint64(24), state.prefix)
    assert entries.find(strangers)[0].tolist() == np.flatnonzero(there).tolist()


def test_a_crowd_of_keys_in_one_place_is_searched_too() -> None:
    """Probes can be chosen by whoever registers keys."""
    prefixes = np.arange(10_000, dtype=np.uint64) * np.uint64(2) + np.uint64(2**39)
    entries = Searchable.of(State(prefixes, np.full(10_000, NO_AI, np.uint8)))
    asked = (np.arange(20_000, dtype=np.uint64) + np.uint64(2**39)) << np.uint64(24)
    assert entries.find(asked)[0].tolist() == list(range(0, 20_000, 2))


# --- confirming by ranges


def test_a_range_is_written_as_a_number_in_hex() -> None:
    key = np.frombuffer(bytes.fromhex("abcdef0123456789") + bytes(8), np.uint8).reshape(1, 16)
    texts = {bits: range_texts(key, bits=bits) for bits in (0, 1, 3, 16, 18, 32)}
    assert texts == {0: ["0"], 1: ["1"], 3: ["5"], 16: ["abcd"], 18: ["2af37"], 32: ["abcdef01"]}
    assert range_bounds("abcd", bits=16) == (0xABCD << 48, (0xABCE << 48) - 1)
    assert range_bounds("0", bits=0) == (0, 2**64 - 1)
    assert range_bounds("ffffffff", bits=32) == (0xFFFFFFFF << 32, 2**64 - 1)


@pytest.mark.parametrize("text", ["", "abc", "abcde", "ABCD", "abcg", "0xab", "-abc", "a_bc", " abc", "à123"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="confirm_prefix_malformed"):
        range_bounds(text, bits=16)


def test_a_number_of_too_many_bits_is_refused() -> None:
    assert range_bounds("3ffff", bits=18)[1] == 2**64 - 1
    with pytest.raises(InvalidInput, match="confirm_prefix_malformed"):
        range_bounds("40000", bits=18)


@given(st.integers(0, 32), st.lists(st.binary(min_size=16, max_size=16), max_size=9))
def test_every_key_lies_in_its_range_and_each_range_is_named_once(bits: int, keys: list[bytes]) -> None:
    array = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, 16)
    texts = range_texts(array, bits=bits)
    bounds = [range_bounds(text, bits=bits) for text in texts]
    assert bounds == sorted(set(bounds))
    for key in keys:
        assert sum(low <= int.from_bytes(key[:8]) <= high for low, high in bounds) == 1


def answer_of(said: dict[str, int], texts: list[str], *, bits: int) -> list[Range]:
    """A registry's answer."""
    ranges = []
    for text in texts:
        low, high = range_bounds(text, bits=bits)
        inside = [key for key in said if low <= probe_of(key) <= high]
        packed = b"".join(packed_key(key) for key in inside)
        sources = tuple((f"stm_{key}",) for key in inside)
        ranges.append(Range(text, packed, tuple(said[key] for key in inside), sources))
    return ranges


def asked_about(urls: list[str]) -> Any:
    keys = keys_of(urls)
    return every_key(keys, np.ones(len(urls), dtype=np.bool_))


@pytest.mark.parametrize("bits", [0, 4, 16, 32])
def test_a_confirmed_row_has_what_all_its_keys_say_and_who_says_it(bits: int) -> None:
    asked = asked_about(list(URLS))
    told = confirmed(asked, answer_of(SAID, range_texts(asked.key, bits=bits), bits=bits), bits=bits)
    expected = {i: code for i, code in enumerate(URLS.values()) if code != FAILED}
    assert dict(zip(told.row.tolist(), told.code.tolist(), strict=True)) == expected
    assert told.sources[0] == ("stm_u com,a)/cat.jpg", "stm_d com,a")
    assert told.sources[6] == ()


@given(st.lists(urls, max_size=20), st.integers(1, 30), st.sampled_from([0, 2, 16, 32]))
def test_calls_take_whole_rows_and_no_more_ranges_than_allowed(
    asked: list[str], most: int, bits: int
) -> None:
    all_keys = asked_about(asked)
    parts = list(calls(all_keys, bits=bits, most=most))
    rows = [row for part, _ in parts for row in part.row.tolist()]
    assert rows == all_keys.row.tolist()
    assert b"".join(part.key.tobytes() for part, _ in parts) == all_keys.key.tobytes()
    for part, texts in parts:
        assert texts == range_texts(part.key, bits=bits)
        assert len(texts) <= most or len(set(part.row.tolist())) == 1
    seen = [set(part.row.tolist()) for part, _ in parts]
    assert sum(map(len, seen)) == len(set(rows))  # no row is in two parts
    answers = [confirmed(part, answer_of(SAID, texts, bits=bits), bits=bits) for part, texts in parts]
    together = Confirmed.together(answers)
    whole = confirmed(all_keys, answer_of(SAID, range_texts(all_keys.key, bits=bits), bits=bits), bits=bits)
    assert (together.row.tolist(), together.code.tolist()) == (whole.row.tolist(), whole.code.tolist())
    assert together.sources == whole.sources


def test_every_key_of_the_chosen_rows_is_asked_for() -> None:
    urls = ["https://a.com/art/x.jpg", "https://c.com/", "nonsense"]
    asked = every_key(keys_of(urls), np.array([True, False, True]))
    assert set(asked.row.tolist()) == {0}
    assert {key.tobytes() for key in asked.key} == {
        packed_key(key.text) for key in rule_keys(canonicalize(urls[0]))
    }


def test_a_false_hit_is_nothing_and_a_neighbour_in_the_range_does_not_count() -> None:
    asked = asked_about(["https://nobody.example/"])
    texts = range_texts(asked.key, bits=0)
    told = confirmed(asked, answer_of(SAID, texts, bits=0), bits=0)
    assert told.code.tolist() == [0]


def test_a_range_that_was_not_answered_fails_the_row() -> None:
    asked = asked_about(["https://a.com/cat.jpg"])
    texts = range_texts(asked.key, bits=32)
    whole = answer_of(SAID, texts, bits=32)
    assert confirmed(asked, whole, bits=32).code.tolist() == [NO_AI]
    for i in range(len(whole)):
        assert confirmed(asked, whole[:i] + whole[i + 1 :], bits=32).code.tolist() == [FAILED]
        refused = [*whole[:i], Range(texts[i], error="range_too_full"), *whole[i + 1 :]]
        assert confirmed(asked, refused, bits=32).code.tolist() == [FAILED]


@pytest.mark.parametrize(
    "broken",
    [
        Range("0", bytes(15), (NO_AI,), (("stm_a",),)),
        Range("0", bytes(16), (), ()),
        Range("0", bytes(16), (NO_AI,), ()),
        Range("0", bytes(16), (0,), (("stm_a",),)),
        Range("0", bytes(16), (243,), (("stm_a",),)),
    ],
)
def test_an_answer_whose_columns_do_not_fit_is_not_believed(broken: Range) -> None:
    with pytest.raises(AnswerUnusable, match="answer_malformed"):
        confirmed(asked_about(["https://a.com/"]), [broken], bits=0)


def test_a_snapshot_answers_the_same_from_a_file(tmp_path: Path) -> None:
    from tests.holdout.snapshot_stories import KEY, NOW, base

    (tmp_path / "base-0000000001.snapshot").write_bytes(base(saying(SAID)))
    for cache in (True, True, False):
        snapshot = Snapshot.open(tmp_path, public_key=KEY.public, now=NOW, cache=cache)
        assert snapshot.urls(keys_of(URLS)).tolist() == list(URLS.values())
