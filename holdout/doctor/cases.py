"""What sites say, and what three readers make of it: `cases.toml`, which tests hold every reader to."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from holdout.carriers.surroundings import Surroundings

_CASES: Final = Path(__file__).with_name("cases.toml")
_TEXTS: Final = ("robots", "ai_txt", "tdmrep", "page", "xmp")


@dataclass(frozen=True, slots=True)
class Case:
    """One way to say something, or nothing, about a picture."""

    what: str
    seen: Surroundings
    agent: str | None
    holdout: str
    """The outcome for the training of generative models."""
    img2dataset: bool
    """Whether it keeps the picture."""
    datadiligence: bool


@cache
def cases() -> tuple[Case, ...]:
    """All of them, in the file's order."""
    written = tomllib.loads(_CASES.read_text(encoding="utf-8"))["case"]
    return tuple(map(_case, written))


def _case(fields: dict[str, Any]) -> Case:
    agent = fields.get("agent")
    seen = Surroundings(
        url="https://x.example/art/a.jpg",
        agents=(agent,) if agent else (),
        headers=tuple((name, value) for name, value in fields.get("headers", [])),
        **{name: fields[name].encode() for name in _TEXTS if name in fields},
    )
    return Case(
        fields["what"], seen, agent, fields["holdout"], fields["img2dataset"], fields["datadiligence"]
    )
