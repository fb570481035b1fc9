from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.ids import id_bits, id_text, is_public_id, new_id
from holdout.index.records import RECORD, public_ids
from holdout.index.said import by_use, preferences_of, said_of
from holdout.vocabulary import PRESETS, Preference, UsageCategory


def test_every_combination_of_preferences_has_a_number_of_its_own() -> None:
    numbers = {
        said_of({use: value for use, value in zip(UsageCategory, values, strict=True) if value})
        for values in product([None, *Preference], repeat=5)
    }
    assert numbers == set(range(1024))
    assert all(said_of(preferences_of(number)) == number for number in numbers)


def test_the_first_use_stands_in_the_lowest_bits() -> None:
    assert said_of({}) == 0
    assert said_of({UsageCategory.TRAIN_GEN: Preference.DENY}) == 0b01
    assert said_of({UsageCategory.TRAIN_OTHER: Preference.CONDITIONAL}) == 0b1000
    assert said_of({UsageCategory.SEARCH: Preference.ALLOW}) == 0b11 << 8
    assert preferences_of(said_of(PRESETS["no-ai"])) == PRESETS["no-ai"]


@pytest.mark.parametrize("said", [-1, 1024, 65_535])
def test_a_number_with_other_bits_stands_for_no_preferences(said: int) -> None:
    with pytest.raises(ValueError, match="stands for no preferences"):
        preferences_of(said)


def test_a_column_of_numbers_is_taken_apart_by_use() -> None:
    said = np.array([0, said_of(PRESETS["no-ai"]), said_of(PRESETS["licence-first"])], dtype=np.uint16)
    assert by_use(said).tolist() == [[0, 0, 0, 0, 0], [1, 1, 1, 1, 0], [2, 2, 2, 2, 3]]


@given(bits=st.binary(min_size=16, max_size=16))
def test_a_public_id_comes_back_from_its_bits(bits: bytes) -> None:
    assert id_bits(id_text("stm", bits)) == bits
    assert is_public_id(id_text("stm", bits))


@given(several=st.lists(st.binary(min_size=16, max_size=16), max_size=20))
def test_many_public_ids_are_written_as_each_by_itself(several: list[bytes]) -> None:
    made = np.zeros(len(several), dtype=RECORD)
    made["statement"] = several
    assert public_ids("stm", made["statement"]) == [id_text("stm", bits) for bits in several]


def test_new_ids_are_random_bits() -> None:
    assert len({id_bits(new_id("wrk")) for _ in range(50)}) == 50


@pytest.mark.parametrize("text", ["stm_" + "a" * 25 + "b", "stm_abc", "stm_" + "1" * 26, "", "stm"])
def test_what_is_no_public_id_has_no_bits(text: str) -> None:
    with pytest.raises(ValueError):
        id_bits(text)


def test_a_record_takes_48_bytes() -> None:
    assert RECORD.itemsize == 48
