"""The kit: what one choice comes to, in every place."""

import io
import json
import zipfile
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring

from holdout.carriers import kit
from holdout.carriers.readers import observed, read_all
from holdout.carriers.surroundings import Surroundings
from holdout.errors import InvalidInput
from holdout.resolution import of_signals
from holdout.vocabulary import PRESETS, Preference, UsageCategory

SITE = "https://portfolio.example/"
RESTRICTING = [name for name in PRESETS if name != "open"]


def choice(preset: str = "no-ai", **fields: Any) -> kit.Choice:
    given: dict[str, Any] = {
        "site": "https://Portfolio.example/gallery?page=2",
        "name": "Qing “Tuanzi”",
        "number": "ABCDE-FGHIJ-K",
        "statement": "https://registry.example/r/ABCDE-FGHIJ-K",
    }
    return kit.choice_of(PRESETS[preset], **given | fields)


def contents(of: kit.Choice) -> dict[str, bytes]:
    return {piece.file: piece.content for piece in kit.pieces(of)}


@pytest.mark.parametrize("preset", RESTRICTING)
def test_each_place_by_itself_says_no_less_than_the_choice(preset: str) -> None:
    """Read as a crawler that nobody knows by name reads them."""
    found = contents(choice(preset))
    headers = tuple(kit.headers(choice(preset)))
    licence = {f"{SITE}license.xml": found["license.xml"]} if "license.xml" in found else {}
    url = f"{SITE}art/a.jpg"
    places = {
        "robots": Surroundings(url=url, robots=found["robots.txt"], licences=licence),
        "headers": Surroundings(url=url, headers=headers, licences=licence),
        "page": Surroundings(url=url, page=found["head.html"], licences=licence),
    }
    for seen in places.values():
        uses = of_signals(observed(read_all(seen))).uses
        for use in (UsageCategory.TRAIN_GEN, UsageCategory.AI_INPUT):
            if PRESETS[preset].get(use) in (Preference.DENY, Preference.CONDITIONAL):
                assert uses[use] in ("deny", "conditional")
        for use, outcome in uses.items():
            assert outcome != "allow" or PRESETS[preset].get(use) is Preference.ALLOW
        assert not [note for signal in read_all(seen) for note in signal.notes]


def test_known_crawlers_are_asked_to_stay_away() -> None:
    robots = contents(choice())["robots.txt"]
    seen = Surroundings(url=f"{SITE}a.jpg", agents=("gptbot",), robots=robots)
    assert of_signals(read_all(seen)).access == "blocked"
    assert (
        of_signals(read_all(Surroundings(url=f"{SITE}a.jpg", agents=("googlebot",), robots=robots))).access
        == "unknown"
    )


def test_headers_are_written_for_each_kind_of_server() -> None:
    found = contents(choice())
    for file in ("headers/nginx.conf", "headers/apache.htaccess"):
        assert b'Content-Usage "train-ai=n, ai-use=n"' in found[file]
        assert b'rel=\\"license\\"' in found[file]
    for file in ("headers/cloudflare-pages/_headers", "headers/netlify/_headers"):
        assert found[file].startswith(b"/*\n  Content-Usage: train-ai=n, ai-use=n\n")


def test_conditions_name_whom_to_ask() -> None:
    found = contents(choice("licence-first", contact="https://portfolio.example/ask"))
    assert json.loads(found["policy.json"])["assigner"]["vcard:hasURL"] == "https://portfolio.example/ask"
    # RSL cannot say that search is free and the rest is asked for; policy.json can.
    assert "license.xml" not in found
    assert "Ask me before" in found["profile.txt"].decode()
    assert "policy.json" not in contents(choice("no-ai"))


def test_a_person_without_a_site_gets_words_and_a_mark() -> None:
    found = contents(choice())
    assert "禁止用于 AI" in found["profile.txt"].decode()
    assert "ABCDE-FGHIJ-K" in found["profile.txt"].decode()
    assert found["corner-mark.svg"].startswith(b"<svg")
    assert "corner-mark.svg" not in contents(choice(statement=""))


def test_the_archive_has_all_of_it_explained_in_both_languages_and_is_the_same_every_time() -> None:
    packed = kit.archive(choice())
    assert packed == kit.archive(choice())
    with zipfile.ZipFile(io.BytesIO(packed)) as whole:
        names = whole.namelist()
        for language in kit.LANGUAGES:
            text = whole.read(f"README.{language}.md").decode()
            assert all(file in text for file in contents(choice()))
        assert set(names) == {"README.en.md", "README.zh-Hans.md", *contents(choice())}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "two\nlines"}, "text_not_printable"),
        ({"number": "x" * 501}, "text_not_printable"),
        ({"site": "nonsense"}, "url_invalid"),
        ({"site": "ftp://x.example/"}, "url_scheme_unsupported"),
    ],
)
def test_what_does_not_fit_into_files_is_refused(fields: dict[str, str], code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        choice(**fields)


def test_a_choice_that_refuses_nothing_has_no_kit() -> None:
    with pytest.raises(InvalidInput, match="nothing_to_say"):
        choice("open")


@pytest.mark.parametrize("text", ['"><script>', "</title>", "&amp;", "' onload='x", '" onload="x', "]]>"])
def test_no_name_becomes_markup(text: str) -> None:
    found = contents(choice(name=text, number=text))
    mark = fromstring(found["corner-mark.svg"])
    assert {element.tag.rpartition("}")[2] for element in mark.iter()} <= {"svg", "rect", "g", "path", "text"}
    assert set(mark.attrib) == {"width", "height", "role", "aria-label"}
    assert mark.attrib["aria-label"] == f"No AI {text}"


def test_every_piece_is_explained_in_every_language() -> None:
    for piece in kit.pieces(choice("licence-first")):
        for language in kit.LANGUAGES:
            words = piece.words[language]
            assert all((words.where, words.means, words.who))
