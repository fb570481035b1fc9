"""`noai` and `noimageai`: DeviantArt's words (2022) among those that search engines read of pages."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
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
_BETWEEN: Final = re.compile(r"[\s:;]+")
_ROBOTS_META: Final = "robots"
_MOST_NOTED: Final = 100
"""Words that are noted."""


def read_header(lines: Sequence[str], *, agents: Sequence[str]) -> Signal | None:
    """What `X-Robots-Tag` lines say to a crawler of these product tokens.

    Case does not matter. A line that begins with a product token is for that crawler to its end;
    `max-snippet:` and the like are no tokens. A token further on was a line of its own before something
    joined the two with a comma (RFC 9110, 5.3): what follows is for it, and for whoever was spoken to before.
    None where no line has a word of this standard.
    """
    scoped = (said for line in lines for said in _scoped(line))
    return _signal(scoped, agents=agents, source="header X-Robots-Tag", read=lines)


def read_meta(metas: Sequence[tuple[str, str]], *, agents: Sequence[str]) -> Signal | None:
    """What the meta elements of a page say: those named `robots`, and those that bear a crawler's name."""
    named = (
        (["" if name == _ROBOTS_META else name], part)
        for name, content in metas
        for part in content.split(",")
    )
    return _signal(
        named, agents=agents, source="HTML meta robots", read=[f"{name}={content}" for name, content in metas]
    )


def of_page(notes: Sequence[Note]) -> Signal | None:
    """A page that was not read whole may have had words of this standard; None for one that was."""
    if not notes:
        return None
    return standards()["noai"].signal({}, source="HTML page", parser=PARSER, read=b"", notes=notes)


def _scoped(line: str) -> Iterator[tuple[Collection[str], str]]:
    """To whom each part of a line speaks (nobody by name: empty), and the part."""
    spoken_to: dict[str, None] = {}
    for part in line.split(","):
        found = _AGENT.fullmatch(part)
        if found is not None and found[1].lower() not in _WITH_VALUE:
            scope = found[1].lower().replace("*", "")
            spoken_to[scope] = None
            yield [scope], found[2]
        else:
            if not spoken_to:
                spoken_to[""] = None
            yield spoken_to, part


def _signal(
    scoped: Iterable[tuple[Collection[str], str]], *, agents: Sequence[str], source: str, read: Sequence[str]
) -> Signal | None:
    tokens = {agent.lower() for agent in agents} | {""}
    labels = standards()["noai"].labels
    said, notes, speaks = [], [], False
    for scopes, part in scoped:
        # A date has commas and colons of its own, and no such word. Some leave out the comma between words.
        words = set(_BETWEEN.split(part.lower()))
        ours = any(token in scopes for token in tokens)
        spoken = words & {*LABELS, "noml"} if ours else words & set(LABELS)
        speaks = speaks or (bool(spoken) and (ours or source.startswith("header")))
        if not ours and spoken and source.startswith("header"):
            notes.append(Note("noai_other_agent", shown(f"{next(iter(scopes))}:{part}")))
        elif ours:
            notes += [Note("noai_noml", shown(part))] if "noml" in spoken else []
            said += [labels[word] for word in LABELS if word in spoken]
    if not speaks:
        return None
    octets = "\n".join(read).encode("utf-8", "surrogatepass")
    return standards()["noai"].signal(
        together(said), source=source, parser=PARSER, read=octets, notes=notes[:_MOST_NOTED]
    )


def write_header() -> str:
    """The value of an `X-Robots-Tag` header that refuses."""
    return ", ".join(LABELS)


def write_meta() -> str:
    """The meta element that refuses."""
    return f'<meta name="robots" content="{write_header()}">'
