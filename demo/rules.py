"""The 5,000 places that the creators of the demonstration reserve. Every host lies under `.example`."""

import random
from dataclasses import dataclass
from functools import cache
from typing import Final

DECLARANTS: Final = tuple(f"creator-{number:02d}" for number in range(40))
MALLORY: Final = "mallory"
"""Declares "open" about pictures that others denied."""

_WORDS: Final = (
    "luma", "inkwell", "paper-crane", "northlight", "atelier", "tide", "画廊", "münchen-ateliers", "quill",
    "brushwork", "fern", "kiln", "folio", "pigment", "silt", "墨色", "loom", "vellum", "ochre", "galería",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DemoRule:
    """One reserved place: `kind` is a `holdout.urls.KeyKind`, `preset` one of the vocabulary's."""

    kind: str
    target: str
    preset: str
    declarant: str


@cache
def rules() -> tuple[DemoRule, ...]:
    """All of them, the same at every call and on every machine."""
    draw = random.Random(20261122)  # noqa: S311 - a reproducible world, no secret
    urls = [_rule(draw, "url", _picture_url(draw, number)) for number in range(2_956)]
    folders = [_rule(draw, "path", _folder_url(draw, number)) for number in range(1_188)]
    hosts = [_rule(draw, "host", f"img.{_host(draw, 'studio', number)}") for number in range(500)]
    domains = [_rule(draw, "domain", _host(draw, "site", number)) for number in range(288)]
    return (*urls, *folders, *hosts, *domains, *_sites_with_an_open_folder(draw), *_mallorys(urls))


def _rule(draw: random.Random, kind: str, target: str) -> DemoRule:
    preset = draw.choices(["no-ai", "no-generative-ai", "licence-first", "research-ok"], [85, 7, 5, 3])[0]
    return DemoRule(kind, target, preset, draw.choice(DECLARANTS))


def _host(draw: random.Random, family: str, number: int) -> str:
    return f"{draw.choice(_WORDS)}-{family}-{number:04d}.example"


def _folder_url(draw: random.Random, number: int) -> str:
    host = _host(draw, "pages", number)
    folder = draw.choice(["art", "gallery/2026", "~linnea/works", "作品", "p%C3%A9inture", "a/b/c"])
    return f"https://{host}/{folder}/"


def _picture_url(draw: random.Random, number: int) -> str:
    host = f"cdn{number % 60}.{_WORDS[number % 6]}-pictures.example"
    name = draw.choice(["tide", "Harbour", "still-life", "portr%C3%A4t", "猫"])
    query = draw.choice(["", "", "", f"?v={number % 9}", f"?id={number}&size=large"])
    return f"https://{host}/works/{number:05d}/{name}.jpg{query}"


def _sites_with_an_open_folder(draw: random.Random) -> list[DemoRule]:
    """My whole site no, this folder yes: two rules of one declarant, twelve times."""
    sites = []
    for number in range(12):
        host, declarant = _host(draw, "home", number), draw.choice(DECLARANTS)
        sites.append(DemoRule("domain", host, "no-ai", declarant))
        sites.append(DemoRule("path", f"https://{host}/press/", "open", declarant))
    return sites


def _mallorys(urls: list[DemoRule]) -> list[DemoRule]:
    denied = [rule for rule in urls if rule.preset == "no-ai"]
    return [DemoRule("url", rule.target, "open", MALLORY) for rule in denied[:44]]
