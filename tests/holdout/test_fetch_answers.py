"""What `fetch` brings back, and what it makes of servers that are slow, endless, damaged or false."""

import contextlib
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import holdout
from holdout.errors import FetchFailed, HoldoutError, Unavailable
from holdout.fetch import Fetched, FetchLimits, fetch
from holdout.fetch.client import USER_AGENT
from holdout.fetch.exchange import _certified_only
from holdout.fetch.names import system_resolver
from holdout.fetch.pinned import open_socket
from tests.holdout.internet import (
    OTHER_PUBLIC,
    PUBLIC,
    Handler,
    Internet,
    always,
    certified,
    disguise,
    pages,
    redirect,
    reply,
)

HASTY = FetchLimits(seconds=0.15)


@pytest.fixture
def internet() -> Internet:
    internet = Internet()
    internet.names["art.example"] = [[PUBLIC]]
    return internet


@pytest.fixture(scope="module")
def art_tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    return certified("art.example")


def get(internet: Internet, url: str = "http://art.example/", limits: FetchLimits | None = None) -> Fetched:
    return fetch(url, limits=limits, resolver=internet.resolver, connect=internet.connect)


def failure(
    internet: Internet,
    handler: Handler,
    *,
    limits: FetchLimits | None = None,
    url: str = "http://art.example/",
) -> str:
    with internet.site(handler), pytest.raises(FetchFailed) as caught:
        get(internet, url, limits)
    return caught.value.code


# --- whole answers


def test_an_answer_comes_back_whole(internet: Internet) -> None:
    with internet.site(pages(page=reply(body=b"hello", X_Robots_Tag="noai", content_type="text/plain"))):
        found = get(internet, "HTTP://ART.example:80/./page#part")
    assert (found.url, found.status, found.body) == ("http://art.example/page", 200, b"hello")
    assert found.values("x-robots-tag") == ("noai",)
    assert found.values("x-other") == ()
    assert found.redirects == ()


def test_headers_keep_their_repetitions_and_their_bytes(internet: Internet) -> None:
    answer = b"HTTP/1.1 200 X\r\nX-Robots-Tag: noai\r\nContent-Length: 0\r\nx-robots-tag: \xe9\r\n\r\n"
    with internet.site(always(answer)):
        assert get(internet).values("x-robots-tag") == ("noai", "é")


@pytest.mark.parametrize("status", [200, 204, 300, 304, 305, 401, 403, 404, 410, 429, 500, 503])
def test_every_status_but_five_is_an_answer(internet: Internet, status: int) -> None:
    with internet.site(always(reply(status, location="http://127.0.0.1/"))):
        assert get(internet).status == status


def test_only_the_url_and_who_we_are_is_sent(internet: Internet, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with internet.site(always(reply())) as heads:
        fetch(
            "http://art.example/a?b=c#d",
            contact="https://registry.example/about",
            resolver=internet.resolver,
            connect=internet.connect,
        )
    assert heads[0].decode().split("\r\n") == [
        "GET /a?b=c HTTP/1.1",
        "Host: art.example",
        f"User-Agent: {USER_AGENT} (+https://registry.example/about)",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
        "",
        "",
    ]


def test_the_user_agent_names_the_version_of_the_project() -> None:
    assert f"Holdout/{holdout.__version__}" == USER_AGENT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_across_hosts_and_carry_nothing(internet: Internet, status: int) -> None:
    internet.names["b.example"] = [[OTHER_PUBLIC]]
    first = reply(status, location="//b.example/%C3%A9?q#f", set_cookie="a=b", www_authenticate="Basic")
    with (
        internet.site(pages(index=first)),
        internet.site(always(reply(body=b"here")), address=OTHER_PUBLIC) as heads,
    ):
        found = get(internet)
    assert (found.url, found.body) == ("http://b.example/%C3%A9?q", b"here")
    assert found.redirects == ("http://art.example/",)
    assert b"ookie" not in heads[0]
    assert b"eferer" not in heads[0]
    assert internet.connected == [(PUBLIC, 80), (OTHER_PUBLIC, 80)]
    assert internet.asked == ["art.example", "b.example"]


def test_ten_redirects_are_followed(internet: Internet) -> None:
    hops = {f"p{n}": redirect(f"p{n + 1}") for n in range(10)}
    with internet.site(pages(**hops, p10=reply(body=b"end"))):
        found = get(internet, "http://art.example/p0")
    assert found.body == b"end"
    assert len(found.redirects) == 10


def test_a_location_in_another_script_is_read_as_utf_8(internet: Internet) -> None:
    with internet.site(pages(index=redirect("/é"), **{"%C3%A9": reply(body=b"yes")})):
        assert get(internet).body == b"yes"


def test_the_body_of_a_redirect_is_not_read(internet: Internet) -> None:
    endless = b"HTTP/1.1 302 X\r\nLocation: /a\r\nContent-Encoding: gzip\r\nContent-Length: 999999999\r\n\r\n"
    with internet.site(pages(index=endless, a=reply(body=b"a"))):
        assert get(internet).body == b"a"


def test_chunks_and_bodies_ended_by_the_connection_are_read(internet: Internet) -> None:
    chunked = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n"
    with internet.site(pages(chunked=chunked, old=b"HTTP/1.0 200 X\r\n\r\nold")):
        assert get(internet, "http://art.example/chunked").body == b"a" * 10_000
        assert get(internet, "http://art.example/old").body == b"old"


def test_the_next_address_is_tried_when_one_does_not_answer(internet: Internet) -> None:
    internet.names["art.example"] = [[OTHER_PUBLIC, PUBLIC, PUBLIC]]
    with internet.site(always(reply(body=b"second"))):
        assert get(internet).body == b"second"
    assert internet.connected == [(OTHER_PUBLIC, 80), (PUBLIC, 80)]


def test_of_very_many_addresses_a_few_are_tried(internet: Internet) -> None:
    internet.names["art.example"] = [[f"8.8.8.{n}" for n in range(200)]]
    with pytest.raises(FetchFailed, match="connect_failed"):
        get(internet)
    assert len(internet.connected) == 4


# --- TLS


def test_https_is_certified_by_name_though_the_connection_goes_to_an_address(
    internet: Internet, art_tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server, client = art_tls
    names: list[str] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    with internet.site(pages(old=b"HTTP/1.0 200 X\r\n\r\nold", index=reply(body=b"s")), tls=server):
        for url, body in (("https://art.example/", b"s"), ("https://art.example./old", b"old")):
            found = fetch(url, resolver=internet.resolver, connect=internet.connect, ssl_context=client)
            assert found.body == body
    assert names == ["art.example", "art.example"]
    assert internet.connected == [(PUBLIC, 443)] * 2


@pytest.mark.parametrize("host", ["other.example", "_art.example", PUBLIC])
def test_a_certificate_for_another_name_is_refused(
    internet: Internet, art_tls: tuple[ssl.SSLContext, ssl.SSLContext], host: str
) -> None:
    internet.names[host] = [[PUBLIC]]
    with (
        internet.site(always(reply()), tls=art_tls[0]) as heads,
        pytest.raises(FetchFailed, match="tls_failed"),
    ):
        fetch(
            f"https://{host}/", resolver=internet.resolver, connect=internet.connect, ssl_context=art_tls[1]
        )
    assert heads == []


def test_a_certificate_of_nobody_we_know_is_refused_whatever_the_environment_says(
    internet: Internet,
    art_tls: tuple[ssl.SSLContext, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    own = tmp_path / "own.pem"
    own.write_text(ssl.DER_cert_to_PEM_cert(art_tls[1].get_ca_certs(binary_form=True)[0]))
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    _certified_only.cache_clear()
    with internet.site(always(reply()), tls=art_tls[0]), pytest.raises(FetchFailed, match="tls_failed"):
        get(internet, "https://art.example/")
    assert _certified_only().verify_mode is ssl.CERT_REQUIRED


def test_a_server_that_does_not_speak_tls_is_a_failure_of_tls(internet: Internet) -> None:
    with mute(b"HTTP/1.1 400 X\r\n\r\n") as connect, pytest.raises(FetchFailed, match="tls_failed"):
        fetch("https://art.example/", resolver=internet.resolver, connect=connect)


def test_a_secured_body_that_was_cut_on_the_way_is_no_answer(
    internet: Internet, art_tls: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    def cut(request: bytes) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 X\r\n\r\nUser-agent: *\n"
        raise OSError  # hangs up without the word of parting that TLS has

    with internet.site(cut, tls=art_tls[0]), pytest.raises(FetchFailed, match="connection_lost"):
        fetch(
            "https://art.example/",
            resolver=internet.resolver,
            connect=internet.connect,
            ssl_context=art_tls[1],
        )


# --- answers that are none


def test_a_body_over_the_limit_is_refused_and_one_at_the_limit_is_not(internet: Internet) -> None:
    limits = FetchLimits(body_bytes=1000)
    with internet.site(always(reply(body=b"x" * 1000))):
        assert len(get(internet, limits=limits).body) == 1000
    assert failure(internet, always(reply(body=b"x" * 1001)), limits=limits) == "too_large"
    with internet.site(always(b"HTTP/1.0 200 X\r\n\r\n" + b"x" * 1000)):
        assert len(get(internet, limits=limits).body) == 1000


def test_an_endless_body_is_cut(internet: Internet) -> None:
    sent = 0

    def endless(request: bytes) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 X\r\n\r\n"
        while True:
            sent += 65_536
            yield b"x" * 65_536

    assert failure(internet, endless) == "too_large"
    assert sent < 64 * 1024 * 1024  # what fits into the kernel's buffers, not what fits into ten seconds


def test_framing_without_end_is_cut(internet: Internet) -> None:
    sent = 0

    def endless(request: bytes) -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
        while True:
            sent += 60_000
            yield b"1;" + b"e" * 60_000 + b"\r\na\r\n"

    assert failure(internet, endless) == "too_large"
    assert sent < 64 * 1024 * 1024


@pytest.mark.parametrize(
    "flood", [b"X-Header: yes\r\n" * 1000, b"X: " + b"y" * 8192, b"HTTP/1.1 100 X\r\n\r\n" * 100]
)
def test_endless_headers_are_cut(internet: Internet, flood: bytes) -> None:
    def endless(request: bytes) -> Iterator[bytes]:
        if not flood.startswith(b"HTTP"):
            yield b"HTTP/1.1 200 X\r\n"
        while True:
            yield flood

    assert failure(internet, endless) == "headers_too_large"


def test_compressed_answers_are_refused_unread(internet: Internet) -> None:
    bomb = gzip.compress(bytes(1_000_000))
    for coding in ("gzip", "br", "GZIP", "identity, gzip", "zstd"):
        answer = reply(body=bomb, content_encoding=coding)
        assert failure(internet, always(answer)) == "content_encoding_unsupported"
    with internet.site(always(reply(body=b"plain", content_encoding="Identity"))):
        assert get(internet).body == b"plain"


def slow_body(request: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n"
    for _ in range(100):
        yield b"x"
        time.sleep(0.02)


def slow_headers(request: bytes) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 X\r\n"
    for _ in range(100):
        yield b"X: y\r\n"
        time.sleep(0.02)


def slow_redirects(request: bytes) -> Iterator[bytes]:
    time.sleep(0.04)
    yield redirect(f"/{time.monotonic_ns()}")


@pytest.mark.parametrize("handler", [slow_body, slow_headers, slow_redirects])
def test_the_deadline_is_for_the_whole_however_it_drips(internet: Internet, handler: Handler) -> None:
    started = time.monotonic()
    assert failure(internet, handler, limits=HASTY) == "timed_out"
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_says_nothing_is_late(internet: Internet, scheme: str) -> None:
    with mute(b"", hang_up=False) as connect, pytest.raises(FetchFailed, match="timed_out"):
        fetch(f"{scheme}://art.example/", limits=HASTY, resolver=internet.resolver, connect=connect)


def test_a_name_server_that_says_nothing_is_late(internet: Internet) -> None:
    answered = threading.Event()

    def resolver(host: str) -> list[str]:
        answered.wait(5)
        return [PUBLIC]

    with pytest.raises(FetchFailed, match="timed_out"):
        fetch("http://art.example/", limits=HASTY, resolver=resolver, connect=internet.connect)
    answered.set()
    assert internet.connected == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "answer_not_http"),
        (b"HTTP/1.1 200 X\r\nContent-Le", "answer_not_http"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 10\r\n\r\nhalf", "answer_not_http"),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", "answer_not_http"),
        (b"HTTP/1.1 200 X\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "answer_not_http"),
        (b"HTTP/1.1 200 X\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "answer_not_http"),
        (b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "answer_not_http"),
        (b"HTTP/1.1 999 X\r\nA b: c\r\n\r\n", "answer_not_http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "answer_not_http"),
        (b"<html>hello</html>", "answer_not_http"),
    ],
)
def test_half_an_answer_is_none(internet: Internet, answer: bytes, code: str) -> None:
    assert failure(internet, always(answer)) == code


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=200).map(b"HTTP/1.1 200 X\r\n".__add__)))
@example(b"HTTP/1.1 100 X\r\n\r\n")
@example(b"HTTP/1.1 200 X\r\n\xff: \xff\r\n\r\n")
@example(b"HTTP/1.1 302 X\r\nLocation: \x01\r\n\r\n")
def test_whatever_a_server_says_the_outcome_is_one_of_ours(said: bytes) -> None:
    with mute(said) as connect, contextlib.suppress(HoldoutError):
        assert isinstance(fetch("http://art.example/", resolver=lambda _: [PUBLIC], connect=connect), Fetched)


# --- connections


def test_a_connection_that_ends_elsewhere_is_not_used(internet: Internet) -> None:
    """A firewall of our own, or whatever else redirects connections, has the last word over an address."""
    for peer in ("127.0.0.1", OTHER_PUBLIC, "/run/socket"):
        with (
            mute(reply(body=b"inside"), peer=peer) as connect,
            pytest.raises(FetchFailed, match="connect_failed"),
        ):
            fetch("http://art.example/", resolver=internet.resolver, connect=connect)


def test_what_cannot_be_resolved_or_reached_is_unavailable_and_never_empty(internet: Internet) -> None:
    internet.names["none.example"] = [[]]
    for url, code in (
        ("http://unknown.example/", "dns_failed"),
        ("http://none.example/", "dns_failed"),
        ("http://art.example/", "connect_failed"),
    ):
        with pytest.raises(Unavailable) as caught:
            get(internet, url)
        assert (caught.value.code, caught.value.http_status) == (code, 503)


def test_a_connection_that_takes_too_long_is_late(internet: Internet) -> None:
    def connect(address: str, port: int, seconds: float) -> socket.socket:
        raise TimeoutError

    with pytest.raises(FetchFailed, match="timed_out"):
        fetch("http://art.example/", resolver=internet.resolver, connect=connect)


def test_the_system_is_asked_for_exactly_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def getaddrinfo(host: object, port: object, **options: object) -> list[object]:
        asked.append(host)
        return [(2, 1, 6, "", (PUBLIC, 0)), (10, 1, 6, "", (OTHER_PUBLIC, 0, 0, 0))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    assert system_resolver("art.example") == [PUBLIC, OTHER_PUBLIC]
    assert asked == [b"art.example."]


def test_the_usual_connector_goes_where_it_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with open_socket("127.0.0.1", port, 1.0) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
            assert connection.gettimeout() == 1.0


@contextlib.contextmanager
def mute(
    said: bytes, *, hang_up: bool = True, peer: str = PUBLIC
) -> Iterator[Callable[[str, int, float], socket.socket]]:
    """A connector to a server that says its piece and listens to nothing."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        if hang_up:
            theirs.shutdown(socket.SHUT_WR)
        yield lambda address, port, seconds: disguise(ours, peer)
