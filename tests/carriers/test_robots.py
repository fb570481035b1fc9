"""robots.txt: groups, paths and access, as RFC 9309 has them."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from holdout.carriers import robots
from holdout.carriers.robots import matches, may_crawl, parse, path_of, prepared, read_access, without_file
from holdout.verdicts import Access
from tests.carriers.mutations import mutations


def access(text: str, path: str, *agents: str) -> Access:
    return read_access(parse(text.encode()), path=path, agents=agents).access


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/fish", "/fish.html", True),
        ("/fish", "/Fish", False),
        ("/fish*", "/fishheads", True),
        ("/*.php$", "/folder/filename.php", True),
        ("/*.php$", "/filename.php?parameters", False),
        ("/*.php", "/filename.php/", True),
        ("/fish*.php", "/fishheads/catfish.php?id=1", True),
        ("/$", "/", True),
        ("/$", "/a", False),
        ("/a%3cd.html", "/a%3Cd.html", True),
        ("/a%62c", "/abc", True),
        ("/a%2fb", "/a/b", False),
        ("/ツ", "/%E3%83%84", True),
        ("", "/anything", True),
        ("/*a*b*$", "/xaybz", True),
        ("/*ab$", "/ab/ab", True),
        ("/ab*ab$", "/ab", False),
        ("/file-with-a-%2A.html", "/file-with-a-*.html", True),
        ("/file-with-a-%2A.html", "/file-with-a-b.html", False),
        ("/foo-%24", "/foo-$", True),
        ("/a$b", "/a$b", True),
        ("/a$b", "/a", False),
        ("/a*", "/a*b", True),
        ("/a*$", "/a$", True),
    ],
)
def test_a_path_rule_is_compared_octet_by_octet(pattern: str, path: str, expected: bool) -> None:
    assert matches(pattern, prepared(path)) is expected


def test_the_longest_rule_counts_and_of_equals_allow() -> None:
    text = "User-agent: *\nDisallow: /private/\nAllow: /private/ok.jpg\nDisallow: /a\nAllow: /a\n"
    assert access(text, "/private/ok.jpg") is Access.ALLOWED
    assert access(text, "/private/no.jpg") is Access.BLOCKED
    assert access(text, "/abc") is Access.ALLOWED


def test_groups_of_one_token_are_one_and_case_does_not_matter() -> None:
    text = (
        "User-agent: ABot\nDisallow: /a\n\nUser-agent: other\nDisallow: /\n\nuser-AGENT: abot\nDisallow: /b\n"
    )
    assert access(text, "/b", "aBot") is Access.BLOCKED
    assert access(text, "/a", "aBot") is Access.BLOCKED
    assert access(text, "/c", "aBot") is Access.ALLOWED
    assert access(text, "/c", "third") is Access.ALLOWED


def test_lines_that_nobody_knows_do_not_end_a_group() -> None:
    text = "User-agent: a\nSitemap: https://x.example/s\nUser-agent: b\nCrawl-delay: 3\nno\nDisallow: /\n"
    assert access(text, "/", "a") is Access.BLOCKED
    assert access(text, "/", "b") is Access.BLOCKED


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_and_a_byte_order_mark_are_read(end: str) -> None:
    read = b"\xef\xbb\xbf" + f"User-agent: *  # all{end}Disallow: / # nobody{end}".encode()
    assert read_access(parse(read), path="/x", agents=[]).access is Access.BLOCKED


def test_robots_txt_itself_may_always_be_read() -> None:
    assert access("User-agent: *\nDisallow: /\n", "/robots.txt") is Access.ALLOWED


def test_a_rule_before_any_group_is_nobodys_and_noted() -> None:
    parsed = parse(b"Disallow: /\nLicense: https://x.example/l.xml\n")
    assert read_access(parsed, path="/", agents=[]).access is Access.ALLOWED
    assert [note.code for note in parsed.notes] == ["robots_rule_without_agent"]
    assert parsed.values("license") == ("https://x.example/l.xml",)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, Access.ALLOWED), (403, Access.ALLOWED), (500, Access.BLOCKED), (None, Access.BLOCKED)],
)
def test_what_cannot_be_had_closes_everything_and_what_is_not_there_nothing(
    status: int | None, expected: Access
) -> None:
    assert without_file(status).access is expected


def test_a_hundred_thousand_rules_and_a_pattern_of_stars_take_no_time() -> None:
    """Readers that are quadratic, or go back, need minutes, and the suite ends them."""
    rules = "".join(f"Disallow: /{'a*' * 20}{n}$\n" for n in range(100_000))
    parsed = parse(("User-agent: *\n" + rules).encode())
    assert may_crawl(parsed.group([]), "/" + "a" * 2_000)


def test_path_of_keeps_the_query_and_survives_what_is_no_url() -> None:
    assert path_of("https://x.example/a?b=c#d") == "/a?b=c"
    assert path_of("https://x.example") == "/"
    assert path_of("http://[") == "/"


_SEGMENT = st.text(alphabet="abAB/*", max_size=6)
_RULE = st.tuples(st.sampled_from(["Allow", "Disallow"]), _SEGMENT.map(lambda text: "/" + text))


@given(
    groups=st.lists(
        st.tuples(st.sampled_from(["*", "one", "two"]), st.lists(_RULE, min_size=1, max_size=4)),
        min_size=1,
        max_size=3,
    ),
    path=st.text(alphabet="abAB/", max_size=8).map(lambda text: "/" + text),
    agent=st.sampled_from(["one", "two", "three"]),
)
def test_access_is_what_another_reader_of_the_rfc_finds(
    groups: list[tuple[str, list[tuple[str, str]]]], path: str, agent: str
) -> None:
    """Protego's, but for a path of slashes: it takes `//a` for the address of a host."""
    if path.startswith("//"):
        return
    text = "".join(
        f"User-agent: {token}\n" + "".join(f"{name}: {value}\n" for name, value in rules) + "\n"
        for token, rules in groups
    )
    expected = Protego.parse(text).can_fetch(quote(path), agent)
    assert (access(text, path, agent) is Access.ALLOWED) is expected


def test_no_broken_file_is_an_error() -> None:
    originals = [
        b"User-agent: *\nDisallow: /\nLicense: https://x.example/l\n",
        b"User-agent: a\nAllow: /*x$\n",
    ]
    for _, changed in mutations(originals):
        read_access(parse(changed), path="/a/b.jpg", agents=["a"])


def test_a_group_is_written_as_it_is_read() -> None:
    text = robots.write_group(["GPTBot", "CCBot"], ["Disallow: /"])
    assert access(text, "/", "ccbot") is Access.BLOCKED
    assert access(text, "/", "other") is Access.ALLOWED


def test_a_hundred_thousand_equal_rules_take_no_time() -> None:
    """A reader that copies what it found for each of them needs ten seconds, and the suite ends it."""
    parsed = parse(b"User-agent: *\n" + b"Allow:/\n" * 99_000)
    for _ in range(30):
        assert may_crawl(parsed.group([]), "/x")


def test_long_paths_are_not_remembered() -> None:
    before = robots._remembered.cache_info().currsize
    assert matches("/" + "a" * 100_000, prepared("/" + "a" * 100_001))
    assert robots._remembered.cache_info().currsize == before


def test_notes_have_an_end() -> None:
    assert len(parse("".join(f"allow:{n}\n" for n in range(90_000)).encode()).notes) == 100
