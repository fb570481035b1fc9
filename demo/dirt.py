"""Other ways to write the same URL, as they stand in scraped data."""

import random
import re
from collections.abc import Callable
from typing import Final

_Soil = Callable[[random.Random, str, str, str], tuple[str, str, str]]
_ESCAPE: Final = re.compile(r"%[0-9A-F]{2}")


def dirty(draw: random.Random, url: str, *, chance: float) -> str:
    """With probability `chance`, `url` (https, clean) written in another way that means the same picture."""
    if draw.random() >= chance:
        return url
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    parts = (scheme, host, f"/{path}")
    for soil in draw.sample(_SOILS, draw.choice([1, 1, 2, 3])):
        parts = soil(draw, *parts)
    scheme, host, path = parts
    return f"{scheme}://{host}{path}"


def _other_scheme(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    """https as http, unless the port was written out: http on 443 is another place."""
    return (scheme if ":" in host else "http"), host, path


def _capitals(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    return scheme.upper(), "".join(c.upper() if c.isascii() else c for c in host), path


def _default_port(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    if ":" in host:
        return scheme, host, path
    return scheme, f"{host}:{443 if scheme.lower() == 'https' else 80}", path


def _user(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    return scheme, host if "@" in host else f"reader:secret@{host}", path


def _fragment(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    return scheme, host, f"{path}#top"


def _dot_segments(draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    return scheme, host, draw.choice(["/.", "/x/..", "/%2e", "/y/%2E%2e"]) + path


def _escaped_letter(draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    """An unreserved character written as an escape, as %61 for a."""
    end = len(path.partition("?")[0].partition("#")[0])
    plain = (i for i in range(end) if path[i].isalpha() and path[i].isascii())
    places = [i for i in plain if "%" not in path[max(0, i - 2) : i]]
    if not places:
        return scheme, host, path
    place = draw.choice(places)
    return scheme, host, f"{path[:place]}%{ord(path[place]):02x}{path[place + 1 :]}"


def _small_hex(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    return scheme, host, _ESCAPE.sub(lambda escape: escape.group().lower(), path)


def _punycode(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    user, at, name = host.rpartition("@")
    return scheme, user + at + ".".join(_ascii_label(label) for label in name.split(".")), path


def _ascii_label(label: str) -> str:
    """One label in its ASCII form; a port that hangs on the last one stays (`.example` is ASCII)."""
    return label if label.isascii() else f"xn--{label.encode('punycode').decode()}"


def _white_space(draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    """What browsers drop: a tab inside. (A line end inside is refused here.)"""
    place = draw.randrange(1, len(path) + 1)
    tab = draw.choice("\t\t")  # a draw, since those that follow must not change: demo/expected
    return scheme, host, f"{path[:place]}{tab}{path[place:]}"


def _dot_at_the_end(_draw: random.Random, scheme: str, host: str, path: str) -> tuple[str, str, str]:
    return scheme, host if ":" in host else f"{host}.", path


_SOILS: Final[tuple[_Soil, ...]] = (
    _other_scheme,
    _capitals,
    _default_port,
    _user,
    _fragment,
    _dot_segments,
    _escaped_letter,
    _small_hex,
    _punycode,
    _white_space,
    _dot_at_the_end,
)
