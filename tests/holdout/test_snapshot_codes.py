"""The byte of a snapshot: what it can say, and what it leaves to the registry."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.snapshot.codes import ASK, BITS, CODES, FAILED, LAST, from_uses, is_code, to_preferences
from holdout.verdicts import Outcome
from holdout.vocabulary import PRESETS, UsageCategory

OUTCOMES = [Outcome.UNKNOWN, Outcome.CONDITIONAL, Outcome.DENY]
ALL = {
    from_uses(dict(zip(UsageCategory, outcomes, strict=True))): outcomes
    for outcomes in product(OUTCOMES, repeat=5)
}


def test_these_are_the_codes_of_the_presets() -> None:
    """The numbers stand in files: they never change."""
    no_ai = {use: Outcome(value) for use, value in PRESETS["no-ai"].items()}
    assert from_uses(no_ai) == 240
    assert from_uses({UsageCategory.TRAIN_GEN: Outcome.CONDITIONAL}) == 81
    assert from_uses({UsageCategory.SEARCH: Outcome.DENY}) == 2
    assert from_uses({}) == 0


def test_every_restriction_has_a_code_of_its_own_and_comes_back() -> None:
    assert sorted(ALL) == list(range(LAST + 1)) == list(range(243))
    for code, outcomes in ALL.items():
        said = to_preferences(code)
        assert [said.get(use, "unknown") for use in UsageCategory] == list(outcomes)
        assert list(said) == [use for use in UsageCategory if use in said]


@pytest.mark.parametrize("outcome", [Outcome.ALLOW, Outcome.REVIEW])
@pytest.mark.parametrize("use", UsageCategory)
def test_what_permits_or_is_for_review_is_left_to_the_registry(outcome: Outcome, use: UsageCategory) -> None:
    assert from_uses({**dict.fromkeys(UsageCategory, Outcome.DENY), use: outcome}) == ASK


@pytest.mark.parametrize("code", [-1, 243, FAILED, ASK, 256])
def test_what_says_nothing_by_itself_is_no_preference(code: int) -> None:
    with pytest.raises(ValueError, match="does not say"):
        to_preferences(code)


@given(st.lists(st.sampled_from([*range(LAST + 1), ASK]), max_size=6))
def test_several_codes_together_are_the_most_restrictive_of_each_use(codes: list[int]) -> None:
    together = CODES[np.bitwise_or.reduce(BITS[codes], initial=0)] if codes else CODES[0]
    if ASK in codes:
        assert together == ASK
    else:
        most = [
            max((ALL[code][i] for code in codes), key=OUTCOMES.index, default=OUTCOMES[0]) for i in range(5)
        ]
        assert together == from_uses(dict(zip(UsageCategory, most, strict=True)))


def test_only_what_says_something_may_stand_in_a_file() -> None:
    assert [code for code in range(256) if is_code(np.array([code], np.uint8))] == [*range(1, 243), ASK]
