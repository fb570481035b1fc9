"""IETF AIPREF: the `Content-Usage` header field, and the robots.txt rule of that name."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import http_sf

from holdout.carriers.reading import shown
from holdout.carriers.robots import Robots, longest, may_crawl
from holdout.carriers.standards import standards, together
from holdout.signals import Note, Signal
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "aipref_unreadable": "This Content-Usage cannot be read, so it says nothing. Write small letters, y or "
    "n, no blanks round the equals sign: train-ai=n, search=y.",
    "aipref_other_vocabulary": "This is the vocabulary of Content-Signal and means nothing in Content-Usage. "
    "Write train-ai=n (and ai-use=n).",
    "aipref_legacy_label": "This label belonged to an earlier draft, and crawlers must ignore it. "
    "Write train-ai, ai-use or search.",
    "aipref_value_unknown": "The value is neither y nor n, so it says nothing.",
    "aipref_path_closed": "A path that crawlers may not fetch carries no preference.",
}
_MOST_NOTED: Final = 100
"""Rules of one file that are looked through for notes."""
LABELS: Final = ("train-ai", "ai-use", "search")
LEGACY: Final = frozenset(["tdm", "ai", "genai", "inference", "all", "bots", "train-genai", "ai-output"])
_INVERTED: Final = frozenset({"ai-train", "ai-input"})
_WRITTEN: Final = (
    ("train-ai", UsageCategory.TRAIN_GEN),
    ("ai-use", UsageCategory.AI_INPUT),
    ("search", UsageCategory.SEARCH),
)


_UNREAD: Final = frozenset({"aipref_unreadable", "aipref_value_unknown"})
"""What cannot be read may refuse: a permission for the same path does not stand beside it."""


def read_value(value: str) -> tuple[Preferences, list[Note]]:
    """What one statement says: an RFC 9651 Dictionary whose values are the Tokens `y` and `n`.

    Unknown keys and all parameters are ignored, the last of equal keys counts, and what does not parse is
    unknown as a whole (draft-ietf-aipref-vocab-08, 6).
    """
    try:
        said: Any = http_sf.parse(value.encode("ascii"), tltype="dictionary")
    except (ValueError, RecursionError):
        return {}, [Note("aipref_unreadable", shown(value))]
    preferences: dict[UsageCategory, Preference] = {}
    notes: list[Note] = []
    for key, (member, _) in said.items():
        token = str(member) if isinstance(member, http_sf.Token) else None
        if key not in LABELS:
            notes += _about_key(key, value)
        elif token in ("y", "n"):
            preferences |= standards()["aipref"].labels[f"{key}={token}"]
        else:
            notes.append(Note("aipref_value_unknown", shown(value)))
    return preferences, notes


def _about_key(key: str, value: str) -> Iterator[Note]:
    if key in _INVERTED:
        yield Note("aipref_other_vocabulary", shown(value))
    elif key in LEGACY:
        yield Note("aipref_legacy_label", shown(value))


def read_header(lines: Sequence[str]) -> Signal | None:
    """What the `Content-Usage` lines of an answer say; several are one, joined by commas (RFC 9651, 4.2)."""
    if not lines:
        return None
    value = ", ".join(lines)
    said, notes = read_value(value)
    return standards()["aipref"].signal(
        said, source="header Content-Usage", parser=PARSER, read=_octets([value]), notes=notes
    )


def read_robots(robots: Robots, *, path: str, agents: Sequence[str]) -> Signal | None:
    """What the `Content-Usage` rules of a crawler's group say of a path (draft-ietf-aipref-attach-05, 4).

    The longest path counts, and several of one length together. What may not be crawled carries nothing.
    """
    group = robots.group(agents)
    rules = group.values("content-usage")
    if not rules:
        return None
    split = [split_rule(value) for value in rules]
    notes = [
        *robots.shortened(),
        *(note for _, value in split[:_MOST_NOTED] for note in read_value(value)[1]),
    ]
    said: Preferences = {}
    if may_crawl(group, path):
        # A file of nothing but rules for one path has few different ones that are worth reading twice.
        read = [read_value(value) for value in dict.fromkeys(longest(split, path))]
        notes += [note for _, found in read[:_MOST_NOTED] for note in found]
        said = robots.restrained(together(found for found, _ in read))
        if any(note.code in _UNREAD for _, found in read for note in found):
            said = {use: value for use, value in said.items() if value is not Preference.ALLOW}
    else:
        notes.append(Note("aipref_path_closed"))
    return standards()["aipref"].signal(
        said, source="robots.txt Content-Usage", parser=PARSER, read=_octets(rules), notes=notes
    )


def split_rule(value: str) -> tuple[str, str]:
    """The path pattern of a rule (everything, where it names none) and what it says."""
    if not value.startswith("/"):
        return "", value
    pattern, *rest = value.split(maxsplit=1)
    return pattern, rest[0] if rest else ""


def write(said: Preferences) -> str | None:
    """The statement for these preferences; None where AIPREF has no word for any of them.

    What is conditional is refused: there is no word for "ask first".
    """
    words = [
        f"{label}={'y' if said[use] is Preference.ALLOW else 'n'}" for label, use in _WRITTEN if use in said
    ]
    return ", ".join(words) or None


def _octets(lines: Iterable[str]) -> bytes:
    return "\n".join(lines).encode("utf-8", "surrogatepass")
