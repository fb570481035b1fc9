"""Spawning's ai.txt."""

import re

import pytest

from holdout.carriers import ai_txt
from holdout.vocabulary import Preference, UsageCategory
from tests.carriers.mutated import never_permits

TRAINING = (UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER)


def value(text: str, path: str = "/a.jpg") -> Preference | None:
    signal = ai_txt.read(text.encode(), path=path, agents=[])
    assert signal is not None
    said = {signal.preferences.get(use) for use in TRAINING}
    assert len(said) == 1
    return said.pop()


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("Disallow: *.jpg", "deny"),
        ("Disallow: *.JPG", "deny"),
        ("Disallow: /", "deny"),
        ("Disallow: *", "deny"),
        ("Allow: *.jpg", "allow"),
        ("Allow: *.png", None),
        ("Allow: /", None),
        ("Allow: *.jpg\nDisallow: /", "deny"),
        ("Disallow: *.png\nAllow: *.jpg", "allow"),
        ("Disallow: *.txt", None),
        ("Allow: /x", None),
        ("Allow: *$", None),
        ("Allow: **", None),
        ("Allow: */", None),
        ("Allow: *.", None),
        ("Allow: /x/*.jpg$", "allow"),
        ("Allow: /y/*.jpg", None),
        ("Disallow: /x/", "deny"),
        ("Allow: *.jpg\nDisallow: *.jp*", "deny"),
        ("Allow: *.jpg\nDisallow: *.*", "deny"),
        ("Allow: *.jpg\nDisallow: /*.JPG", "deny"),
    ],
)
def test_a_denial_of_the_ending_or_of_everything_counts(rules: str, expected: str | None) -> None:
    assert value(f"# Spawning AI\nUser-Agent: *\n{rules}\n", "/x/a.jpg?w=3") == expected


def test_a_page_in_its_place_is_no_ai_txt() -> None:
    assert ai_txt.read(b"<!DOCTYPE html><p>Disallow: /", path="/a.jpg", agents=[]) is None
    assert ai_txt.read(b"hello", path="/a.jpg", agents=[]) is None


def test_a_file_that_is_not_read_to_its_end_permits_nothing() -> None:
    assert value("User-Agent: *\nAllow: *.jpg\n" + "# \n" * 400_000 + "Disallow: /\n") is None


def test_a_file_without_an_ending_is_never_permitted() -> None:
    assert value("User-Agent: *\nAllow: *.\nAllow: *\n", "/pictures.d/7") is None


def test_what_is_written_is_read() -> None:
    assert value(ai_txt.write()) is Preference.DENY


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        lambda read: ai_txt.read(read, path="/a.jpg", agents=[]),
        [ai_txt.write().encode(), b"User-Agent: *\nDisallow: *.jpg\nDisallow: *.png\n"],
        spelt=lambda read: re.search(rb"[\r\n]\s*allow", read.lower()) is not None,
    )
