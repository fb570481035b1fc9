"""RSL licences, and the places that point to them."""

from typing import Any

import pytest

from holdout.carriers import rsl
from holdout.vocabulary import PRESETS, Preference, UsageCategory
from tests.carriers.mutated import never_permits
from tests.carriers.vectors import VECTORS

GEN, OTHER, INPUT, TDM, SEARCH = UsageCategory
DENY, ASK, ALLOW = Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW
PICTURE = "https://x.example/art/a.jpg"


def document(inside: str, *, url: str = "/") -> bytes:
    return f'<rsl xmlns="{rsl.NAMESPACE}"><content url="{url}">{inside}</content></rsl>'.encode()


def usages(*licences: str, url: str = "/") -> dict[str, Preference]:
    inside = "".join(f"<license>{licence}</license>" for licence in licences)
    return dict(rsl.usages(document(inside, url=url), url=PICTURE))


def permits(words: str) -> str:
    return f'<permits type="usage">{words}</permits>'


def prohibits(words: str) -> str:
    return f'<prohibits type="usage">{words}</prohibits>'


@pytest.mark.parametrize("case", VECTORS["rsl"])
def test_the_examples(case: dict[str, Any]) -> None:
    for path, expected in case["cases"]:
        found = rsl.usages(case["xml"].encode(), url=f"https://x.example{path}")
        assert {word: found.get(word) for word in expected} == expected


def test_prohibits_comes_before_permits_and_what_is_not_permitted_is_not() -> None:
    found = usages(permits("all") + prohibits("ai-train"))
    assert (found["ai-train"], found["ai-input"], found["other"]) == (DENY, ALLOW, ALLOW)
    found = usages(permits("search"))
    assert (found["search"], found["ai-train"], found["other"]) == (ALLOW, DENY, DENY)
    found = usages(prohibits("ai-all"))
    assert found == {"ai-train": DENY, "ai-input": DENY, "ai-index": DENY}


@pytest.mark.parametrize(
    "condition",
    [
        '<payment type="training"><amount currency="USD">1</amount></payment>',
        '<payment type="attribution"/>',
        "<payment/>",
        '<reporting type="audit"/>',
        '<permits type="user">education</permits>',
        '<prohibits type="geo">CN</prohibits>',
    ],
)
def test_a_permission_with_a_condition_is_conditional(condition: str) -> None:
    assert usages(permits("ai-train") + condition)["ai-train"] is ASK


def test_free_is_free_and_a_servers_token_is_a_condition() -> None:
    assert usages(permits("ai-train") + '<payment type="free"/>')["ai-train"] is ALLOW
    read = document(f"<license>{permits('all')}</license>").replace(
        b"url=", b'server="https://s.example" url='
    )
    signal = rsl.read(read, url=PICTURE)
    assert signal is not None
    assert signal.preferences[GEN] is ASK
    assert signal.terms == ("https://s.example",)


def test_licences_beside_each_other_permit_what_all_of_them_do() -> None:
    assert usages(permits("ai-train"), permits("search"))["ai-train"] is ASK
    assert usages(permits("ai-train"), permits("ai-train search"))["ai-train"] is ALLOW


def test_the_narrower_scope_counts_word_by_word() -> None:
    read = (
        f'<rsl xmlns="{rsl.NAMESPACE}">'
        f'<content url="/art/"><license>{permits("ai-input")}</license></content>'
        f'<content url="/"><license>{prohibits("all")}</license></content></rsl>'
    ).encode()
    assert rsl.usages(read, url=PICTURE)["ai-input"] is ALLOW
    assert rsl.usages(read, url="https://x.example/b.jpg")["ai-input"] is DENY


@pytest.mark.parametrize(
    ("url", "about"),
    [
        ("/", True),
        ("/art/*.jpg$", True),
        ("/else", False),
        ("https://x.example/", True),
        ("https://y.example/", False),
        ("", False),
    ],
)
def test_a_licence_is_about_its_own_paths_and_host(url: str, about: bool) -> None:
    assert bool(usages(prohibits("all"), url=url)) is about


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (document("<license><permits type='usage'>all</permits><gift/></license>"), "rsl_invalid"),
        (document("<license>"), "rsl_unreadable"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]>' + document("<license>&a;</license>"), "rsl_unreadable"),
        (document("<license>" * 60 + "</license>" * 60), "rsl_unreadable"),
        (document("x" * 2_000_000), "rsl_unreadable"),
        (document("", url="/else"), "rsl_no_match"),
    ],
)
def test_what_cannot_be_read_says_nothing_and_why(read: bytes, code: str) -> None:
    signal = rsl.read(read, url=PICTURE)
    assert signal is not None
    assert not signal.preferences
    assert code in [note.code for note in signal.notes]
    assert code in rsl.NOTES


def test_foreign_elements_are_passed_over_and_another_document_is_no_licence() -> None:
    read = document(f'<note xmlns="urn:x"/><license>{prohibits("all")}</license>')
    assert rsl.usages(read, url=PICTURE)["ai-train"] is DENY
    assert rsl.read(b"<html/>", url=PICTURE) is None


def test_commas_and_unknown_words_are_noted() -> None:
    signal = rsl.read(document(f"<license>{prohibits('ai-train, scrape')}</license>"), url=PICTURE)
    assert signal is not None
    assert dict(signal.preferences) == {GEN: DENY, OTHER: DENY}
    assert {note.code for note in signal.notes} == {"rsl_commas", "rsl_word_unknown"}


def test_every_place_that_points_to_a_licence_is_followed() -> None:
    found = rsl.associations(
        robots_group=["https://x.example/group.xml"],
        robots_global=["https://x.example/global.xml"],
        link_headers=[
            '<https://x.example/a,b.xml>; rel="license"; type="application/rsl+xml", </style>; rel=preload',
            "</c.xml>; rel=license; type=text/html",
        ],
        hrefs=["/d.xml", ""],
    )
    assert found == ("https://x.example/group.xml", "https://x.example/a,b.xml", "/d.xml")
    assert rsl.associations(robots_group=[], robots_global=["/g.xml"], link_headers=[], hrefs=[]) == (
        "/g.xml",
    )


def test_a_licence_that_nobody_read_is_not_forgotten() -> None:
    signal = rsl.unread(["https://x.example/l.xml"])
    assert signal.terms == ("https://x.example/l.xml",)
    assert [note.code for note in signal.notes] == ["rsl_unread"]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_is_read_and_says_no_less(preset: str) -> None:
    preferences = PRESETS[preset]
    signal = rsl.read(rsl.write(preferences, terms="https://x.example/ask"), url=PICTURE)
    assert signal is not None
    for use, value in signal.preferences.items():
        if value is ALLOW:
            assert preferences.get(use) is ALLOW
    for use in (GEN, OTHER, INPUT, SEARCH):
        if preferences.get(use) in (DENY, ASK):
            assert signal.preferences[use] in (DENY, ASK)


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        lambda read: rsl.read(read, url=PICTURE),
        [rsl.write(PRESETS["no-ai"]), document(f"<license>{prohibits('all')}</license>")],
        spelt=lambda read: b"permits" in read.lower(),
    )
