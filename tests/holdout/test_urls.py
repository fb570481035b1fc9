"""What a URL is: one canonical form, and the keys of every place that it lies in."""

import hashlib
import string
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from holdout.errors import InvalidInput
from holdout.urls import (
    MAX_URL_LENGTH,
    CanonicalUrl,
    KeyKind,
    RuleKey,
    canonicalize,
    domain_key,
    host_key,
    key_check,
    key_host,
    key_path,
    path_key,
    rule_keys,
    url_key,
)


def keys(url: str) -> list[str]:
    return [key.text for key in rule_keys(canonicalize(url))]


def refusal(call: Callable[[str], object], argument: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        call(argument)
    return caught.value.code


# --- the canonical form


@pytest.mark.parametrize(
    ("url", "surt"),
    [
        ("https://sub.example.com/", "com,example,sub)/"),
        ("http://sub.example.com", "com,example,sub)/"),
        ("HTTPS://Sub.EXAMPLE.com/Cat.JPG", "com,example,sub)/Cat.JPG"),
        ("  https://example.com/a\tb\n", "com,example)/ab"),
        ("https://example.com./x", "com,example)/x"),
        ("https://me:secret@example.com/x#top", "com,example)/x"),
        ("https://example.com/x?", "com,example)/x"),
        ("https://example.com/x?b=2&a=1", "com,example)/x?b=2&a=1"),
        ("https://example.com/a/./b/../c//d/", "com,example)/a/c//d/"),
        ("https://example.com/%2e%2E/a/%2e/b", "com,example)/a/b"),
        ("https:\\\\example.com\\a", "com,example)/a"),
        ("https://例え.jp/絵", "jp,xn--r8jz45g)/%E7%B5%B5"),
        ("https://1.2.3.4/x", "1.2.3.4)/x"),
        ("https://0x7f.1/x", "127.0.0.1)/x"),
        ("https://1.2.3.4./x", "1.2.3.4)/x"),
        ("https://[2001:DB8::0:1]:8080/x", "[2001:db8::1]:8080)/x"),
        ("https://localhost/x", "localhost)/x"),
    ],
)
def test_a_url_is_read_as_a_browser_reads_it(url: str, surt: str) -> None:
    assert canonicalize(url).surt == surt


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://example.com:80/", ""),
        ("https://example.com:443/", ""),
        ("https://example.com:/", ""),
        ("http://example.com:443/", "443"),
        ("https://example.com:80/", "80"),
        ("http://example.com:08080/", "8080"),
    ],
)
def test_only_the_default_port_of_its_own_scheme_is_dropped(url: str, port: str) -> None:
    canonical = canonicalize(url)
    assert canonical.port == port
    assert canonicalize(canonical.href) == canonical


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/%7Euser/%41%2d%5F%2E1", "/~user/A-_.1"),
        ("/a%2fb%3f%e7%B5%b5", "/a%2Fb%3F%E7%B5%B5"),
        ("/100%/%zz/%4", "/100%/%zz/%4"),
        ("/%252e", "/%252e"),
        ("/%%32e", "/%%32e"),
        ("/%4%31", "/%4%31"),
        ("/%%7e%2D", "/%~-"),
    ],
)
def test_escapes_have_one_spelling_and_decoding_never_makes_a_new_one(path: str, canonical: str) -> None:
    assert canonicalize(f"https://example.com{path}").path == canonical
    assert canonicalize(f"https://example.com/?{path}").query == canonical


@pytest.mark.parametrize("host", ["a..", ".", ".."])
def test_a_dot_stays_where_dropping_it_would_leave_an_empty_label_at_the_end(host: str) -> None:
    assert canonicalize(f"http://{host}/").host == host


def test_a_comma_in_a_host_does_not_take_the_keys_of_another_host() -> None:
    assert not set(keys("http://a,b/")) & set(keys("http://b.a/"))
    assert key_host("h c,a%2Cb") == "a,b.c"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url_invalid"),
        ("cat.jpg", "url_invalid"),
        ("//example.com/cat.jpg", "url_invalid"),
        ("https://", "url_invalid"),
        ("https://exa mple.com/", "url_invalid"),
        ("https://example.com:65536/", "url_invalid"),
        ("https://1.2.3.256/", "url_invalid"),
        ("https://[::1/", "url_invalid"),
        ("https://exa%23mple.com/", "url_invalid"),
        ("https://example.com/\ud800", "url_invalid"),
        ("ftp://example.com/", "url_scheme_unsupported"),
        ("data:image/png;base64,http://", "url_scheme_unsupported"),
        ("javascript://example.com/%0aalert(1)", "url_scheme_unsupported"),
        ("wss://example.com/", "url_scheme_unsupported"),
        ("https://example.com/" + "a" * MAX_URL_LENGTH, "url_too_long"),
        ("https://example.com/" + "絵" * 2000, "url_too_long"),
    ],
)
def test_what_is_no_web_address_is_refused_with_a_stable_code(url: str, code: str) -> None:
    assert refusal(canonicalize, url) == code


def test_the_longest_url_passes() -> None:
    url = "http://example.com/".ljust(MAX_URL_LENGTH, "a")
    assert canonicalize(url).href == url


# --- the keys


def test_a_url_lies_in_itself_its_folders_its_host_and_each_domain_above_most_specific_first() -> None:
    assert keys("https://art.example.com:8080/gallery/2024/cat.jpg?v=2") == [
        "u com,example,art:8080)/gallery/2024/cat.jpg?v=2",
        "p com,example,art:8080)/gallery/2024/",
        "p com,example,art:8080)/gallery/",
        "p com,example,art:8080)/",
        "h com,example,art",
        "d com,example,art",
        "d com,example",
        "d com",
    ]


@pytest.mark.parametrize("host", ["192.0.2.7", "[2001:db8::7]"])
def test_an_address_lies_in_no_domain_but_itself(host: str) -> None:
    assert keys(f"http://{host}/") == [f"u {host})/", f"p {host})/", f"h {host}", f"d {host}"]


def test_no_depth_is_too_deep() -> None:
    deep = "/".join("abcdefghij" * 10)
    assert len(keys(f"https://{'.'.join('abcdefghij' * 10)}/{deep}/x")) == 1 + 101 + 1 + 100


def test_a_folder_covers_what_is_in_it_and_no_neighbour() -> None:
    folder = path_key("https://example.com/art/")
    covered = {
        url
        for url in ["/art/", "/art/x", "/art/x/y?z", "/art", "/artist/x", "/Art/x", "/x/art/", "/?/art/"]
        if folder in rule_keys(canonicalize(f"http://example.com{url}"))
    }
    assert covered == {"/art/", "/art/x", "/art/x/y?z"}
    assert folder not in rule_keys(canonicalize("http://example.com:8080/art/x"))
    assert folder not in rule_keys(canonicalize("http://www.example.com/art/x"))


def test_a_domain_covers_its_subdomains_and_a_host_does_not() -> None:
    def covered(key: RuleKey) -> set[str]:
        hosts = [
            "example.com",
            "example.com:81",
            "sub.example.com",
            "a.b.example.com",
            "evil-example.com",
            "com",
        ]
        return {host for host in hosts if key in rule_keys(canonicalize(f"https://{host}/x"))}

    below = {"sub.example.com", "a.b.example.com"}
    assert covered(domain_key("example.com")) == {"example.com", "example.com:81"} | below
    assert covered(host_key("example.com")) == {"example.com", "example.com:81"}


def test_specificity_falls_along_the_keys_of_a_url() -> None:
    ranks = [key.specificity for key in rule_keys(canonicalize("https://a.b.example.com/c/d/e?f"))]
    assert ranks == sorted(set(ranks), reverse=True)
    folder = [key.specificity for key in rule_keys(canonicalize("https://a.example.com/"))]
    assert folder == sorted(set(folder), reverse=True)


def test_the_check_of_a_key_is_the_first_half_of_sha256() -> None:
    text = "u com,example)/"
    assert key_check(text) == hashlib.sha256(b"u com,example)/").digest()[:16]


# --- keys to register


@pytest.mark.parametrize(
    "typed",
    ["Example.COM", " example.com. ", "https://example.com/", "http://EXAMPLE.com", "ｅｘａｍｐｌｅ．ｃｏｍ"],
)
def test_a_host_is_taken_as_people_type_it(typed: str) -> None:
    assert host_key(typed) == RuleKey(KeyKind.HOST, "h com,example")
    assert domain_key(typed) == RuleKey(KeyKind.DOMAIN, "d com,example")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "url_invalid"),
        ("example .com", "url_invalid"),
        ("ftp://example.com", "url_scheme_unsupported"),
        ("example.com/art", "host_invalid"),
        ("https://example.com/art/", "host_invalid"),
        ("https://example.com/?q", "host_invalid"),
        ("example.com:8080", "host_invalid"),
        ("me@example.com", "host_invalid"),
        ("*.example.com", "host_invalid"),
        ("exa,mple.com", "host_invalid"),
        ("a..example.com", "host_invalid"),
        (".", "host_invalid"),
        ("a" * 64 + ".com", "host_invalid"),
        ("a." * 126 + "com", "host_invalid"),
    ],
)
def test_what_is_not_a_host_alone_is_no_host(typed: str, code: str) -> None:
    assert refusal(host_key, typed) == code
    assert refusal(domain_key, typed) == code


def test_a_folder_to_register_ends_with_a_slash_and_has_no_query() -> None:
    assert path_key("HTTPS://Example.com:443/%61rt/?#x") == RuleKey(KeyKind.PATH, "p com,example)/art/")
    assert refusal(path_key, "https://example.com/art") == "path_prefix_must_end_with_slash"
    assert refusal(path_key, "https://example.com/art/?page=2") == "path_prefix_has_query"
    assert refusal(path_key, "example.com/art/") == "url_invalid"


def test_a_url_to_register_is_the_first_of_its_keys() -> None:
    assert url_key("https://example.com/x?y") == rule_keys(canonicalize("http://example.com/x?y"))[0]


@pytest.mark.parametrize(
    "authority", ["a.example.com", "example.com:81", "10.0.0.1:81", "[::1]", "[::1]:81", "a)b,c.de"]
)
def test_a_key_tells_its_host_and_path(authority: str) -> None:
    url = canonicalize(f"http://{authority}/a)/b/?c)/d")
    first, folder, *others = rule_keys(url)
    assert (key_host(first.text), key_path(first.text)) == (url.host, "/a)/b/?c)/d")
    assert (key_host(folder.text), key_path(folder.text)) == (url.host, "/a)/b/")
    host = next(key for key in others if key.kind is KeyKind.HOST)
    assert (key_host(host.text), key_path(host.text)) == (url.host, "")


# --- properties

LABELS = st.sampled_from(["a", "b", "com", "art", "evil-art", "xn--r8jz45g", "a,b", "a)b"])
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join), st.sampled_from(["192.0.2.7", "[2001:db8::7]"])
)
PORTS = st.sampled_from(["", "8080", "80", "443"])
SEGMENTS = st.sampled_from(["", "a", "art", "artist", "b)", "%2F", "%", "c,d"])
PATHS = st.lists(SEGMENTS, max_size=4).map(lambda segments: "/" + "/".join(segments))
QUERIES = st.sampled_from(["", "a", "a=/art/"])
CANONICAL = st.builds(CanonicalUrl, host=HOSTS, port=PORTS, path=PATHS, query=QUERIES)
URLISH = st.builds(
    "".join,
    st.lists(
        st.sampled_from([*"%/\\?#@:.[],) aAfF012e7zé。\t\x00", "http://", "..", "%2e", "xn--"]), max_size=20
    ),
)


@given(st.one_of(st.text(), URLISH.map("https://h".__add__), URLISH.map("http://".__add__)))
@example("http://\ud800")
@example("http://a/%%32e/%2%65")
@example("http://..")
def test_any_text_is_either_refused_or_has_one_stable_form(text: str) -> None:
    try:
        url = canonicalize(text)
    except InvalidInput:
        return
    assert canonicalize(url.href) == url
    assert all(key_host(key.text) == url.host for key in rule_keys(url) if key.kind is not KeyKind.DOMAIN)


@given(st.one_of(st.text(), URLISH))
def test_any_text_typed_as_a_place_is_either_refused_or_a_key(text: str) -> None:
    for constructor in (url_key, path_key, host_key, domain_key):
        try:
            key = constructor(text)
        except InvalidInput:
            continue
        assert key_check(key.text)


@given(CANONICAL)
def test_generated_urls_are_canonical(url: CanonicalUrl) -> None:
    assert canonicalize(url.href) == url


@given(st.lists(CANONICAL, min_size=2, max_size=2, unique=True))
def test_different_urls_have_different_keys(urls: list[CanonicalUrl]) -> None:
    assert urls[0].surt != urls[1].surt


@given(
    url=CANONICAL,
    scheme=st.sampled_from(["http", "https", "HTTP", "hTTps"]),
    user=st.sampled_from(["", "me@", "me:secret@", "a%40b@"]),
    dot=st.sampled_from(["", "."]),
    fragment=st.sampled_from(["", "#", "#top", "#/art/?x"]),
    upper=st.booleans(),
)
def test_spellings_of_one_url_have_one_key(
    url: CanonicalUrl, scheme: str, user: str, dot: str, fragment: str, upper: bool
) -> None:
    default = {"http": "80", "https": "443"}[scheme.lower()]
    assume(url.port != default)
    host = url.host.upper() if upper else url.host
    host += "" if host.startswith("[") else dot
    for port in [f":{url.port}"] if url.port else ["", ":", f":{default}"]:
        query = f"?{url.query}"
        assert canonicalize(f"{scheme}://{user}{host}{port}{url.path}{query}{fragment}") == url


@given(
    st.lists(st.tuples(st.sampled_from(string.ascii_letters + string.digits + "-_~"), st.sampled_from("pxX")))
)
def test_escaping_what_needs_no_escape_changes_nothing(drawn: list[tuple[str, str]]) -> None:
    plain = "".join(character for character, _ in drawn)
    escaped = "".join(c if how == "p" else f"%{format(ord(c), f'02{how}')}" for c, how in drawn)
    assert canonicalize(f"https://example.com/{escaped}").path == f"/{plain}"


PLACES = [KeyKind.URL, KeyKind.PATH, KeyKind.HOST, KeyKind.DOMAIN]
"""Pictures and accounts are `test_picture_hosts.py`'s."""


class Place(NamedTuple):
    """A registered place in plain terms, to decide containment without any key."""

    kind: KeyKind
    url: CanonicalUrl

    def key(self) -> RuleKey:
        folder = self.url.path.rpartition("/")[0] + "/"
        match self.kind:
            case KeyKind.URL:
                return url_key(self.url.href)
            case KeyKind.PATH:
                return path_key(CanonicalUrl(self.url.host, self.url.port, folder, "").href)
            case KeyKind.HOST:
                return host_key(self.url.host)
            case _:
                return domain_key(self.url.host)

    def contains(self, other: CanonicalUrl) -> bool:
        mine = self.url
        same_host = mine.host == other.host
        match self.kind:
            case KeyKind.URL:
                return mine == other
            case KeyKind.PATH:
                folder = mine.path[: mine.path.rindex("/") + 1]
                return same_host and mine.port == other.port and other.path.startswith(folder)
            case KeyKind.HOST:
                return same_host
            case _:
                return same_host or other.host.endswith("." + mine.host)


@given(kind=st.sampled_from(PLACES), registered=CANONICAL, asked=CANONICAL, related=st.booleans())
def test_a_url_has_the_key_of_exactly_the_places_that_contain_it(
    kind: KeyKind, registered: CanonicalUrl, asked: CanonicalUrl, related: bool
) -> None:
    if related:  # near misses instead of strangers
        registered = CanonicalUrl(asked.host, asked.port, registered.path, registered.query)
    place = Place(kind, registered)
    assume(kind in (KeyKind.URL, KeyKind.PATH) or not set(",)") & set(registered.host))
    assert (place.key() in rule_keys(asked)) == place.contains(asked)


@given(CANONICAL)
def test_every_folder_of_a_url_is_among_its_keys_and_no_sibling_is(url: CanonicalUrl) -> None:
    found = {key_path(key.text) for key in rule_keys(url) if key.kind is KeyKind.PATH}
    folders = {url.path[: i + 1] for i, character in enumerate(url.path) if character == "/"}
    assert found == folders
    sibling = CanonicalUrl(url.host, url.port, "/" + url.path.strip("/") + "-sibling/", "")
    assert path_key(sibling.href) not in rule_keys(url)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("behind", ["https://b.example/2.jpg", "#x", "?y", "/3.jpg"])
def test_two_urls_that_a_line_end_joins_are_none(end: str, behind: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        canonicalize(f"https://a.example/1.jpg#top{end}{behind}")
    assert refusal.value.code == "url_invalid"
    with pytest.raises(InvalidInput):
        canonicalize(f"https://a.example/1.jpg{end}{behind}")
    assert canonicalize(f" {end}https://a.example/1.jpg{end}{end}").path == "/1.jpg"
