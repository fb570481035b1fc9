"""Spawning's ai.txt: robots.txt syntax about kinds of files."""

from collections.abc import Sequence
from typing import Final

from holdout.carriers import robots
from holdout.carriers.standards import standards
from holdout.signals import Note, Signal

PARSER: Final = 1
NOTES: Final = {"ai_txt_silent": "ai.txt says nothing about files of this kind."}
_MARKUP: Final = (b"<!doctype", b"<html", b"<?xml")
_EVERYTHING: Final = frozenset({"/", "*", "/*"})


def is_ai_txt(read_: bytes) -> bool:
    """Whether it is no page that stands in the place of one."""
    return not read_.lstrip(b"\xef\xbb\xbf \t\r\n")[:20].lower().startswith(_MARKUP)


def read(read_: bytes, *, path: str, agents: Sequence[str]) -> Signal | None:
    """What an ai.txt says of training on the file at `path`; None for a page that stands in its place.

    Any denial of everything, or of files with its ending, counts; a permission only where nothing denies, and
    where it names the ending.
    """
    if not is_ai_txt(read_):
        return None
    parsed = robots.parse(read_)
    rules = [(name, value) for name, value in parsed.group(agents).rules if name in ("allow", "disallow")]
    standard = standards()["ai-txt"]
    if not rules:
        # Nothing that can be read, and perhaps something that cannot.
        silent = standard.signal({}, source="ai.txt", parser=PARSER, read=read_, notes=parsed.notes)
        return silent if parsed.notes else None
    # Case is nobody's: `*.JPG` means `a.jpg` too.
    file = path.partition("?")[0].lower()
    octets = robots.prepared(file)
    denied = any(name == "disallow" and _refuses(value, octets) for name, value in rules)
    allowed = any(name == "allow" and _names(value, file, octets) for name, value in rules)
    label = "Disallow" if denied else "Allow" if allowed else None
    return standard.signal(
        parsed.restrained(standard.labels[label]) if label else {},
        source="ai.txt",
        parser=PARSER,
        read=read_,
        notes=[*parsed.notes, *([] if label else [Note("ai_txt_silent")])],
    )


def _refuses(pattern: str, file: bytes) -> bool:
    """Everything, a path as in robots.txt, or an ending."""
    pattern = pattern.lower()
    return pattern in _EVERYTHING or (bool(pattern) and robots.matches(pattern, file))


def _names(pattern: str, file: str, octets: bytes) -> bool:
    """Whether `*.jpg`, or `/path/*.jpg`, names the ending of this file. A path alone names none."""
    pattern = pattern.removesuffix("$").lower()
    _, dot, ending = file.rpartition("/")[2].rpartition(".")
    return bool(dot and ending) and pattern.endswith(f"*.{ending}") and robots.matches(f"{pattern}$", octets)


def write() -> str:
    """An ai.txt that refuses all."""
    return robots.write_group(["*"], ["Disallow: /", "Disallow: *"])
