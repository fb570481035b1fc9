"""IETF AIPREF: `Content-Usage` in headers and in robots.txt."""

from typing import Any

import pytest

from holdout.carriers import aipref
from holdout.carriers.robots import parse
from holdout.vocabulary import PRESETS, Preference, UsageCategory
from tests.carriers.mutated import never_permits
from tests.carriers.vectors import VECTORS

GEN, INPUT, SEARCH = UsageCategory.TRAIN_GEN, UsageCategory.AI_INPUT, UsageCategory.SEARCH
DENY, ALLOW = Preference.DENY, Preference.ALLOW


@pytest.mark.parametrize(("value", "expected", "parses"), VECTORS["aipref_value"])
def test_the_drafts_examples_of_values(value: str, expected: list[str | None], parses: bool) -> None:
    said, notes = aipref.read_value(value)
    assert [said.get(use) for use in (GEN, INPUT, SEARCH)] == expected
    assert ("aipref_unreadable" in [note.code for note in notes]) is not parses


@pytest.mark.parametrize("case", VECTORS["robots"])
def test_the_drafts_examples_of_robots_txt(case: dict[str, Any]) -> None:
    robots = parse(case["txt"].encode())
    for agent, path, may_crawl, expected in case["cases"]:
        signal = aipref.read_robots(robots, path=path, agents=[agent])
        assert signal is not None
        assert dict(signal.preferences) == ({GEN: expected["train-ai"]} if expected else {})
        assert ("aipref_path_closed" in [note.code for note in signal.notes]) is not may_crawl


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("ai-train=no", "aipref_other_vocabulary"),
        ("genai=n", "aipref_legacy_label"),
        ("train-ai=no", "aipref_value_unknown"),
        ("train-ai=1", "aipref_value_unknown"),
        ("train-ai", "aipref_value_unknown"),
        ("Train-AI=n", "aipref_unreadable"),
        ("train-ai=n # never", "aipref_unreadable"),
    ],
)
def test_what_looks_like_a_denial_and_is_none_is_said_to_be_none(value: str, code: str) -> None:
    signal = aipref.read_header([value])
    assert signal is not None
    assert not signal.preferences
    assert [note.code for note in signal.notes] == [code]
    assert code in aipref.NOTES


def test_several_header_lines_are_one_and_the_last_of_equal_keys_counts() -> None:
    signal = aipref.read_header(["train-ai=y, search=y", "train-ai=n"])
    assert signal is not None
    assert dict(signal.preferences) == {GEN: DENY, SEARCH: ALLOW}
    assert aipref.read_header([]) is None


def test_a_site_without_the_rule_says_nothing() -> None:
    assert aipref.read_robots(parse(b"User-agent: *\nDisallow: /a\n"), path="/", agents=[]) is None


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_read_and_says_no_less(preset: str) -> None:
    written = aipref.write(PRESETS[preset])
    said = {} if written is None else aipref.read_value(written)[0]
    for use in (GEN, INPUT, SEARCH):
        wanted = PRESETS[preset].get(use)
        assert said.get(use) == (DENY if wanted is Preference.CONDITIONAL else wanted)


CUT = b"# \n" * 400_000


def test_a_file_that_is_not_read_to_its_end_permits_nothing() -> None:
    """What was cut off may refuse."""
    robots = parse(
        b"User-agent: *\nContent-Usage: train-ai=y, search=n\n" + CUT + b"Content-Usage: train-ai=n"
    )
    signal = aipref.read_robots(robots, path="/a.jpg", agents=[])
    assert signal is not None
    assert dict(signal.preferences) == {SEARCH: DENY}
    assert "too_long" in [note.code for note in signal.notes]


def test_a_hundred_thousand_rules_take_no_time() -> None:
    rules = (
        "".join(f"Content-Usage:/{n} ai\n" for n in range(40_000))
        + "Content-Usage: genai=n, train-ai=n\n" * 99
    )
    robots = parse(f"User-agent: *\n{rules}".encode())
    for _ in range(30):
        signal = aipref.read_robots(robots, path="/x", agents=[])
        assert signal is not None
        assert dict(signal.preferences) == {GEN: DENY}
        assert len(signal.notes) <= 200


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        lambda read: aipref.read_header([read.decode("latin-1")]),
        [b"train-ai=n, ai-use=n, search=n", b"train-ai=n"],
        spelt=lambda read: b"=y" in read,
    )
    never_permits(
        lambda read: aipref.read_robots(parse(read), path="/a.jpg", agents=["bot"]),
        [b"User-Agent: *\nAllow: /\nContent-Usage: train-ai=n, ai-use=n\n"],
        spelt=lambda read: b"=y" in read,
    )
