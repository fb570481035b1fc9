"""Cloudflare's Content Signals."""

import pytest

from holdout.carriers import content_signals
from holdout.carriers.robots import parse
from holdout.vocabulary import PRESETS, Preference, UsageCategory
from tests.carriers.mutated import never_permits
from tests.carriers.vectors import VECTORS

GEN, OTHER, INPUT, _, SEARCH = UsageCategory
DENY, ALLOW = Preference.DENY, Preference.ALLOW


@pytest.mark.parametrize(("value", "expected"), VECTORS["content_signal"])
def test_the_published_examples(value: str, expected: dict[str, str]) -> None:
    said, notes = content_signals.read_value(value)
    assert dict(said) == {SEARCH: expected["search"], GEN: expected["ai-train"], OTHER: expected["ai-train"]}
    assert ("content_signals_use" in [note.code for note in notes]) is ("use" in expected)


def test_the_longest_path_of_the_crawlers_group_counts() -> None:
    robots = parse(
        b"User-Agent: *\nContent-Signal: ai-train=no\nContent-signal: /free/ ai-train=yes\nAllow: /\n"
        b"\nUser-Agent: Friend\nContent-Signal: ai-train=yes\n"
    )
    read = content_signals.read_robots
    for path, agent, expected in (("/a", "x", DENY), ("/free/a", "x", ALLOW), ("/a", "friend", ALLOW)):
        signal = read(robots, path=path, agents=[agent])
        assert signal is not None
        assert signal.preferences[GEN] == expected


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("train-ai=n", "content_signals_other_vocabulary"),
        ("ai-train=n", "content_signals_value_unknown"),
        ("ai-train=No", "content_signals_value_unknown"),
        ("AI-Train=no", "content_signals_key_unknown"),
    ],
)
def test_what_looks_like_a_denial_and_is_none_is_said_to_be_none(value: str, code: str) -> None:
    said, notes = content_signals.read_value(value)
    assert not said
    assert [note.code for note in notes] == [code]


def test_what_contradicts_itself_is_denied() -> None:
    assert content_signals.read_value("ai-train=yes, ai-train=no")[0][GEN] is DENY


def test_the_header_that_circulates_is_read_and_noted() -> None:
    signal = content_signals.read_header(["ai-train=no, search=yes"])
    assert signal is not None
    assert signal.preferences[GEN] is DENY
    assert [note.code for note in signal.notes] == ["content_signals_header"]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_says_no_less(preset: str) -> None:
    written = content_signals.write(PRESETS[preset])
    said = {} if written is None else content_signals.read_value(written)[0]
    for use in (GEN, OTHER, INPUT, SEARCH):
        wanted = PRESETS[preset].get(use)
        if wanted in (DENY, Preference.CONDITIONAL):
            assert said[use] is DENY
        if said.get(use) is ALLOW:
            assert wanted is ALLOW


def test_a_file_that_is_not_read_to_its_end_permits_nothing() -> None:
    """What was cut off may refuse."""
    text = b"User-agent: *\nContent-Signal: ai-train=yes, search=no\n" + b"# \n" * 400_000
    signal = content_signals.read_robots(parse(text), path="/a.jpg", agents=[])
    assert signal is not None
    assert dict(signal.preferences) == {SEARCH: DENY}
    assert "too_long" in [note.code for note in signal.notes]


def test_notes_have_an_end() -> None:
    text = "User-agent: *\nContent-Signal: " + ",".join(f"{n:x}" for n in range(150_000))
    signal = content_signals.read_robots(parse(text.encode()), path="/", agents=[])
    assert signal is not None
    assert len(signal.notes) == 100


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        lambda read: content_signals.read_robots(parse(read), path="/a.jpg", agents=["bot"]),
        [b"User-agent: *\nContent-Signal: search=no, ai-input=no, ai-train=no\nAllow: /\n"],
        spelt=lambda read: b"yes" in read,
    )
