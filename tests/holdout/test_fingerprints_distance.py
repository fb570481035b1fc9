import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.fingerprints.distance import distance, hamming, within_radius

codes_of_bytes = st.binary(min_size=32, max_size=32)


@given(left=codes_of_bytes, right=codes_of_bytes)
def test_the_batch_agrees_with_the_scalar(left: bytes, right: bytes) -> None:
    codes = np.frombuffer(left, np.uint8).reshape(1, 32)
    queries = np.frombuffer(right, np.uint8).reshape(1, 32)
    assert hamming(codes=codes, queries=queries).tolist() == [[distance(left, right)]]


def test_opposite_codes_are_256_bits_apart() -> None:
    zeros, ones = np.zeros((1, 32), np.uint8), np.full((1, 32), 255, np.uint8)
    assert hamming(codes=zeros, queries=ones).tolist() == [[256]]
    assert distance(bytes(32), b"\xff" * 32) == 256


def test_codes_of_different_lengths_have_no_distance() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        distance(bytes(8), bytes(32))


def test_within_radius_finds_every_pair_across_blocks_and_no_other() -> None:
    random = np.random.RandomState(1)
    codes = random.randint(0, 256, (40_000, 32), dtype=np.uint8)
    queries = codes[[0, 16_383, 16_384, 39_999]].copy()
    queries[:, 5] ^= 0b0000_0111
    codes[20_000] = queries[1]
    everything = hamming(codes=codes, queries=queries)
    for radius in (2, 3, 100):
        found = within_radius(codes=codes, queries=queries, radius=radius)
        rows, columns = np.nonzero(everything <= radius)
        assert np.array_equal(found.query_index, rows)
        assert np.array_equal(found.code_index, columns)
        assert np.array_equal(found.distance, everything[rows, columns])
    assert within_radius(codes=codes, queries=queries, radius=3).code_index.tolist() == [
        0,
        16_383,
        20_000,
        16_384,
        39_999,
    ]


@pytest.mark.parametrize(("codes", "queries"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_is_near_nothing(codes: int, queries: int) -> None:
    empty = within_radius(
        codes=np.zeros((codes, 32), np.uint8), queries=np.zeros((queries, 32), np.uint8), radius=256
    )
    assert [len(part) for part in empty] == [0, 0, 0]


@pytest.mark.parametrize("shape", [(4, 8), (32,), (1, 1, 32)])
def test_codes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        hamming(codes=np.zeros(shape, np.uint8), queries=np.zeros((1, 32), np.uint8))
