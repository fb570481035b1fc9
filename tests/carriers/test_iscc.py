"""What stands beside an ISCC."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.carriers import iscc
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from tests.carriers.mutated import never_permits

GEN, OTHER, INPUT, TDM, SEARCH = UsageCategory
DENY, ASK, ALLOW = Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW
CODE = "ISCC:KACYPXW445FTYNJ3CYSXHAFJMA2HUWULUNRFE3BLHRSCXYH2M5AEGQY"


def metadata(**fields: Any) -> bytes:
    return json.dumps({"@type": "TDM", "iscc": CODE, **fields}).encode()


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"tdm_reservation": 1}, DENY),
        ({"tdm_reservation": 0}, ALLOW),
        ({"tdm_reservation": 1, "tdm_policy": "https://p.example/"}, ASK),
        ({"tdm_reservation": "1"}, None),
        ({"tdm_reservation": True}, None),
    ],
)
def test_metadata_speaks_as_tdmrep_does(fields: dict[str, Any], value: Preference | None) -> None:
    for read in (metadata(**fields), json.dumps({"tdm": fields}).encode()):
        signal = iscc.read_metadata(read)
        assert signal is not None
        assert dict(signal.preferences) == (dict.fromkeys((GEN, OTHER, TDM), value) if value else {})
        assert bool(signal.notes) is (value is None)


def test_the_narrower_word_overrules_the_broader() -> None:
    signal = iscc.read_tdmai(
        b'{"all": "false", "train-ai": "true", "train-genai": "false", "search": "true"}'
    )
    assert signal is not None
    assert dict(signal.preferences) == {GEN: DENY, OTHER: ALLOW, TDM: DENY, SEARCH: ALLOW}


def test_values_are_words() -> None:
    signal = iscc.read_tdmai(b'{"all": false}')
    assert signal is not None
    assert not signal.preferences
    assert [note.code for note in signal.notes] == ["tdmai_value_unknown"]


def test_a_narrower_word_that_cannot_be_read_takes_back_what_the_broader_permits() -> None:
    signal = iscc.read_tdmai(b'{"all": "true", "train-genai": false}')
    assert signal is not None
    assert dict(signal.preferences) == {OTHER: ALLOW, TDM: ALLOW}
    signal = iscc.read_tdmai(b'{"all": "false", "train-genai": true}')
    assert signal is not None
    assert signal.preferences[GEN] is DENY


def test_what_is_said_twice_and_not_the_same_is_not_said() -> None:
    for signal in (
        iscc.read_tdmai(b'{"all": "false", "all": "true"}'),
        iscc.read_metadata(b'{"tdm": {"tdm_reservation": 1, "tdm_reservation": 0}}'),
    ):
        assert signal is not None
        assert not signal.preferences
        assert signal.notes


def test_a_policy_that_is_no_address_leaves_the_reservation_as_it_is() -> None:
    signal = iscc.read_metadata(metadata(tdm_reservation=1, tdm_policy="javascript:alert(1)"))
    assert signal is not None
    assert signal.preferences[GEN] is DENY
    assert (signal.terms, [note.code for note in signal.notes]) == ((), ["iscc_policy_unusable"])


def test_another_object_speaks_no_such_standard() -> None:
    assert iscc.read_metadata(b'{"title": "a"}') is None
    assert iscc.read_tdmai(b'{"title": "a"}') is None


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_read_and_says_no_less(preset: str) -> None:
    preferences = PRESETS[preset]
    tdmai = iscc.read_tdmai(iscc.write_tdmai(preferences, iscc=CODE))
    assert tdmai is not None
    for use in (GEN, OTHER, INPUT, SEARCH):
        wanted = preferences.get(use)
        assert tdmai.preferences.get(use) == (DENY if wanted is ASK else wanted)
    written = iscc.write_metadata(preferences, iscc=CODE)
    assert written is not None
    read = iscc.read_metadata(written)
    assert read is not None
    assert read.preferences[GEN] is (ALLOW if preset == "open" else DENY)


@given(st.dictionaries(st.sampled_from(UsageCategory), st.sampled_from(Preference)))
def test_whatever_is_said_nothing_is_written_that_permits_more(preferences: Preferences) -> None:
    for read in (
        iscc.read_tdmai(iscc.write_tdmai(preferences, iscc=CODE)),
        iscc.read_metadata(iscc.write_metadata(preferences, iscc=CODE) or b"{}"),
    ):
        permitted = {} if read is None else read.preferences
        assert all(preferences.get(use) is ALLOW for use, value in permitted.items() if value is ALLOW)


def test_mining_is_said_by_all_where_the_words_beside_it_say_the_rest() -> None:
    read = iscc.read_tdmai(iscc.write_tdmai(PRESETS["research-ok"], iscc=CODE))
    assert read is not None
    assert dict(read.preferences) == dict(PRESETS["research-ok"])


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        iscc.read_metadata,
        [metadata(tdm_reservation=1)],
        spelt=lambda read: json.loads(read)["tdm_reservation"] == 0,
    )
    never_permits(
        iscc.read_tdmai,
        [iscc.write_tdmai(PRESETS["no-ai"], iscc=CODE)],
        spelt=lambda read: "true" in json.loads(read).values(),
    )
