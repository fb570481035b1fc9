"""RSL licences, and the places that point to them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.carriers import rsl
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
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
        '<permits type=" User ">education</permits>',
        '<prohibits type="purpose">resale</prohibits>',
        '<prohibits type="usage">train-ai</prohibits>',
    ],
)
def test_a_permission_with_a_condition_is_conditional(condition: str) -> None:
    assert usages(permits("ai-train") + condition)["ai-train"] is ASK


@pytest.mark.parametrize(
    "condition", ['<payment type="crawl"/>', '<reporting type="audit"/>', '<permits type="geo">EU</permits>']
)
def test_a_licence_that_asks_for_something_and_names_no_usage_asks_whatever_the_usage(condition: str) -> None:
    assert set(usages(condition).values()) == {ASK}
    assert usages('<payment type="free"/>') == {}
    assert usages(condition + prohibits("search"))["search"] is DENY


@pytest.mark.parametrize("between", ['<n xmlns="urn:x">all</n>', "<!-- n -->", "<?n?>", ",", "\n\t"])
def test_no_word_of_a_prohibition_is_lost_to_what_stands_between(between: str) -> None:
    found = usages(permits("all") + prohibits(f"ai-train {between} search"))
    assert (found["ai-train"], found["search"]) == (DENY, DENY)


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


def test_a_path_is_resolved_against_where_the_licence_stands() -> None:
    for url, at, about in (
        ("art/", "https://x.example/l.xml", True),
        ("art/", "https://x.example/sub/l.xml", False),
        ("*.jpg$", "https://x.example/art/l.xml", True),
        ("/art/", "https://y.example/l.xml", False),
        ("//x.example/", "https://y.example/l.xml", True),
        ("https://[", "https://x.example/l.xml", False),
        ("/", "https://[", True),
    ):
        read = document(f"<license>{prohibits('all')}</license>", url=url)
        assert bool(rsl.usages(read, url=PICTURE, at=at)) is about, url


def test_a_licence_in_another_encoding_is_one() -> None:
    read = document(f"<license>{prohibits('all')}</license>").decode().encode("utf-16")
    assert rsl.usages(read, url=PICTURE)["ai-train"] is DENY
    signal = rsl.read(read, url=PICTURE)
    assert signal is not None
    assert signal.preferences[GEN] is DENY


def test_a_document_that_only_mentions_the_namespace_is_no_licence() -> None:
    assert rsl.read(f'<rss xmlns:rsl="{rsl.NAMESPACE}"/>'.encode(), url=PICTURE) is None


def test_no_prohibition_is_cut_off_behind_many_permissions() -> None:
    one = f'<content url="/"><license>{permits("all")}</license></content>'
    last = f'<content url="/"><license>{prohibits("all")}</license></content>'
    read = f'<rsl xmlns="{rsl.NAMESPACE}">{one * 10_000}{last}</rsl>'.encode()
    assert ALLOW not in rsl.usages(read, url=PICTURE).values()


def test_conditions_stand_at_addresses_and_nowhere_else() -> None:
    custom = "<custom>javascript:alert(1)</custom><custom>ask me</custom><custom>https://x.example/c</custom>"
    read = document(f'<license>{permits("all")}<payment type="use">{custom}</payment></license>')
    signal = rsl.read(read, url=PICTURE)
    assert signal is not None
    assert signal.terms == ("https://x.example/c",)


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


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ('</l.xml>; title="a<b, c>;d"; rel=license', ["/l.xml"]),
        ('</l.xml>; title="\\"<"; rel="next license"', ["/l.xml"]),
        ('</l.xml>; rel="license"; type="application/rsl+xml; charset=utf-8"', ["/l.xml"]),
        ("</l.xml> ; REL = License", ["/l.xml"]),
        ("</l.xml>;;;rel=license;", ["/l.xml"]),
        ("</l.xml>; rel=next; rel=license", []),
        ('</l.xml>; title="rel=license"', []),
        ("</l.xml", []),
        ("</a>;rel=license,</b>;rel=license", ["/a", "/b"]),
    ],
)
def test_link_headers_are_read_as_they_are_defined(line: str, found: list[str]) -> None:
    given = rsl.associations(robots_group=[], robots_global=[], link_headers=[line], hrefs=[])
    assert list(given) == found


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["<", "<>", '<a>;b="', '<a>;b="\\', "; ", ";a=", "<a>;b", '"', ", "])
def test_a_link_header_of_nothing_but_noise_costs_little(piece: str) -> None:
    line = piece * (1_000_000 // len(piece))
    rsl.associations(robots_group=[], robots_global=[], link_headers=[line], hrefs=[])


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


@given(st.dictionaries(st.sampled_from(UsageCategory), st.sampled_from(Preference)))
def test_whatever_is_said_nothing_is_written_that_permits_more(preferences: Preferences) -> None:
    signal = rsl.read(rsl.write(preferences), url=PICTURE)
    assert signal is not None
    for use in (GEN, OTHER, INPUT, SEARCH):
        if signal.preferences.get(use) is ALLOW:
            assert preferences.get(use) is ALLOW
        if preferences.get(use) in (DENY, ASK):
            assert signal.preferences[use] in (DENY, ASK)


def test_what_is_permitted_stands_apart_from_what_is_paid_for() -> None:
    written = rsl.write({GEN: ASK, OTHER: ASK, SEARCH: ALLOW}).decode()
    free = written.partition("</license>")[2]
    assert ">search<" in free
    assert "payment" not in free


def test_no_accident_makes_a_permission_of_a_denial() -> None:
    never_permits(
        lambda read: rsl.read(read, url=PICTURE),
        [rsl.write(PRESETS["no-ai"]), document(f"<license>{prohibits('all')}</license>")],
        spelt=lambda read: b"permits" in read.lower(),
    )
