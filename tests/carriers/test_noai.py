"""`noai` in headers and pages."""

import pytest

from holdout.carriers import noai
from holdout.vocabulary import Preference, UsageCategory
from tests.carriers.mutations import mutations
from tests.carriers.vectors import VECTORS

DENIED = dict.fromkeys(list(UsageCategory)[:3], Preference.DENY)


def said(*lines: str, agents: tuple[str, ...] = ()) -> dict[UsageCategory, Preference]:
    signal = noai.read_header(lines, agents=agents)
    return {} if signal is None else dict(signal.preferences)


@pytest.mark.parametrize(("lines", "agent", "labels"), VECTORS["x_robots_tag"])
def test_the_examples(lines: list[str], agent: str | None, labels: list[str]) -> None:
    assert said(*lines, agents=(agent,) if agent else ()) == (DENIED if labels else {})


@pytest.mark.parametrize(
    "line",
    [
        "NoAI",
        "noindex,NOIMAGEAI",
        "noai, unavailable_after: 25 Jun 2027 15:00:00 GMT",
        "unavailable_after: Friday, 25-Jun-27 15:00:00 GMT, noai",
        "max-image-preview:large, noai",
        "MyBot: noindex, noai",
        "*: noai",
        "noindex, mybot: noai",
        "otherbot: noindex, mybot: nofollow, noai",
        "mybot: noindex, otherbot: nofollow, noai",
        "unavailable_after: 2027-06-25T15:00:00Z, noai",
        " noai ",
    ],
)
def test_every_way_to_write_it_is_read(line: str) -> None:
    assert said(line, agents=("mybot",)) == DENIED


@pytest.mark.parametrize(
    "line", ["otherbot: noindex, noai", "noindex, otherbot: noai", "noaix", "no ai", "index, follow", ""]
)
def test_what_is_said_to_others_or_is_another_word_is_not(line: str) -> None:
    assert said(line, agents=("mybot",)) == {}


def test_a_scope_ends_with_its_line() -> None:
    assert said("otherbot: nofollow", "noai", agents=("mybot",)) == DENIED


def test_what_is_said_to_others_is_noted() -> None:
    signal = noai.read_header(["otherbot: noai"], agents=[])
    assert signal is not None
    assert [note.code for note in signal.notes] == ["noai_other_agent"]
    assert noai.read_header(["noindex"], agents=[]) is None


def test_lines_that_were_joined_with_a_comma_lose_nothing_in_silence() -> None:
    signal = noai.read_header(["noindex, otherbot: noai"], agents=["mybot"])
    assert signal is not None
    assert [note.code for note in signal.notes] == ["noai_other_agent"]


def test_a_line_of_a_hundred_thousand_scopes_takes_no_time() -> None:
    line = ",".join(f"{n}:noai" for n in range(60_000)) + ",noai" * 60_000
    signal = noai.read_header([line], agents=["mybot"])
    assert signal is not None
    assert len(signal.notes) == 100


def test_meta_elements_speak_to_all_or_to_one() -> None:
    for metas, agents, expected in (
        ([("robots", "noai, noimageai")], [], DENIED),
        ([("mybot", "NoAI")], ["MyBot"], DENIED),
        ([("googlebot", "noai")], ["mybot"], {}),
        ([("description", "noai")], ["mybot"], {}),
        ([("robots", "noml")], [], {}),
    ):
        signal = noai.read_meta(metas, agents=agents)
        assert (dict(signal.preferences) if signal else {}) == expected


def test_what_is_written_is_read() -> None:
    assert said(noai.write_header()) == DENIED


def test_no_broken_line_is_an_error_or_a_permission() -> None:
    for _, changed in mutations([b"noai, noimageai", b"bot: max-snippet: 5, noai"]):
        signal = noai.read_header([changed.decode("latin-1")], agents=["bot"])
        assert signal is None or set(signal.preferences.values()) <= {Preference.DENY}
