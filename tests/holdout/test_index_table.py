import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdout.index.merge import changed, merged
from holdout.index.records import RECORD, Kind
from holdout.index.table import Table, bucket_length, check_words, sieve_length
from tests.holdout.index_tables import Key, contents, records, table_of

# Few values, so that probes meet: in one bucket, in one bit of the sieve, or altogether.
probes = st.one_of(st.integers(0, 5), st.integers(2**64 - 3, 2**64 - 1), st.integers(0, 2**64 - 1))
checks = st.sampled_from([bytes(16), b"\x01" + bytes(15), bytes(8) + b"\x01" + bytes(7), b"\xff" * 16])
keys = st.tuples(probes, checks)
said = st.dictionaries(keys, st.lists(st.integers(1, 999), max_size=3), max_size=40)


def _asked(some: list[Key]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    joined = np.frombuffer(b"".join(check for _, check in some), dtype=np.uint8).reshape(-1, 16)
    return np.array([probe for probe, _ in some], dtype=np.uint64), check_words(joined)


@given(said=said, asked=st.lists(keys, max_size=30))
def test_a_table_finds_what_a_dictionary_finds(said: dict[Key, list[int]], asked: list[Key]) -> None:
    table = table_of(said, Kind.URL)
    assert contents(table) == said
    wanted, words = _asked([*asked, *said])
    hits = table.exact(wanted, words.__getitem__)
    found = {}
    for which, position in zip(*hits, strict=True):
        counts, lines = table.lines(np.array([position]))
        assert counts.tolist() == [len(lines)]
        found[int(which)] = lines["declared_at"].tolist()
    assert found == {i: said[key] for i, key in enumerate([*asked, *said]) if key in said}


@given(said=said, asked=st.lists(keys, max_size=30))
def test_half_a_check_finds_every_key_that_has_it(said: dict[Key, list[int]], asked: list[Key]) -> None:
    table = table_of(said, Kind.URL)
    wanted, words = _asked([*asked, *said])
    hits = table.half(wanted, words[:, 0])
    found = [
        (which, int(table.probe[at]), table.check[at].tobytes()) for which, at in zip(*hits, strict=True)
    ]
    assert sorted(found) == sorted(
        (i, *key)
        for i, (probe, check) in enumerate([*asked, *said])
        for key in said
        if key[0] == probe and key[1][:8] == check[:8]
    )
    assert [which for which, *_ in found] == sorted(which for which, *_ in found)


@given(base=said, changes=said)
def test_a_merge_is_the_base_with_the_changes_applied(
    base: dict[Key, list[int]], changes: dict[Key, list[int]]
) -> None:
    both = merged(table_of(base, Kind.URL), table_of(changes, Kind.URL))
    expected = {**base, **changes} if changes else base
    gone = {key for key, numbers in changes.items() if not numbers}
    assert contents(both) == {key: numbers for key, numbers in expected.items() if key not in gone}
    assert np.all(both.probe[1:] >= both.probe[:-1])
    wanted, words = _asked(list(expected))
    assert len(both.exact(wanted, words.__getitem__).which) == both.keys


@given(base=said, older=said, younger=said)
def test_after_a_merge_only_what_changed_since_is_left_of_a_younger_overlay(
    base: dict[Key, list[int]], older: dict[Key, list[int]], younger: dict[Key, list[int]]
) -> None:
    younger = older | younger
    tables = [table_of(said, Kind.URL) for said in (base, older, younger)]
    left = changed(tables[1], tables[2])
    assert contents(left) == {key: younger[key] for key in younger if older.get(key) != younger[key]}
    both = merged(merged(tables[0], tables[1]), left)
    silent = {key for key, numbers in (base | younger).items() if not numbers}
    assert {k: v for k, v in contents(both).items() if k not in silent} == {
        key: numbers for key, numbers in (base | younger).items() if key not in silent
    }


@pytest.mark.parametrize("size", [1, 2, 3, 63, 64, 65, 1_000, 70_000])
def test_every_key_of_a_table_is_found_and_no_other_whatever_its_size(size: int) -> None:
    random = np.random.default_rng(size)
    there = random.integers(0, 2**64, size, dtype=np.uint64)
    table = Table.build(
        probes=there,
        checks=random.integers(0, 256, (size, 16), dtype=np.uint8),
        counts=np.zeros(size, dtype=np.uint32),
        records=np.empty(0, dtype=RECORD),
    )
    absent = random.integers(0, 2**64, 140_000, dtype=np.uint64)
    asked = np.concatenate([absent, there])
    hits = table.find(asked)
    assert hits.which.tolist() == list(range(len(absent), len(asked)))
    assert np.array_equal(table.probe[hits.position], asked[hits.which])


def test_keys_that_share_a_probe_are_told_apart_by_their_checks() -> None:
    """Somebody can make texts with equal probes; thousands of them must cost no more than a few."""
    crowd: dict[Key, list[int]] = {(7, number.to_bytes(16, "little")): [number] for number in range(3_000)}
    crowd |= {(probe, bytes(16)): [5_000 + probe] for probe in (6, 8)}
    table = table_of(crowd, Kind.URL)
    asked, words = _asked([*crowd, (7, b"\xff" * 16), (9, bytes(16))])
    hits = table.exact(asked, words.__getitem__)
    assert hits.which.tolist() == list(range(len(crowd)))
    _, lines = table.lines(hits.position)
    assert lines["declared_at"].tolist() == [number for (number,) in crowd.values()]


def test_a_key_that_is_given_several_times_has_all_its_records_in_the_order_given() -> None:
    table = Table.build(
        probes=np.array([9, 3, 9, 9], dtype=np.uint64),
        checks=np.zeros((4, 16), dtype=np.uint8),
        counts=np.array([1, 1, 2, 0], dtype=np.uint32),
        records=records([1, 2, 3, 4], Kind.URL),
    )
    assert contents(table) == {(3, bytes(16)): [2], (9, bytes(16)): [1, 3, 4]}


def test_checks_may_come_as_one_element_each() -> None:
    octets = np.arange(32, dtype=np.uint8).reshape(2, 16)
    whole = octets.view("V16").reshape(-1)
    assert np.array_equal(check_words(whole), check_words(octets))
    assert check_words(octets).tobytes() == octets.tobytes()


@pytest.mark.parametrize(
    ("checks", "counts", "lines"), [(2, [1], 1), (1, [1, 1], 2), (1, [2], 1), (1, [0], 1)]
)
def test_columns_of_different_lengths_are_refused(checks: int, counts: list[int], lines: int) -> None:
    with pytest.raises(ValueError, match="1 probes"):
        Table.build(
            probes=np.zeros(1, dtype=np.uint64),
            checks=np.zeros((checks, 16), dtype=np.uint8),
            counts=np.array(counts),
            records=np.zeros(lines, dtype=RECORD),
        )


def test_checks_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes each"):
        check_words(np.zeros((3, 8), dtype=np.uint8))


@given(keys=st.integers(0, 2**32 - 1))
def test_buckets_hold_one_or_two_keys_and_the_sieve_12_to_24_bits_a_key(keys: int) -> None:
    assert bucket_length(keys) - 1 <= max(keys, 2) < 2 * bucket_length(keys)
    bits = 64 * sieve_length(keys)
    assert 12 * keys <= bits < max(24 * keys, 65)


def test_a_table_is_never_written_to() -> None:
    table = table_of({(1, bytes(16)): [1]}, Kind.URL)
    with pytest.raises(ValueError, match="read-only"):
        table.probe[0] = 2
