"""What a URL is, and which registered places it lies in.

A URL is read as a browser reads it (WHATWG URL Standard) and brought to one canonical form. From that form
come the *keys* that it is looked up by: a kind tag and SURT text (Sort-friendly URI Reordering Transform, as
web archives write it: `com,example,sub:8080)/path?query`). A registered place is one such key; a URL lies in
that place exactly when the key is among its `rule_keys`.

    u com,example,art)/gallery/cat.jpg?v=2      this URL
    p com,example,art)/gallery/                 everything below this path, on this host and port
    h com,example,art                           this host, on any port
    d com,example                               this host and all its subdomains, on any port

Where a known host says which picture it serves and whose it is, there are two more (`holdout.picture_hosts`):

    k pixiv:46324488_p0                         this picture, whatever its size, format, server and signature
    a weibo:1669879400                          everything that this account put there
"""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from ada_url import normalize_url

from holdout.errors import InvalidInput

MAX_URL_LENGTH: Final = 8192
"""Characters, both as given and in canonical form."""

MAX_DEPTH: Final = 255
"""Slashes in a path, dots in a host (DNS allows 127 labels): more would let a URL cost thousands of keys."""

_UNRESERVED: Final = frozenset(string.ascii_letters + string.digits + "-._~")
_ESCAPE: Final = re.compile(r"(%[0-9A-Fa-f]?)?%([0-9A-Fa-f]{2})")
"""A percent escape, with the malformed percent sign directly before it where there is one."""

_DNS_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\Z")


class KeyKind(StrEnum):
    """How much of the web one key covers."""

    URL = "url"
    PATH = "path"
    HOST = "host"
    DOMAIN = "domain"
    PICTURE = "picture"
    ACCOUNT = "account"


_TAGS: Final = {KeyKind.URL: "u ", KeyKind.PATH: "p ", KeyKind.HOST: "h ", KeyKind.DOMAIN: "d "}
_RANKS: Final = {
    KeyKind.DOMAIN: 0,
    KeyKind.HOST: 1,
    KeyKind.ACCOUNT: 2,
    KeyKind.PATH: 3,
    KeyKind.PICTURE: 4,
    KeyKind.URL: 4,
}


@dataclass(frozen=True, slots=True)
class CanonicalUrl:
    """One http(s) URL without what does not change the picture behind it. Made by `canonicalize` only."""

    host: str
    """ASCII, lower case, as WHATWG serialises it; IPv6 in brackets; no trailing dot."""
    port: str
    """Decimal, empty for the default port of the URL's scheme."""
    path: str
    """Begins with a slash."""
    query: str
    """Without the question mark; an empty query and none are the same."""

    @property
    def href(self) -> str:
        """A URL that `canonicalize` turns into this value again."""
        # Port 80 is kept only when it came with https, and http would drop it.
        scheme = "https" if self.port == "80" else "http"
        port = f":{self.port}" if self.port else ""
        query = f"?{self.query}" if self.query else ""
        return f"{scheme}://{self.host}{port}{self.path}{query}"

    @property
    def surt(self) -> str:
        """The SURT text; different values have different texts."""
        query = f"?{self.query}" if self.query else ""
        return f"{_surt_authority(self)}{self.path}{query}"


@dataclass(frozen=True, slots=True)
class RuleKey:
    """A place that statements can be registered for, or that a URL lies in."""

    kind: KeyKind
    text: str
    """Kind tag and SURT text; for a picture and an account `platform:…`."""

    @property
    def specificity(self) -> tuple[int, int]:
        """Orders the keys of one URL: URL, picture > longer path > account > host > longer domain > shorter.

        Says nothing about keys that do not lie in each other.
        """
        return _RANKS[self.kind], len(self.text)


URL_ERRORS: Final = MappingProxyType(
    {
        "url_invalid": "This is no complete web address (https://…).",
        "url_scheme_unsupported": "Only http and https addresses are known here.",
        "url_too_long": f"The address is longer than {MAX_URL_LENGTH} characters.",
        "url_too_deep": f"The URL has more than {MAX_DEPTH} folders or labels.",
    }
)
"""Why a URL has no keys, by code."""


_LINE_END: Final = re.compile("[\r\n]")
_STRIPPED: Final = "".join(map(chr, range(0x21)))
"""What a browser leaves out before and behind a URL: control characters and blanks."""


def url_error(code: str) -> InvalidInput:
    """The error with that code of `URL_ERRORS`."""
    return InvalidInput(code, URL_ERRORS[code])


def canonicalize(url: str) -> CanonicalUrl:
    """Read `url` as a browser does (WHATWG URL Standard, no base URL) and drop what does not matter.

    http and https are equal; user info, fragment and default ports are dropped, as is one trailing dot of the
    host; escapes of unreserved characters (RFC 3986, 2.3) are decoded, the hex digits of all others
    upper-cased; malformed percent signs stay. `canonicalize(canonicalize(url).href) == canonicalize(url)`.

    One thing is stricter than a browser: a line end inside is refused. It would be passed over, and two URLs
    whose line end was not understood would be one that nobody spoke of.

    Raises InvalidInput `url_invalid`, `url_scheme_unsupported` or `url_too_long`, and nothing else.
    """
    if len(url) > MAX_URL_LENGTH:
        raise url_error("url_too_long")
    if ("\n" in url or "\r" in url) and _LINE_END.search(url.strip(_STRIPPED)):
        raise url_error("url_invalid")
    try:
        href = normalize_url(url)
    except ValueError:
        raise url_error("url_invalid") from None
    scheme, _, rest = href.partition("://")
    if scheme not in ("http", "https"):
        raise url_error("url_scheme_unsupported")
    # The WHATWG serialisation escapes the delimiters inside every component, so plain splitting is exact.
    rest, _, _ = rest.partition("#")
    rest, _, query = rest.partition("?")
    authority, slash, path = rest.partition("/")
    host, port = _split_port(authority.rpartition("@")[2])
    canonical = CanonicalUrl(
        host=_without_trailing_dot(host),
        port=port,
        path=_with_plain_escapes(slash + path),
        query=_with_plain_escapes(query),
    )
    if len(canonical.href) > MAX_URL_LENGTH:
        raise url_error("url_too_long")
    return canonical


def rule_keys(url: CanonicalUrl) -> tuple[RuleKey, ...]:
    """Every key whose place `url` lies in, most specific first.

    The URL itself, each prefix of its path that ends at a slash, its host, and each suffix of its host at a
    label (an IP address: only the whole). No key is left out: a URL with more folders or labels than
    `MAX_DEPTH` is refused whole. Raises InvalidInput (`url_too_deep`).
    """
    if url.path.count("/") > MAX_DEPTH or url.host.count(".") > MAX_DEPTH:
        raise url_error("url_too_deep")
    authority = _surt_authority(url)
    host = _surt_host(url.host)
    folders = (url.path[: i + 1] for i in _positions_from_the_right(url.path, "/"))
    parents = (host[:i] for i in _positions_from_the_right(host, ","))
    return (
        _key(KeyKind.URL, url.surt),
        *(_key(KeyKind.PATH, authority + folder) for folder in folders),
        _key(KeyKind.HOST, host),
        _key(KeyKind.DOMAIN, host),
        *(_key(KeyKind.DOMAIN, parent) for parent in parents),
    )


def key_check(text: str) -> bytes:
    """The 16 bytes that stand for a key's text in the database: the first half of SHA-256 over UTF-8."""
    return sha256(text.encode()).digest()[:16]


def url_key(url: str) -> RuleKey:
    """The key of exactly this URL. Raises InvalidInput as `canonicalize` does."""
    return _key(KeyKind.URL, canonicalize(url).surt)


def path_key(url: str) -> RuleKey:
    """The key of everything at and below the path of `url`, on its host and port.

    Raises InvalidInput as `canonicalize` does, `path_prefix_has_query`, or `path_prefix_must_end_with_slash`
    (without it `/art` would have to mean `/artist` too, or not `/art/`).
    """
    canonical = canonicalize(url)
    if canonical.query:
        raise InvalidInput("path_prefix_has_query", "A folder has no query: leave out the ? and the rest.")
    if not canonical.path.endswith("/"):
        raise InvalidInput("path_prefix_must_end_with_slash", "Name the folder with a slash at its end.")
    return _key(KeyKind.PATH, canonical.surt)


def host_key(host: str) -> RuleKey:
    """The key of exactly this host, on any port.

    `host` is what a person types: a host name in any case or script, with or without a trailing dot, or a URL
    with nothing behind the host. Raises InvalidInput as `canonicalize` does, or `host_invalid` for a path,
    query, port or user name, and for what cannot be a name in DNS (an IP address passes here).
    """
    return _key(KeyKind.HOST, _surt_host(_typed_host(host)))


def domain_key(host: str) -> RuleKey:
    """The key of this host and all its subdomains, on any port. Takes and raises the same as `host_key`."""
    return _key(KeyKind.DOMAIN, _surt_host(_typed_host(host)))


def key_host(text: str) -> str:
    """The host that the text of a URL's or a place's key is about, as `CanonicalUrl.host` writes it."""
    authority = text[2:].partition(")/")[0]  # a host may contain ")" but never "/"
    host, _ = _split_port(authority)
    return host if is_ip(host) else ".".join(reversed(host.split(","))).replace("%2C", ",")


def key_path(text: str) -> str:
    """The path, and query if any, in the text of a URL or path key; empty for a host or a domain."""
    _, slash, path = text.partition(")/")
    return slash[1:] + path


def is_ip(host: str) -> bool:
    """Whether a canonical host is an IP address. WHATWG leaves no other host that ends in a number."""
    return host.startswith("[") or host.rpartition(".")[2].isdigit()


def _key(kind: KeyKind, surt: str) -> RuleKey:
    return RuleKey(kind, _TAGS[kind] + surt)


def _typed_host(host: str) -> str:
    canonical = canonicalize(host if "://" in host else f"http://{host.strip()}")
    only_a_host = canonical.path == "/" and not canonical.query and not canonical.port and "@" not in host
    if not only_a_host or not (is_ip(canonical.host) or _DNS_NAME.match(canonical.host)):
        raise InvalidInput("host_invalid", "Give the name of a host alone, such as example.com.")
    return canonical.host


def _positions_from_the_right(text: str, separator: str) -> Iterator[int]:
    position = text.rfind(separator)
    while position >= 0:
        yield position
        position = text.rfind(separator, 0, position)


def _surt_authority(url: CanonicalUrl) -> str:
    port = f":{url.port}" if url.port else ""
    return f"{_surt_host(url.host)}{port})"


def _surt_host(host: str) -> str:
    if is_ip(host):
        return host
    # WHATWG allows a comma inside a label: unescaped, the host "a,b" would take the keys of "b.a".
    return ",".join(reversed(host.replace(",", "%2C").split(".")))


def _split_port(authority: str) -> tuple[str, str]:
    if ":" not in authority or authority.endswith("]"):
        return authority, ""
    host, _, port = authority.rpartition(":")
    return host, port


def _without_trailing_dot(host: str) -> str:
    # Where an empty label would come to the end ("a..", "."), dropping one dot would not be idempotent.
    return host[:-1] if host.endswith(".") and host[-2:-1] not in (".", "") else host


def _with_plain_escapes(text: str) -> str:
    return _ESCAPE.sub(_plain_escape, text) if "%" in text else text


def _plain_escape(match: re.Match[str]) -> str:
    malformed, digits = match[1] or "", match[2]
    character = chr(int(digits, 16))
    # A decoded digit must not complete the malformed percent sign before it: "%%32e" is not "%2e".
    if character in _UNRESERVED and not (malformed and character in string.hexdigits):
        return malformed + character
    return f"{malformed}%{digits.upper()}"
