import dataclasses
import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdout.fingerprints.distance import within_radius
from holdout.index.code_kernels import CHUNKS, MAX_QUERIES
from holdout.index.codes import COLUMNS, INDEXED_FROM, MAX_RADIUS, MOVED, CodeTable, NearCodes, shapes

Codes = NDArray[np.uint8]
Answer = list[tuple[int, int, int]]
"""Query, number, distance."""


def _random(count: int, seed: int) -> Codes:
    return np.random.RandomState(seed).randint(0, 256, (count, 32), dtype=np.uint8)


def _flipped(code: Codes, bits: NDArray[np.int64]) -> Codes:
    """The code (32,) with these of its bits flipped."""
    flips = np.zeros(256, np.uint8)
    flips[bits] = 1
    return np.bitwise_xor(code, np.packbits(flips))


def _numbers(count: int) -> NDArray[np.uint32]:
    return np.arange(count, dtype=np.uint32)


def _answer(found: NearCodes) -> Answer:
    assert [part.dtype for part in found] == [np.int64, np.uint32, np.uint16]
    return list(zip(*(part.tolist() for part in found), strict=True))


def _expected(
    codes: Codes, numbers: NDArray[np.uint32], asked: Codes, radius: int, limit: int | None = None
) -> Answer:
    found = within_radius(codes=codes, queries=asked, radius=radius)
    columns = (found.query_index, found.distance, numbers[found.code_index])
    every = sorted(zip(*(column.tolist() for column in columns), strict=True))
    if limit is not None:
        every = [hit for i, hit in enumerate(every) if i < limit or every[i - limit][0] != hit[0]]
    return [(query, number, distance) for query, distance, number in every]


@pytest.fixture(scope="module")
def big() -> tuple[CodeTable, Codes, NDArray[np.uint32]]:
    """A table just large enough for lists: strangers, a cluster, copies of one code, and flat codes."""
    codes = _random(INDEXED_FROM, 1)
    chance = np.random.RandomState(2)
    for i in range(2_000):
        codes[i] = _flipped(codes[0], chance.permutation(256)[: i % 60])
    codes[2_000:3_000] = codes[2_000]
    codes[3_000:3_500], codes[3_500:4_000] = 0, 255
    numbers = chance.randint(0, 2**32, len(codes), dtype=np.uint32)
    numbers[5_000:6_000] = 7
    return CodeTable.build(codes, numbers), codes, numbers


def test_a_big_table_has_lists_and_a_small_one_has_none(
    big: tuple[CodeTable, Codes, NDArray[np.uint32]],
) -> None:
    assert big[0].start.size
    small = CodeTable.build(big[1][1:], big[2][1:])
    assert not small.start.size
    for table in (big[0], small, CodeTable.nothing()):
        assert {label: getattr(table, label).shape for label in COLUMNS} == shapes(table.codes)
        assert table.sound()


def test_a_code_costs_what_two_families_can_pay() -> None:
    bytes_of = sum(
        int(np.prod(shape)) * COLUMNS[label].itemsize for label, shape in shapes(1_000_000).items()
    )
    assert bytes_of < 140 * 1_000_000


@pytest.mark.parametrize("radius", [0, 1, 15, 16, 30, 31])
def test_a_search_finds_what_comparing_all_finds(
    big: tuple[CodeTable, Codes, NDArray[np.uint32]], radius: int
) -> None:
    table, codes, numbers = big
    chance = np.random.RandomState(3)
    near = [
        _flipped(codes[i], chance.permutation(256)[:distance])
        for i in (0, 1_000, 2_000, 3_000, 3_999, 5_500, 30_000)
        for distance in (*range(0, 41, 5), 30, 31, 32)
    ]
    asked = np.vstack([*near, _random(40, 4)])
    found = _answer(table.within(asked, radius=radius))
    assert found == _expected(codes, numbers, asked, radius)
    assert len(found) > 100


@pytest.mark.parametrize("distance", range(41))
def test_every_way_to_differ_by_so_many_bits_is_found(
    big: tuple[CodeTable, Codes, NDArray[np.uint32]], distance: int
) -> None:
    table, codes, _ = big
    chance = np.random.RandomState(distance)
    moved = MOVED.astype(np.int64)
    flips = [chance.permutation(256)[:distance] for _ in range(20)]
    # As even over the chunks as can be, beginning at each of them; then as many in one as fit, and the next.
    turn = np.arange(distance)
    flips += [moved[(16 * (turn + j) + turn // 16) % 256] for j in range(CHUNKS)]
    flips += [moved[(turn + 8 * half) % 256] for half in range(2 * CHUNKS)]
    row = 30_000
    asked = np.vstack([_flipped(codes[row], bits) for bits in flips])
    number = CodeTable.build(codes, _numbers(len(codes))) if distance == 31 else None
    found = table.within(asked)
    if distance > MAX_RADIUS:
        assert not len(found.number)
    else:
        assert found.query_index.tolist() == list(range(len(asked)))
        assert set(found.distance.tolist()) == {distance}
    if number is not None:
        assert set(number.within(asked).number.tolist()) == {row}


_seeds = st.integers(0, 2**32 - 1)


@given(
    seed=_seeds,
    count=st.integers(32, 300),
    spread=st.integers(0, 12),
    radius=st.integers(0, MAX_RADIUS),
    limit=st.none() | st.integers(1, 5),
)
def test_tables_with_lists_and_without_agree_with_comparing_all(
    seed: int, count: int, spread: int, radius: int, limit: int | None
) -> None:
    chance = np.random.RandomState(seed)
    # Few centres, so that lists, tags and whole codes are shared.
    centres = chance.randint(0, 256, (3, 32), dtype=np.uint8)
    centres[0] = 0
    rows = [
        _flipped(centres[chance.randint(3)], chance.randint(0, 256, chance.randint(3 * spread + 1)))
        for _ in range(count)
    ]
    codes = np.vstack(rows)
    asked = codes[:5] ^ (chance.randint(0, 256, (5, 32)) == 0).astype(np.uint8)
    numbers = chance.randint(0, 50, count).astype(np.uint32)
    expected = _expected(codes, numbers, asked, radius, limit)
    order = chance.permutation(count)
    for indexed in (True, False):
        table = CodeTable.build(codes, numbers, indexed=indexed)
        assert table.sound()
        assert _answer(table.within(asked, radius=radius, limit=limit)) == expected
        again = CodeTable.build(codes[order], numbers[order], indexed=indexed)
        assert all(np.array_equal(getattr(table, label), getattr(again, label)) for label in COLUMNS)


def test_the_rows_of_a_table_are_what_it_was_built_of(
    big: tuple[CodeTable, Codes, NDArray[np.uint32]],
) -> None:
    table, codes, numbers = big
    rows, known = table.rows()
    built = [code.tobytes() + number.tobytes() for code, number in zip(codes, numbers, strict=True)]
    kept = [code.tobytes() + number.tobytes() for code, number in zip(rows, known, strict=True)]
    assert sorted(built) == sorted(kept)
    again = CodeTable.build(rows, known)
    assert all(np.array_equal(getattr(table, label), getattr(again, label)) for label in COLUMNS)


def test_queries_beyond_one_block_keep_their_numbers() -> None:
    codes = _random(100, 5)
    asked = np.tile(codes, (MAX_QUERIES // 100 + 2, 1))
    for indexed in (True, False):
        found = CodeTable.build(codes, _numbers(100), indexed=indexed).within(asked)
        assert found.query_index.tolist() == list(range(len(asked)))
        assert found.number.tolist() == (np.arange(len(asked)) % 100).tolist()


def test_the_limit_keeps_the_nearest_and_of_these_the_smallest_numbers() -> None:
    # More hits than are gathered before the first are thrown away, several times over, and suspects too.
    code = _random(1, 6)[0]
    codes = np.vstack([_flipped(code, np.arange(i % 20)) for i in range(20_000)])
    numbers = np.random.RandomState(7).permutation(20_000).astype(np.uint32)
    asked = np.vstack([code, code ^ 255, _flipped(code, np.array([200]))])
    for indexed in (True, False):
        table = CodeTable.build(codes, numbers, indexed=indexed)
        for limit in (1, 999, 1_000, 1_001, 40_000):
            found = table.within(asked, limit=limit)
            assert _answer(found) == _expected(codes, numbers, asked, MAX_RADIUS, limit)
            assert np.bincount(found.query_index).tolist() == [min(limit, 20_000), 0, min(limit, 20_000)]


def test_a_filled_list_slows_down_nobody_else() -> None:
    # A hundred thousand codes with one chunk in common, the rest of each its own.
    codes = _random(100_000, 8)
    bits = np.unpackbits(codes, axis=1)
    bits[:, MOVED[:16]] = 0
    codes = np.packbits(bits, axis=1)
    table = CodeTable.build(codes, _numbers(len(codes)))
    assert int(np.diff(table.start[0].astype(np.int64)).max()) == len(codes)
    asked = np.vstack([codes[:50], _random(50, 9)])
    found = table.within(asked)
    assert _answer(found) == _expected(codes, _numbers(len(codes)), asked, MAX_RADIUS)


@pytest.mark.parametrize("indexed", [True, False])
def test_the_radius_and_the_limit_have_bounds(indexed: bool) -> None:
    table = CodeTable.build(_random(40, 10), _numbers(40), indexed=indexed)
    for radius in (-1, 32):
        with pytest.raises(ValueError, match="radius must be 0 to 31"):
            table.within(_random(1, 11), radius=radius)
    with pytest.raises(ValueError, match="limit must be 1 or more"):
        table.within(_random(1, 11), limit=0)


def test_nothing_is_near_nothing() -> None:
    nothing, one = np.empty((0, 32), np.uint8), np.zeros((1, 32), np.uint8)
    assert _answer(CodeTable.nothing().within(one)) == []
    assert _answer(CodeTable.nothing().within(nothing)) == []
    for indexed in (True, False):
        table = CodeTable.build(_random(40, 12), _numbers(40), indexed=indexed)
        assert _answer(table.within(nothing)) == []
        assert _answer(table.within(one)) == []


@pytest.mark.parametrize("shape", [(4, 8), (32,), (1, 1, 32)])
def test_codes_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"codes must be uint8 of shape \(n, 32\)"):
        CodeTable.nothing().within(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="codes"):
        CodeTable.build(np.zeros(shape, np.uint8), _numbers(shape[0]))


def test_columns_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="3 codes need as many uint32"):
        CodeTable.build(_random(3, 13), _numbers(2))
    with pytest.raises(ValueError, match="3 codes need as many uint32"):
        CodeTable.build(_random(3, 13), np.arange(3))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="lists need 32 codes, got 31"):
        CodeTable.build(_random(31, 13), _numbers(31), indexed=True)


def test_damage_that_would_lead_a_search_astray_is_seen() -> None:
    table = CodeTable.build(_random(100, 14), _numbers(100), indexed=True)

    def changed(label: str, where: tuple[int, ...], value: int) -> CodeTable:
        column = getattr(table, label).copy()
        column[where] = value
        return dataclasses.replace(table, **{label: column})

    assert table.sound()
    assert changed("at", (3, 50), 99).sound()
    for label, where, value in [
        ("at", (0, 0), 100),
        ("at", (14, 99), 2**32 - 1),
        ("start", (0, 0), 1),
        ("start", (15, -1), 99),
        ("start", (15, -1), 101),
        ("start", (7, 30_000), 101),
        ("start", (7, 65_535), 0),
    ]:
        assert not changed(label, where, value).sound(), (label, where, value)
    for label in COLUMNS:
        column = getattr(table, label)
        for wrong in (column[..., :-1], column.astype(np.int64), column[:0]):
            assert not dataclasses.replace(table, **{label: wrong}).sound(), label
    twenty = {label: np.zeros(shape, COLUMNS[label]) for label, shape in shapes(20, indexed=True).items()}
    assert not CodeTable(**twenty).sound()


def test_a_table_works_where_it_lies_in_a_mapped_file(
    tmp_path: Path, big: tuple[CodeTable, Codes, NDArray[np.uint32]]
) -> None:
    table, codes, numbers = big
    path = tmp_path / "table"
    path.write_bytes(b"".join(getattr(table, label).tobytes() for label in COLUMNS))
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    columns, offset = {}, 0
    for label, shape in shapes(len(codes)).items():
        count = int(np.prod(shape))
        columns[label] = np.frombuffer(mapped, COLUMNS[label], count, offset).reshape(shape)
        offset += columns[label].nbytes
    read = CodeTable(**columns)
    assert offset == path.stat().st_size
    assert read.sound()
    assert not read.code.flags.writeable
    asked = codes[[0, 2_500, 20_000]]
    assert _answer(read.within(asked, limit=3)) == _expected(codes, numbers, asked, MAX_RADIUS, 3)
