"""What stands beside an ISCC."""

import json
from typing import Any

import pytest

from holdout.carriers import iscc
from holdout.vocabulary import PRESETS, Preference, UsageCategory
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


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(iscc.read_metadata, [metadata(tdm_reservation=1)], spelt=lambda read: b"0" in read)
    never_permits(
        iscc.read_tdmai,
        [iscc.write_tdmai(PRESETS["no-ai"], iscc=CODE)],
        spelt=lambda read: b"true" in read,
    )
