"""The 100,000 rows that the vendor screens, made so that the right answer to each is known.

Every row is built from an intent (a hit on a certain rule, a near miss of it, a place nobody spoke of,
rubbish), so its expected answer follows from how it was built. Nothing of the product is asked: a fault in
the product's URL reading cannot hide in the expectation.

    python -m demo.traffic      # writes expected/rows.txt.gz again; git must stay clean
"""

import gzip
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from demo.dirt import dirty
from demo.rules import MALLORY, rules

ROWS: Final = 100_000
EXPECTED: Final = Path(__file__).parent / "expected" / "rows.txt.gz"

_ANSWERS: Final = {
    "no-ai": "DDDDU",
    "no-generative-ai": "DUDUU",
    "licence-first": "CCCCA",
    "research-ok": "DDDAU",
    "open": "AAAAA",
}
NOTHING_SAID: Final = "UUUUU"
CANNOT_BE_READ: Final = "FFFFF"


@dataclass(frozen=True, slots=True)
class Row:
    """A row, the intent behind it, and the answer it must get: one letter a use (D C R A U), or FFFFF."""

    url: str | None
    intent: str
    expected: str


class _World:
    """What rows are drawn from."""

    def __init__(self) -> None:
        self.draw = random.Random(4_000_000)  # noqa: S311 - reproducible, no secret
        everything = rules()
        self.contested = {rule.target for rule in everything if rule.declarant == MALLORY}
        own = [rule for rule in everything if rule.declarant != MALLORY]
        self.open_folders = [rule for rule in own if rule.preset == "open"]
        homes = {rule.target.split("/")[2] for rule in self.open_folders}
        self.urls = [rule for rule in own if rule.kind == "url"]
        self.paths = [rule for rule in own if rule.kind == "path" and rule.preset != "open"]
        self.hosts = [rule for rule in own if rule.kind == "host"]
        self.domains = [rule for rule in own if rule.kind == "domain" and rule.target not in homes]
        # Hosts by Zipf's law: a few large ones carry most pictures, a long tail the rest.
        self.crowd = [f"cdn.bigphotos-{rank:02d}.example" for rank in range(40)]
        self.crowd += [f"www.blog-{rank:05d}.example" for rank in range(20_000)]
        self.crowd_weights = list(accumulate(1 / rank for rank in range(1, len(self.crowd) + 1)))


def rows() -> Iterator[Row]:
    """All rows in their order, the same at every call and on every machine."""
    world = _World()
    intents = list(_INTENTS)
    weights = list(accumulate(weight for _, weight in _INTENTS.values()))
    for intent in world.draw.choices(intents, cum_weights=weights, k=ROWS):
        url, expected = _INTENTS[intent][0](world)
        yield Row(url, intent, expected)


def write_table(path: Path) -> None:
    """Write the rows as the Parquet file that a vendor would have scraped."""
    urls = [row.url for row in rows()]
    pq.write_table(
        pa.table(
            {
                "row": pa.array(range(ROWS), pa.int64()),
                "url": pa.array(urls, pa.string()),
                "caption": pa.array((f"a picture, number {n}" for n in range(ROWS)), pa.string()),
                "width": pa.array((256 + n % 1_000 for n in range(ROWS)), pa.int32()),
                "height": pa.array((256 + n % 900 for n in range(ROWS)), pa.int32()),
            }
        ),
        path,
        compression="zstd",
    )


def expected_codes() -> list[str]:
    """The committed expectation: the answer to each row."""
    return gzip.decompress(EXPECTED.read_bytes()).decode().split()


def expectation() -> bytes:
    """What `expected/rows.txt.gz` must hold, byte for byte."""
    text = "".join(f"{row.expected}\n" for row in rows())
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _picture(draw: random.Random) -> str:
    stem = f"{draw.choice(['img', 'photo', 'Scan', 'IMG_'])}{draw.randrange(10**6)}"
    return f"{stem}.{draw.choice(['jpg', 'png', 'webp'])}"


def _split(url: str) -> tuple[str, str]:
    """Host, and everything from the path on."""
    host, _, rest = url.removeprefix("https://").partition("/")
    return host, f"/{rest}"


def _crowd(world: _World) -> tuple[str, str]:
    host = world.draw.choices(world.crowd, cum_weights=world.crowd_weights)[0]
    tracking = f"?utm_source=feed&w={world.draw.randrange(2_000)}"
    query = world.draw.choice(["", "", "", "", tracking, "?x=%E7%8C%AB"])
    url = f"https://{host}/{world.draw.randrange(10**5):05d}/{_picture(world.draw)}{query}"
    return dirty(world.draw, url, chance=0.15), NOTHING_SAID


def _exact(world: _World) -> tuple[str, str]:
    rule = world.draw.choice(world.urls)
    # Mallory's "open" adds what nobody denied (search) and lifts nothing.
    answer = "DDDDA" if rule.target in world.contested else _ANSWERS[rule.preset]
    return dirty(world.draw, rule.target, chance=0.6), answer


def _contested(world: _World) -> tuple[str, str]:
    return dirty(world.draw, world.draw.choice(sorted(world.contested)), chance=0.3), "DDDDA"


def _exact_missed(world: _World) -> tuple[str, str]:
    """Another query, another case, another port, a slash more: another URL."""
    host, rest = _split(world.draw.choice(world.urls).target)
    path, _, query = rest.partition("?")
    change = world.draw.randrange(5)
    missed = (
        f"https://{host}{path}?other={world.draw.randrange(99)}",
        f"https://{host}{path.replace('/works/', '/Works/')}{'?' * bool(query)}{query}",
        f"https://{host}:8443{rest}",
        f"https://{host}{path}/",
        f"https://www.{host}{rest}",
    )[change]
    return missed, NOTHING_SAID


def _below_path(world: _World) -> tuple[str, str]:
    rule = world.draw.choice(world.paths)
    url = rule.target + world.draw.choice(["", "2026/", "a/b/c/d/e/f/"]) + _picture(world.draw)
    return dirty(world.draw, url, chance=0.5), _ANSWERS[rule.preset]


def _path_missed(world: _World) -> tuple[str, str]:
    """/art and /artist/ and /art on another port are not /art/."""
    host, folder = _split(world.draw.choice(world.paths).target)
    picture = _picture(world.draw)
    missed = (
        f"https://{host}{folder.rstrip('/')}",
        f"https://{host}{folder.rstrip('/')}ist/{picture}",
        f"https://{host}:8443{folder}{picture}",
        f"https://{host}/{picture}",
        f"https://sub.{host}{folder}{picture}",
        f"https://{host}/x{folder}{picture}",
    )[world.draw.randrange(6)]
    return missed, NOTHING_SAID


def _on_host(world: _World) -> tuple[str, str]:
    rule = world.draw.choice(world.hosts)
    port = world.draw.choice(["", "", "", ":8443", ":81"])
    url = f"https://{rule.target}{port}/{_picture(world.draw)}"
    return dirty(world.draw, url, chance=0.4), _ANSWERS[rule.preset]


def _host_missed(world: _World) -> tuple[str, str]:
    """An exact host has no subdomains, no parent and no neighbours."""
    host = world.draw.choice(world.hosts).target
    other = (f"a.{host}", host.removeprefix("img."), f"evil-{host}", f"{host}.evil.example")
    return f"https://{world.draw.choice(other)}/{_picture(world.draw)}", NOTHING_SAID


def _in_domain(world: _World) -> tuple[str, str]:
    rule = world.draw.choice(world.domains)
    host = world.draw.choice(["", "www.", "i1.cdn.", "a.b.c.d.e.f."]) + rule.target
    port = world.draw.choice(["", "", "", ":8443"])
    url = f"https://{host}{port}/{_picture(world.draw)}"
    return dirty(world.draw, url, chance=0.4), _ANSWERS[rule.preset]


def _domain_missed(world: _World) -> tuple[str, str]:
    """evil-site.example is not site.example, and site.example.evil.example is not either."""
    domain = world.draw.choice(world.domains).target
    other = (f"evil-{domain}", f"{domain}.evil.example", f"x{domain}", f"www.evil-{domain}")
    return f"https://{world.draw.choice(other)}/{_picture(world.draw)}", NOTHING_SAID


def _home(world: _World) -> tuple[str, str]:
    """My whole site no, this folder yes; the folder's neighbours and the site's other hosts stay closed."""
    folder = world.draw.choice(world.open_folders)
    host, _ = _split(folder.target)
    picture = _picture(world.draw)
    url, answer = world.draw.choice(
        [
            (f"{folder.target}{picture}", "AAAAA"),
            (f"https://{host}/{picture}", "DDDDU"),
            (f"https://{host}/pressed/{picture}", "DDDDU"),
            (f"https://www.{host}/press/{picture}", "DDDDU"),
            (f"https://{host}:8443/press/{picture}", "DDDDU"),
        ]
    )
    return dirty(world.draw, url, chance=0.3), answer


def _rubbish(world: _World) -> tuple[str | None, str]:
    broken = (
        None,
        "",
        "not a url",
        "http://",
        "https://[::1/x.jpg",
        "ftp://old.example/x.jpg",
        "data:image/png;base64,iVBORw0KGgo=",
        "//no-scheme.example/x.jpg",
        "https://exa mple.example/x.jpg",
        "https://host.example:99999/x.jpg",
        "https://long.example/" + "a" * 9_000,
        "https://deep.example/" + "a/" * 300,
    )
    return world.draw.choice(broken), CANNOT_BE_READ


_Build = Callable[[_World], tuple[str | None, str]]
_INTENTS: Final[dict[str, tuple[_Build, float]]] = {
    "nobody spoke of it": (_crowd, 90.0),
    "exact url": (_exact, 3.0),
    "contested url": (_contested, 0.2),
    "below a path": (_below_path, 1.0),
    "on a host": (_on_host, 0.6),
    "in a domain": (_in_domain, 0.6),
    "home with an open folder": (_home, 0.4),
    "near miss of a url": (_exact_missed, 1.4),
    "near miss of a path": (_path_missed, 1.0),
    "near miss of a host": (_host_missed, 0.6),
    "near miss of a domain": (_domain_missed, 0.9),
    "rubbish": (_rubbish, 0.3),
}


if __name__ == "__main__":
    EXPECTED.parent.mkdir(exist_ok=True)
    EXPECTED.write_bytes(expectation())
