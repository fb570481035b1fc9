"""What `fetch` does not go to. In every case here: not one connection, and DNS asked once at most."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.errors import FetchFailed, FetchRefused
from holdout.fetch import fetch, is_public
from tests.holdout.corpora import cases
from tests.holdout.internet import OTHER_PUBLIC, PUBLIC, Internet, pages, redirect, reply
from tests.holdout.test_fetch_addresses import NOT_PUBLIC

LOOPBACK_SPELLINGS = (
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0177.1",
    "2130706433",
    "017700000001",
    "0x7f.1",
    "0x7f000001",
    "0X7F.0.0.1",
    "127。0。0。1",
    "127.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "%e2%91%a0②⑦.1",
    "0",
    "0x0",
    "[::1]",
    "[0:0::0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
)

PLACES = (
    ("http://art.example:22/", "port_not_allowed"),
    ("http://art.example:8080/", "port_not_allowed"),
    ("https://art.example:8443/", "port_not_allowed"),
    ("http://art.example:0/", "port_not_allowed"),
    ("http://art.example:6379/", "port_not_allowed"),
    ("file:///etc/passwd", "url_scheme_unsupported"),
    ("ftp://art.example/", "url_scheme_unsupported"),
    ("gopher://art.example:80/_x", "url_scheme_unsupported"),
    ("ws://art.example/", "url_scheme_unsupported"),
    ("javascript:alert(1)", "url_scheme_unsupported"),
    ("data:text/plain,hello", "url_scheme_unsupported"),
    ("http://me@art.example/", "url_has_credentials"),
    ("http://me:secret@art.example/", "url_has_credentials"),
    ("http://:secret@art.example/", "url_has_credentials"),
    ("http://art.example@127.0.0.1/", "url_has_credentials"),
    ("http://127.0.0.1\\@art.example/", "address_not_public"),
    ("http://a..example/", "host_invalid"),
    (f"http://{'a' * 64}.example/", "host_invalid"),
    (f"http://{'a.' * 127}example/", "host_invalid"),
    ("http://169.254.169.254/latest/meta-data/", "address_not_public"),
    ("http://metadata.internal/", "address_not_public"),
    ("http://localhost/", "address_not_public"),
    ("http://LOCALHOST./", "address_not_public"),
    ("http://127.1/", "address_not_public"),
    ("http://[::ffff:169.254.169.254]/", "address_not_public"),
)
"""URLs that are refused wherever they come from: typed, or in a Location header."""


def world() -> Internet:
    internet = Internet(localhost=["127.0.0.1"])
    internet.names |= {"art.example": [[PUBLIC]], "metadata.internal": [["169.254.169.254"]]}
    return internet


def refusal(internet: Internet, url: str) -> str:
    with pytest.raises((FetchRefused, FetchFailed)) as caught:
        fetch(url, resolver=internet.resolver, connect=internet.connect)
    return caught.value.code


def test_an_address_that_is_not_public_is_refused_as_literal_and_as_dns_answer() -> None:
    for address in NOT_PUBLIC:
        internet = Internet()
        internet.names["trap.example"] = [[address]]
        assert refusal(internet, "https://trap.example/") == "address_not_public"
        assert internet.asked == ["trap.example"]
        literal = f"[{address}]" if ":" in address else address
        # A zone ("%eth0") has no place in a URL.
        expected = "url_invalid" if "%" in address else "address_not_public"
        assert refusal(internet, f"http://{literal}/") == expected
        assert internet.asked == ["trap.example"]
        assert internet.connected == []


@pytest.mark.parametrize("host", LOOPBACK_SPELLINGS)
def test_every_spelling_of_a_loopback_address_is_that_address(host: str) -> None:
    internet = Internet()
    assert refusal(internet, f"http://{host}/") == "address_not_public"
    assert refusal(internet, f"https://{host}:80/") == "address_not_public"
    assert (internet.asked, internet.connected) == ([], [])


@pytest.mark.parametrize(("url", "code"), PLACES)
def test_a_place_that_is_not_allowed_is_refused_before_any_connection(url: str, code: str) -> None:
    internet = world()
    assert refusal(internet, url) == code
    assert internet.connected == []


@pytest.mark.parametrize(("url", "code"), PLACES)
def test_a_redirect_to_a_place_that_is_not_allowed_is_not_followed(url: str, code: str) -> None:
    internet = world()
    with internet.site(pages(index=redirect(url))) as heads:
        assert refusal(internet, "http://art.example/") == code
    assert len(heads) == 1
    assert internet.connected == [(PUBLIC, 80)]


@pytest.mark.parametrize(
    "answer",
    [
        (PUBLIC, "127.0.0.1"),
        ("127.0.0.1", PUBLIC),
        (PUBLIC, OTHER_PUBLIC, "::1"),
        (OTHER_PUBLIC, "::ffff:8.8.8.8"),
        (PUBLIC, "fe80::1%eth0"),
        (PUBLIC, "not an address"),
        (PUBLIC, ""),
    ],
)
def test_one_address_that_is_not_public_spoils_all(answer: tuple[str, ...]) -> None:
    internet = Internet()
    internet.names["mixed.example"] = [answer]
    assert refusal(internet, "https://mixed.example/") == "address_not_public"
    assert internet.connected == []


def test_a_name_that_changes_its_mind_is_asked_once_and_its_first_answer_holds() -> None:
    internet = Internet()
    internet.names["rebind.example"] = [[PUBLIC], ["127.0.0.1"]]
    with internet.site(pages(index=reply(body=b"first"))):
        assert (
            fetch("http://rebind.example/", resolver=internet.resolver, connect=internet.connect).body
            == b"first"
        )
    assert internet.asked == ["rebind.example"]
    assert internet.connected == [(PUBLIC, 80)]


def test_a_redirect_to_the_same_name_is_checked_anew() -> None:
    internet = Internet()
    internet.names["rebind.example"] = [[PUBLIC], ["169.254.169.254"]]
    with internet.site(pages(index=redirect("/latest/meta-data/"))):
        assert refusal(internet, "http://rebind.example/") == "address_not_public"
    assert internet.asked == ["rebind.example"] * 2
    assert internet.connected == [(PUBLIC, 80)]


def test_a_circle_of_redirects_is_noticed_on_its_first_round() -> None:
    internet = world()
    site = pages(index=redirect("/a"), a=redirect("//ART.example:80/b#x"), b=redirect("http://art.example/a"))
    with internet.site(site) as heads:
        assert refusal(internet, "http://art.example/") == "redirect_loop"
    assert len(heads) == 3


def test_the_eleventh_redirect_is_not_followed() -> None:
    internet = world()
    hops = {f"p{n}": redirect(f"/p{n + 1}") for n in range(12)}
    with internet.site(pages(**hops)) as heads:
        assert refusal(internet, "http://art.example/p0") == "too_many_redirects"
    assert len(heads) == 11


def test_a_url_longer_than_any_is_refused() -> None:
    internet = world()
    assert refusal(internet, "http://art.example/" + "a" * 9000) == "url_too_long"
    assert refusal(internet, "http://art.example/" + "é" * 3000) == "url_too_long"
    assert internet.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: /a\r\nLocation: http://127.0.0.1/\r\n\r\n",
        b"HTTP/1.1 302 X\r\nContent-Length: 0\r\nLocation: /\xff\r\n\r\n",
    ],
)
def test_a_redirect_that_names_no_single_address_is_no_answer(answer: bytes) -> None:
    internet = world()
    with internet.site(pages(index=answer)):
        assert refusal(internet, "http://art.example/") == "redirect_malformed"


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_only_public_addresses_are_ever_connected_to(address: IPv4Address | IPv6Address) -> None:
    internet = Internet()
    literal = f"[{address}]" if address.version == 6 else str(address)
    code = refusal(internet, f"http://{literal}/")
    assert code == ("connect_failed" if is_public(address) else "address_not_public")
    assert bool(internet.connected) == is_public(address)


@given(
    st.one_of(st.text(), st.text().map(lambda text: f"http://{text}"), st.text().map("https://x/".__add__))
)
def test_whatever_text_is_given_the_answer_is_one_of_ours(url: str) -> None:
    internet = Internet()
    internet.names["x"] = [["10.0.0.1"]]
    refusal(internet, url)
    assert all(is_public(address) for address, _ in internet.connected)


@pytest.mark.corpora
def test_no_invalid_url_of_the_published_cases_reaches_even_dns() -> None:
    internet = Internet()
    published = cases("urltestdata.json")
    invalid = [case["input"] for case in published if case.get("failure") and not case.get("base")]
    assert len(invalid) >= 205
    assert {refusal(internet, url) for url in invalid} == {"url_invalid"}
    assert (internet.asked, internet.connected) == ([], [])


@pytest.mark.corpora
def test_no_published_case_leads_to_a_private_network() -> None:
    class Private(Internet):
        def resolver(self, host: str) -> list[str]:
            return ["192.168.0.1"]

    internet = Private()
    for case in cases("urltestdata.json"):
        refusal(internet, case["input"])
    assert all(is_public(address) for address, _ in internet.connected)
