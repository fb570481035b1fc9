"""The TDM Reservation Protocol, wherever it speaks."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.carriers import tdmrep
from holdout.signals import Signal
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from tests.carriers.mutated import never_permits
from tests.carriers.vectors import VECTORS

GEN, OTHER, INPUT, TDM, SEARCH = UsageCategory
DENIED, ALLOWED, ASKED = (
    dict.fromkeys((GEN, OTHER, TDM), value) for value in ("deny", "allow", "conditional")
)
SAID: dict[Any, dict[UsageCategory, str]] = {1: DENIED, 0: ALLOWED, None: {}}


def file(*rules: Any) -> bytes:
    return json.dumps(list(rules)).encode()


def said(signal: Signal | None) -> Preferences:
    assert signal is not None
    return dict(signal.preferences)


def codes(signal: Signal | None) -> list[str]:
    assert signal is not None
    return [note.code for note in signal.notes]


@pytest.mark.parametrize(("path", "reservation"), VECTORS["tdmrep"]["cases"])
def test_the_reports_example_of_a_file(path: str, reservation: int | None) -> None:
    signal = tdmrep.read_file(file(*VECTORS["tdmrep"]["json"]), path=path)
    expected = ASKED if path.startswith("/directory-b/html") else SAID[reservation]
    assert said(signal) == expected


@pytest.mark.parametrize("value", [2, -1, True, False, None, "1", 1.0, "yes", [1]])
def test_in_a_file_only_the_numbers_0_and_1_say_something(value: Any) -> None:
    signal = tdmrep.read_file(file({"location": "/", "tdm-reservation": value}), path="/a")
    assert said(signal) == {}
    assert codes(signal) == ["tdmrep_rule_unreadable"]


def test_the_first_location_that_matches_counts() -> None:
    rules = [{"location": "/a*.jpg", "tdm-reservation": 0}, {"location": "/", "tdm-reservation": 1}]
    assert said(tdmrep.read_file(file(*rules), path="/a/b.jpg")) == ALLOWED
    assert said(tdmrep.read_file(file(*reversed(rules)), path="/a/b.jpg")) == DENIED
    assert said(tdmrep.read_file(file(*rules), path="/a/b.JPG")) == DENIED


def test_a_policy_makes_conditions_of_a_reservation_alone() -> None:
    for reservation, expected, terms in ((1, ASKED, ("https://p.example/",)), (0, ALLOWED, ())):
        rule = {"location": "/", "tdm-reservation": reservation, "tdm-policy": "https://p.example/"}
        signal = tdmrep.read_file(file(rule), path="/a")
        assert said(signal) == expected
        assert signal is not None
        assert signal.terms == terms


@pytest.mark.parametrize(
    "read",
    [b"", b"{}", b"[", b"null", b'{"location": "/", "tdm-reservation": 1}', b"\xff\xfe[]", b"[" * 100_000],
)
def test_what_is_no_list_of_rules_says_nothing_and_why(read: bytes) -> None:
    signal = tdmrep.read_file(read, path="/a")
    assert said(signal) == {}
    assert codes(signal) == ["tdmrep_unreadable"]


@pytest.mark.parametrize("depth", [*range(950, 1001, 5), 100_000])
def test_nesting_of_any_depth_is_survived(depth: int) -> None:
    for read in (b"[" * depth + b"]" * depth, b"[" + b'{"a":' * depth + b"1" + b"}" * depth + b"]"):
        assert said(tdmrep.read_file(read, path="/a")) == {}


def test_what_a_rule_says_twice_and_not_the_same_it_does_not_say() -> None:
    twice = b'[{"location": "/", "tdm-reservation": 1, "tdm-reservation": %s}]'
    assert said(tdmrep.read_file(twice % b"0", path="/a")) == {}
    assert said(tdmrep.read_file(twice % b"true", path="/a")) == {}
    assert said(tdmrep.read_file(twice % b"1", path="/a")) == DENIED
    elsewhere = b'[{"location": "/a", "location": "/b", "tdm-reservation": 0}]'
    assert said(tdmrep.read_file(elsewhere, path="/b")) == {}


@pytest.mark.parametrize("broken", [1, {"Location": "/a", "tdm-reservation": 1}, {"location": "a/"}, {}])
def test_after_a_rule_that_nobody_can_place_a_permission_does_not_count(broken: Any) -> None:
    signal = tdmrep.read_file(file(broken, {"location": "/", "tdm-reservation": 0}), path="/a/b")
    assert said(signal) == {}
    assert "tdmrep_rule_doubtful" in codes(signal)
    elsewhere = {"location": "/else", "tdm-reservation": "yes"}
    assert (
        said(tdmrep.read_file(file(elsewhere, {"location": "/", "tdm-reservation": 0}), path="/a")) == ALLOWED
    )


def test_more_rules_than_anybody_writes_are_cut_and_noted() -> None:
    rules = [{"location": "/x", "tdm-reservation": 1}] * 20_001
    assert "too_long" in codes(tdmrep.read_file(file(*rules), path="/a"))


@pytest.mark.parametrize("policy", ["javascript:alert(1)", "\ud800", "a b", "https://[", "data:,", "\x00"])
def test_a_policy_that_is_no_address_leaves_the_reservation_as_it_is(policy: str) -> None:
    rule = {"location": "/", "tdm-reservation": 1, "tdm-policy": policy}
    for signal in (tdmrep.read_file(file(rule), path="/a"), tdmrep.read_headers(["1"], [policy])):
        assert said(signal) == DENIED
        assert signal is not None
        assert signal.terms == ()
        assert codes(signal) == ["tdmrep_policy_unusable"]


def test_ten_megabytes_are_not_read() -> None:
    assert codes(tdmrep.read_file(b"[" + b" " * 10_000_000 + b"]", path="/a")) == ["too_long"]


def test_one_bad_rule_does_not_silence_the_others() -> None:
    signal = tdmrep.read_file(file(1, {"location": 3}, {"location": "/", "tdm-reservation": 1}), path="/a")
    assert said(signal) == DENIED
    assert codes(signal).count("tdmrep_rule_unreadable") == 2


@pytest.mark.parametrize(
    ("word", "expected"), [("1", DENIED), (" 0 ", ALLOWED), ("2", {}), ("true", {}), ("1;a", {})]
)
def test_headers_and_meta_elements_say_0_or_1(word: str, expected: Preferences) -> None:
    assert said(tdmrep.read_headers([word], [])) == expected
    assert said(tdmrep.read_meta([("tdm-reservation", word), ("other", "1")])) == expected
    assert said(tdmrep.read_embedded([word], [])) == expected


def test_a_policy_alone_reserves_nothing_and_is_noted() -> None:
    assert codes(tdmrep.read_headers([], ["https://p.example/"])) == ["tdmrep_policy_alone"]
    assert tdmrep.read_headers([], []) is None


@pytest.mark.parametrize("broken", ["1;x", "yes", "", "one"])
def test_a_0_beside_a_word_that_cannot_be_read_permits_nothing(broken: str) -> None:
    assert said(tdmrep.read_headers(["0", broken], [])) == {}
    assert said(tdmrep.read_headers([f"{broken}, 0"], [])) == {}
    assert said(tdmrep.read_headers(["1", broken], [])) == DENIED


def test_a_header_that_contradicts_itself_reserves() -> None:
    signal = tdmrep.read_headers(["0", "1"], [])
    assert said(signal) == DENIED
    assert "tdmrep_contradiction" in codes(signal)


@pytest.mark.parametrize("case", VECTORS["tdmrep"]["priority"])
def test_the_later_place_counts_and_an_absent_one_resets_nothing(case: dict[str, int | None]) -> None:
    in_file = tdmrep.read_file(file({"location": "/", "tdm-reservation": case["file"]}), path="/a")
    header = None if case["header"] is None else tdmrep.read_headers([str(case["header"])], [])
    page = None if case["html"] is None else tdmrep.read_meta([("tdm-reservation", str(case["html"]))])
    resolved = tdmrep.resolved([in_file, header, page, None])
    assert said(resolved) == SAID[case["result"]]
    differ = len({v for v in (case["file"], case["header"], case["html"]) if v is not None}) > 1
    assert ("tdmrep_overruled" in codes(resolved)) is differ


def test_a_broken_later_place_resets_nothing() -> None:
    in_file = tdmrep.read_file(file({"location": "/", "tdm-reservation": 1}), path="/a")
    assert said(tdmrep.resolved([in_file, tdmrep.read_headers(["yes"], [])])) == DENIED
    assert tdmrep.resolved([None, None]) is None


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_read_and_says_no_less(preset: str) -> None:
    preferences = PRESETS[preset]
    written = tdmrep.write_file([("/", preferences, "https://p.example/")])
    read = said(tdmrep.read_file(written, path="/a.jpg"))
    for use in (GEN, OTHER, TDM):
        if preferences.get(use) in (Preference.DENY, Preference.CONDITIONAL):
            assert read[use] in (Preference.DENY, Preference.CONDITIONAL)
        if read.get(use) is Preference.ALLOW:
            assert preferences[use] is Preference.ALLOW
    lines = tdmrep.write_headers(preferences, policy=None)
    assert lines == ([("tdm-reservation", "0" if preset == "open" else "1")])


@given(st.dictionaries(st.sampled_from(UsageCategory), st.sampled_from(Preference)))
def test_whatever_is_said_nothing_is_written_that_permits_more(preferences: Preferences) -> None:
    read = said(tdmrep.read_file(tdmrep.write_file([("/", preferences, None)]), path="/a"))
    for use in (GEN, OTHER, TDM):
        if read.get(use) is Preference.ALLOW:
            assert preferences.get(use) is Preference.ALLOW
        if preferences.get(use) in (Preference.DENY, Preference.CONDITIONAL):
            assert read[use] is Preference.DENY


def spells_0(read: bytes) -> bool:
    """Whether a rule, taken by itself, is one that permits."""
    try:
        rules = json.loads(read)
    except (ValueError, RecursionError):
        return False
    return any(isinstance(rule, dict) and rule.get("tdm-reservation") == 0 for rule in rules)


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    rule = {"location": "/", "tdm-reservation": 1}
    never_permits(
        lambda read: tdmrep.read_file(read, path="/a.jpg"),
        [file(rule), file({"location": "/b", "tdm-reservation": 1}, rule)],
        spelt=spells_0,
    )
    never_permits(
        lambda read: tdmrep.read_headers([read.decode("latin-1")], []),
        [b"1", b" 1 "],
        spelt=lambda read: {word.strip() for word in read.decode("latin-1").split(",")} == {"0"},
    )
