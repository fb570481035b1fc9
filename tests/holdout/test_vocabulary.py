import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.errors import InvalidInput
from holdout.vocabulary import PRESETS, Preference, UsageCategory, parse_preferences


def test_no_ai_denies_every_ai_use_and_says_nothing_about_search() -> None:
    said = PRESETS["no-ai"]
    assert UsageCategory.SEARCH not in said
    assert {use: said[use] for use in UsageCategory if use is not UsageCategory.SEARCH} == dict.fromkeys(
        [UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER, UsageCategory.AI_INPUT, UsageCategory.TDM],
        Preference.DENY,
    )


def test_unset_may_be_written_out_and_means_absence() -> None:
    assert parse_preferences({"search": "unset", "tdm": "deny"}) == {UsageCategory.TDM: Preference.DENY}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no-a1", "preset_unknown"),
        ({"train": "deny"}, "usage_unknown"),
        ({"tdm": "no"}, "preference_unknown"),
        ({"tdm": ["deny"]}, "preference_unknown"),
        (["deny"], "preferences_malformed"),
        (None, "preferences_malformed"),
        (float("nan"), "preferences_malformed"),
    ],
)
def test_what_is_not_a_preference_is_refused_with_a_code(said: object, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_preferences(said)
    assert refused.value.code == code


@given(
    st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
)
def test_rubbish_raises_nothing_but_invalid_input(said: object) -> None:
    with contextlib.suppress(InvalidInput):
        assert parse_preferences(said) == {}
