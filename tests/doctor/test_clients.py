"""How other programs read the same, row by row: the table in the docs is this test's."""

from pathlib import Path

import pytest
from datadiligence.rules import TDMRepHeader, XRobotsTagHeader

from holdout.carriers.readers import read_all
from holdout.doctor.cases import Case, cases
from holdout.doctor.clients import datadiligence, img2dataset
from holdout.doctor.tables import page
from holdout.resolution import of_signals
from holdout.vocabulary import UsageCategory
from tests.carriers.mutations import mutations

IDS = [case.what for case in cases()]


def real_datadiligence(headers: tuple[tuple[str, str], ...], agent: str | None) -> bool:
    """Its own rules; several lines of a header reach it joined, as its HTTP library joins them."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key = {"x-robots-tag": "X-Robots-Tag"}.get(name.lower(), name.lower())
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    if not joined:
        return True
    robots = XRobotsTagHeader(user_agent=agent).is_allowed(headers=joined)
    return bool(robots and TDMRepHeader().is_allowed(headers=joined))


@pytest.mark.parametrize("case", cases(), ids=IDS)
def test_holdout_reads_it_as_its_standard_says(case: Case) -> None:
    assert of_signals(read_all(case.seen)).uses[UsageCategory.TRAIN_GEN] == case.holdout


@pytest.mark.parametrize("case", cases(), ids=IDS)
def test_the_others_do_what_the_table_says(case: Case) -> None:
    headers, agent = case.seen.headers, case.agent
    assert img2dataset(headers, agent=agent) is case.img2dataset
    assert datadiligence(headers, agent=agent) is case.datadiligence
    assert real_datadiligence(headers, agent) is case.datadiligence


def test_the_page_is_what_the_tables_say() -> None:
    written = Path("docs/reference/standards.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m holdout.doctor.tables > docs/reference/standards.md"


def test_datadiligence_is_rebuilt_as_it_is() -> None:
    originals = [b"noai, noimageai", b"mybot: noai", b"a: noindex, noai", b"max-snippet: 5, noai"]
    for _, changed in mutations(originals, count=3_000):
        headers = (("X-Robots-Tag", changed.decode("latin-1")),)
        assert datadiligence(headers, agent="mybot") is real_datadiligence(headers, "mybot"), changed
