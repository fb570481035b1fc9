"""The AI crawlers that are known by name: `ai_crawlers.tsv`."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_LIST: Final = Path(__file__).with_name("ai_crawlers.tsv")


@dataclass(frozen=True, slots=True)
class Crawler:
    """One program that goes round the web for an AI company."""

    token: str
    """As it stands in robots.txt."""
    operator: str
    respects: str
    """Whether it says that it respects robots.txt: `yes`, `no`, or empty where nothing is known."""


@cache
def crawlers() -> tuple[Crawler, ...]:
    """All of them, in the list's order; read once in a process."""
    lines = _LIST.read_text(encoding="utf-8").splitlines()
    return tuple(Crawler(*line.split("\t")) for line in lines if not line.startswith("#"))
