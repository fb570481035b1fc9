"""Rice coding: exact bytes, back and forth, and what is damaged is noticed and never read past its end."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdout.snapshot.rice import BLOCK, Coded, Malformed, best_k, decode, encode

TOP = 2**40 - 1
numbers = st.integers(0, TOP)


def sorted_array(some: set[int] | list[int]) -> NDArray[np.uint64]:
    return np.array(sorted(set(some)), dtype=np.uint64)


def test_the_code_is_these_very_bits() -> None:
    """Gaps, less one, of 0, 1, 5 and 36 with k = 2: 1 00, 1 10, 01 10, 000000000 1 00, lowest bit first."""
    coded = encode(sorted_array([7, 8, 10, 16, 53]))
    assert (coded.count, coded.k) == (5, 2)
    assert (coded.first.tolist(), coded.offset.tolist()) == ([7], [0, 1])
    assert [f"{int(word):016x}" for word in coded.words] == ["0000000000080199"]


@pytest.mark.parametrize(
    ("count", "last", "k"),
    [(0, 0, 0), (1, 0, 0), (1, TOP, 39), (5, 53, 2), (1_000_000, TOP, 19), (10_000_000, TOP, 16)],
)
def test_the_parameter_follows_from_the_mean_gap(count: int, last: int, k: int) -> None:
    assert best_k(count, last) == k


def test_ten_million_prefixes_take_less_than_two_and_a_third_bytes_each() -> None:
    """Measured on a tenth of them, spread over a tenth of the numbers."""
    some = np.sort(np.random.default_rng(1).integers(0, 2**40 // 10, 1_000_000, dtype=np.uint64))
    coded = encode(some[np.append(True, some[1:] != some[:-1])])
    octets = 8 * (len(coded.words) + len(coded.first) + len(coded.offset))
    assert octets / coded.count < 2.33


@given(st.sets(numbers, max_size=300))
def test_what_is_coded_comes_back(some: set[int]) -> None:
    array = sorted_array(some)
    assert decode(encode(array)).tolist() == array.tolist()


@pytest.mark.parametrize("count", [0, 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK])
@pytest.mark.parametrize("step", [1, 2, 1_000, 89_478_485])
@pytest.mark.parametrize("start", [0, 5])
def test_runs_of_every_length_come_back(count: int, step: int, start: int) -> None:
    array = np.arange(count, dtype=np.uint64) * np.uint64(step) + np.uint64(start)
    assert np.array_equal(decode(encode(array)), array)


@pytest.mark.parametrize("dense", [0, TOP - 3 * BLOCK])
def test_numbers_that_crowd_together_are_no_trouble(dense: int) -> None:
    """Whoever registers keys may choose them: the code stays short, if not the shortest."""
    crowd = np.arange(dense, dense + 2 * BLOCK, dtype=np.uint64)
    array = sorted_array([*crowd.tolist(), 0, 1, TOP])
    coded = encode(array)
    assert np.array_equal(decode(coded), array)
    assert 64 * len(coded.words) < len(array) * (coded.k + 5)


@pytest.mark.parametrize("some", [[1, 1], [2, 1], [TOP + 1], [0, 2**63]])
def test_only_ascending_numbers_of_40_bits_are_coded(some: list[int]) -> None:
    with pytest.raises(ValueError, match="ascend"):
        encode(np.array(some, dtype=np.uint64))


SOME = sorted_array(np.random.default_rng(2).integers(0, TOP, 2 * BLOCK + 17, dtype=np.uint64).tolist())


def tampered(coded: Coded, **changes: object) -> Coded:
    fields = {name: getattr(coded, name) for name in ("count", "k", "first", "offset", "words")}
    return Coded(**(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"count": len(SOME) + 1},
        {"count": len(SOME) - 1},
        {"count": 0},
        {"count": 10 * BLOCK},
        {"k": -1},
        {"k": 41},
        {"k": 0},
        {"first": np.zeros(3, np.uint64)},
        {"first": np.full(3, 2**63, np.uint64)},
        {"first": np.full(3, 2**64 - 1, np.uint64)},
        {"offset": np.zeros(4, np.uint64)},
        {"offset": np.array([0, 2**62, 2**61, 0], np.uint64)},
        {"words": np.zeros(1, np.uint64)},
    ],
    ids=str,
)
def test_blocks_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        decode(tampered(encode(SOME), **changes))


@pytest.mark.parametrize("filling", [0, 2**64 - 1, 0x8000_0000_0000_0000, 0x0101_0101_0101_0101])
@pytest.mark.parametrize("k", [0, 1, 20, 39, 40])
def test_any_bits_are_read_within_their_block(filling: int, k: int) -> None:
    coded = encode(SOME)
    filled = tampered(coded, k=k, words=np.full(len(coded.words), filling, np.uint64))
    with pytest.raises(Malformed):
        decode(filled)


@given(st.data())
def test_a_changed_bit_gives_other_numbers_in_order_or_is_refused(data: st.DataObject) -> None:
    """Telling which is the checksum's part; here nothing may be read out of bounds or out of order."""
    array = sorted_array(data.draw(st.sets(numbers, min_size=2, max_size=50)))
    coded = encode(array)
    word = data.draw(st.integers(0, len(coded.words) - 1))
    changed = coded.words.copy()
    changed[word] ^= np.uint64(1 << data.draw(st.integers(0, 63)))
    try:
        read = decode(tampered(coded, words=changed))
    except Malformed:
        return
    assert len(read) == len(array)
    assert np.all(read[1:] > read[:-1])
    assert int(read[-1]) <= TOP
