"""`noai` and `noimageai`: DeviantArt's words (2022) among those that search engines read of pages."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from holdout.carriers.reading import shown
from holdout.carriers.standards import standards, together
from holdout.signals import Note, Signal

PARSER: Final = 1
NOTES: Final = {
    "noai_other_agent": "This is said to one crawler by name; others do not read it as meant for them.",
    "noai_noml": "`noml` is nobody's standard. Write noai, noimageai.",
}
LABELS: Final = ("noai", "noimageai")
_WITH_VALUE: Final = frozenset({"max-snippet", "max-image-preview", "max-video-preview", "unavailable_after"})
_AGENT: Final = re.compile(r"\s*([A-Za-z0-9._\-*]{1,100})\s*:(.*)", re.DOTALL)
_ROBOTS_META: Final = "robots"


def read_header(lines: Sequence[str], *, agents: Sequence[str]) -> Signal | None:
    """What `X-Robots-Tag` lines say to a crawler of these product tokens.

    Case does not matter. A line that begins with a product token is for that crawler to its end;
    `max-snippet:` and the like are no tokens. None where no line has a word of this standard.
    """
    scoped = [_scope(line) for line in lines]
    return _signal(scoped, agents=agents, source="header X-Robots-Tag", read=lines)


def read_meta(metas: Sequence[tuple[str, str]], *, agents: Sequence[str]) -> Signal | None:
    """What the meta elements of a page say: those named `robots`, and those that bear a crawler's name."""
    named = [("" if name == _ROBOTS_META else name, content) for name, content in metas]
    return _signal(
        named, agents=agents, source="HTML meta robots", read=[f"{name}={content}" for name, content in metas]
    )


def _scope(line: str) -> tuple[str, str]:
    """To whom a line speaks (nobody by name: empty), and what it says."""
    found = _AGENT.fullmatch(line)
    if found is None or found[1].lower() in _WITH_VALUE:
        return "", line
    return found[1].lower().replace("*", ""), found[2]


def _signal(
    scoped: Sequence[tuple[str, str]], *, agents: Sequence[str], source: str, read: Sequence[str]
) -> Signal | None:
    tokens = {agent.lower() for agent in agents} | {""}
    labels = standards()["noai"].labels
    said, notes, speaks = [], [], False
    for scope, text in scoped:
        for word in _words(text):
            if word == "noml" and scope in tokens:
                notes.append(Note("noai_noml", shown(text)))
            elif word in LABELS and scope in tokens:
                said.append(labels[word])
            elif word in LABELS and source.startswith("header"):
                notes.append(Note("noai_other_agent", shown(f"{scope}: {text}")))
            else:
                continue
            speaks = True
    if not speaks:
        return None
    octets = "\n".join(read).encode("utf-8", "surrogatepass")
    return standards()["noai"].signal(together(said), source=source, parser=PARSER, read=octets, notes=notes)


def _words(text: str) -> Iterator[str]:
    """The directives between commas, without their values. A date has commas of its own, and no such word."""
    for part in text.split(","):
        yield part.partition(":")[0].strip().lower()


def write_header() -> str:
    """The value of an `X-Robots-Tag` header that refuses."""
    return ", ".join(LABELS)


def write_meta() -> str:
    """The meta element that refuses."""
    return f'<meta name="robots" content="{write_header()}">'
