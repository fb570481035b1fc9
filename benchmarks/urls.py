"""URLs shaped like those of a web-scale image-text data set, out of a seed; every host is made up.

Shares, lengths and depths are those of 1,000 image URLs of LAION-400M: popularity of hosts by Zipf's law
(the first has 4 %, two thirds of 1,000 URLs have a host of their own), 95 bytes, 5 folders, 23 % with a
query, 5 % with escapes, half with capitals in the path. Those are all but clean; here 15 % are deliberately
dirty, each in one of the ways of `_DIRT`.
"""

import random
import string
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import Final, NamedTuple, TypeVar

HOSTS: Final = 200_000
DIRTY: Final = 0.15

_T = TypeVar("_T")
_ZIPF: Final = 0.9
_POOL: Final = 20_000
_MADE_AT_ONCE: Final = 10_000

_SYLLABLES: Final = [
    "ka",
    "lo",
    "mi",
    "ne",
    "ru",
    "sta",
    "pro",
    "gra",
    "fo",
    "to",
    "pix",
    "art",
    "shop",
    "ima",
    "bel",
    "cor",
    "den",
    "far",
    "gil",
    "hop",
    "jun",
    "kel",
    "lum",
    "mar",
    "nor",
]
_FRONTS: Final = (
    ("www", 34), ("cdn", 10), ("images", 10), ("img", 8), ("i", 8), ("static", 7), ("media", 5), ("st", 4),
    ("", 6), ("cdn.images", 3), ("1.bp", 3), ("s3.eu-west-1", 2),
)  # fmt: skip
_TOPS: Final = (
    ("com", 70),
    ("net", 9),
    ("org", 6),
    ("co.uk", 5),
    ("de", 4),
    ("com.au", 2),
    ("ru", 2),
    ("jp", 2),
)
_FOLDERS: Final = (
    ("images", 14), ("products", 6), ("wp-content/uploads/{year}/{month}", 6), ("files", 4), ("media", 4),
    ("{number}", 14), ("{size}", 8), ("{hex}", 8), ("{month}", 8), ("{code}", 9), ("thumbs", 4),
    ("{words}", 7),
)  # fmt: skip
_NAMES: Final = (
    ("{words}-{number}.jpg", 22), ("{words}.jpg", 14), ("{words}-{size}x{size}.jpg", 12), ("{hex}.jpg", 9),
    ("{Words}_{number}.jpg", 24), ("{words}.png", 8), ("{number}_{month}.jpeg", 4), ("IMG_{number}.JPG", 3),
    ("{code}", 2), ("{words}{escape}{words}.jpg", 5), ("{words}_{size}x.jpg", 4),
)  # fmt: skip
_QUERIES: Final = (
    ("v={number}", 30), ("w={size}", 20), ("{number}", 10),
    ("width={size}&amp;height={size}&amp;quality=95", 12),
    ("resize={size}%2C{size}&ssl=1", 10), ("q=tbn:{code}", 5), ("c=2", 8), ("fit={size},{size}", 3),
    ("content-type=image%2Fjpeg", 8), ("$web_zoom$&wid={size}", 2),
)  # fmt: skip
_DEPTHS: Final = (
    (1, 74), (2, 132), (3, 200), (4, 190), (5, 180), (6, 80), (7, 40), (8, 30), (10, 20), (13, 8),
)  # fmt: skip
_ESCAPES: Final = ("%20", "%20", "%2B", "%25", "%C3%A9", "%E2%80%93", "%28", "%D1%85", "%27", "%5B")


class Url(NamedTuple):
    """The pieces of a clean URL, to make a dirty one of."""

    scheme: str
    host: str
    path: str
    query: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{self.path}{self.query}"


def urls(count: int, *, seed: int = 0) -> bytes:
    """That many URLs, a line each, in UTF-8; always the same ones for a seed."""
    return "".join(f"{url}\n" for url in generated(count, seed=seed)).encode()


def generated(count: int, *, seed: int = 0) -> Iterator[str]:
    """That many URLs; always the same ones for a seed, and the first of them for a smaller count."""
    chance = random.Random(seed)  # noqa: S311
    folders = [_filled(chance, kind) for kind in _drawn(chance, _FOLDERS, _POOL)]
    names = [_filled(chance, kind) for kind in _drawn(chance, _NAMES, _POOL)]
    queries = [_filled(chance, kind) for kind in _drawn(chance, _QUERIES, _POOL)]
    for begin in range(0, count, _MADE_AT_ONCE):
        hosts = chance.choices(range(HOSTS), cum_weights=_popularity(), k=_MADE_AT_ONCE)
        depths = _drawn(chance, _DEPTHS, _MADE_AT_ONCE)
        dirt = _drawn(chance, _DIRT, _MADE_AT_ONCE)
        for host, depth, make_dirty in list(zip(hosts, depths, dirt, strict=True))[: count - begin]:
            url = Url(
                scheme="https" if chance.random() < 0.6 else "http",
                host=_host(host),
                path="/".join(["", *chance.choices(folders, k=depth - 1), chance.choice(names)]),
                query=f"?{chance.choice(queries)}" if chance.random() < 0.23 else "",
            )
            yield make_dirty(chance, url) if chance.random() < DIRTY else str(url)


@cache
def _popularity() -> Sequence[float]:
    return list(accumulate(rank**-_ZIPF for rank in range(1, HOSTS + 1)))


@cache
def _host(rank: int) -> str:
    chance = random.Random(rank)  # noqa: S311
    name = "".join(chance.choices(_SYLLABLES, k=chance.randint(2, 5)))
    front, top = _drawn(chance, _FRONTS, 1)[0], _drawn(chance, _TOPS, 1)[0]
    return f"{front}.{name}.{top}" if front else f"{name}.{top}"


def _drawn(chance: random.Random, shares: Sequence[tuple[_T, int]], count: int) -> list[_T]:
    return chance.choices([what for what, _ in shares], [share for _, share in shares], k=count)


def _filled(chance: random.Random, template: str) -> str:
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 3))) for _ in range(chance.randint(1, 6))]
    return template.format(
        year=chance.randint(2008, 2023),
        month=f"{chance.randint(1, 12):02}",
        number=chance.randint(1, 10 ** chance.randint(1, 9)),
        size=chance.choice((80, 140, 150, 170, 200, 216, 300, 400, 570, 600, 1024)),
        hex=f"{chance.getrandbits(160):040x}"[: chance.choice((2, 8, 16, 32, 40))],
        code="".join(chance.choices(string.ascii_letters + string.digits + "-_", k=chance.randint(6, 30))),
        words=chance.choice("-_-").join(words),
        Words="-".join(word.capitalize() for word in words),
        escape=chance.choice(_ESCAPES),
    )


def _inside(chance: random.Random, text: str, foreign: str) -> str:
    at = chance.randint(1, len(text))
    return text[:at] + foreign + text[at:]


def _with_escaped_letter(chance: random.Random, url: Url) -> str:
    at = chance.randint(1, len(url.path) - 1)
    escape = format(ord(url.path[at]), chance.choice(("02x", "02X")))
    return str(url._replace(path=f"{url.path[:at]}%{escape}{url.path[at + 1 :]}"))


def _with_dots(chance: random.Random, url: Url) -> str:
    folder = chance.choice(("/.", "/x/..", "/%2e", "/x/%2E.", "/./."))
    at = chance.choice([i for i, character in enumerate(url.path) if character == "/"])
    return str(url._replace(path=url.path[:at] + folder + url.path[at:]))


def _as_printed(_: random.Random, url: Url) -> str:
    return str(url._replace(scheme=url.scheme.upper(), host=url.host.title()))


def _with_default_port(_: random.Random, url: Url) -> str:
    return str(url._replace(host=f"{url.host}:{'443' if url.scheme == 'https' else '80'}"))


def _with_port(chance: random.Random, url: Url) -> str:
    return str(url._replace(host=f"{url.host}:{chance.choice((8080, 8443, 81))}"))


def _with_fragment(chance: random.Random, url: Url) -> str:
    return f"{url}#{chance.choice(('', 'top', 'xywh=0,0,640,480'))}"


def _with_campaign(chance: random.Random, url: Url) -> str:
    return f"{url}{'&' if url.query else '?'}utm_source={_filled(chance, '{words}')}"


def _with_foreign_letter(chance: random.Random, url: Url) -> str:
    return str(url._replace(path=_inside(chance, url.path, chance.choice("é絵ж"))))


def _with_forbidden_character(chance: random.Random, url: Url) -> str:
    return str(url._replace(path=_inside(chance, url.path, chance.choice(' "|%<\t'))))


def _with_backslashes(_: random.Random, url: Url) -> str:
    return str(url._replace(path=url.path.replace("/", "\\")))


def _with_space_around(chance: random.Random, url: Url) -> str:
    return f"{chance.choice(('', ' '))}{url}{chance.choice((' ', chr(13)))}"


def _with_another_host(chance: random.Random, url: Url) -> str:
    made = ("{}.", "me:secret@{}", "bücher.{}", "xn--bcher-kva.{}", "192.0.2.7")
    return str(url._replace(host=chance.choice(made).format(url.host)))


_DIRT: Final[Sequence[tuple[Callable[[random.Random, Url], str], int]]] = (
    (_as_printed, 15), (_with_default_port, 8), (_with_port, 5), (_with_fragment, 12), (_with_campaign, 14),
    (_with_dots, 12), (_with_escaped_letter, 12), (_with_foreign_letter, 5), (_with_forbidden_character, 5),
    (_with_backslashes, 2), (_with_space_around, 5), (_with_another_host, 5),
)  # fmt: skip
