"""Cloudflare's Content Signals: a robots.txt rule, and the header of that name that circulates."""

from collections.abc import Sequence
from typing import Final

from holdout.carriers.aipref import split_rule
from holdout.carriers.reading import shown
from holdout.carriers.robots import Robots, longest
from holdout.carriers.standards import standards, together
from holdout.signals import Note, Signal
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "content_signals_other_vocabulary": "This is the vocabulary of Content-Usage and means nothing in "
    "Content-Signal. Write ai-train=no (and ai-input=no).",
    "content_signals_value_unknown": "The value is neither yes nor no, so it says nothing.",
    "content_signals_key_unknown": "Content Signals has no such name; it has search, ai-input and ai-train.",
    "content_signals_use": "`use=` is kept as it stands; what it means for a use is published nowhere.",
    "content_signals_header": "No standard has a Content-Signal header; few crawlers will look for it. "
    "Write the rule into robots.txt too.",
}
_MOST_NOTED: Final = 100
"""Words of one file that are noted."""
_NAMES: Final = ("ai-train", "ai-input", "search")
_AIPREF: Final = frozenset({"train-ai", "ai-use"})


def read_value(value: str) -> tuple[Preferences, list[Note]]:
    """What one rule says: `name=yes` or `name=no`, between commas. What contradicts itself is refused."""
    said: list[Preferences] = []
    notes = []
    unread: set[str] = set()
    for word in filter(None, map(str.strip, value.split(","))):
        name, _, answer = (part.strip() for part in word.partition("="))
        if name.lower() in _NAMES and (name not in _NAMES or answer not in ("yes", "no")):
            unread.add(name.lower())
        if name == "use":
            notes.append(Note("content_signals_use", shown(word)))
        elif name in _AIPREF:
            notes.append(Note("content_signals_other_vocabulary", shown(word)))
        elif name not in _NAMES:
            notes.append(Note("content_signals_key_unknown", shown(word)))
        elif answer not in ("yes", "no"):
            notes.append(Note("content_signals_value_unknown", shown(word)))
        else:
            said.append(standards()["content-signals"].labels[f"{name}={answer}"])
    return _without_permissions(together(said), unread), notes[:_MOST_NOTED]


def _without_permissions(said: Preferences, unread: set[str]) -> Preferences:
    """What cannot be read may have refused: a permission of the same name does not stand beside it."""
    spoken = {use for name in unread for use in standards()["content-signals"].labels[f"{name}=no"]}
    return {use: v for use, v in said.items() if v is not Preference.ALLOW or use not in spoken}


def read_robots(robots: Robots, *, path: str, agents: Sequence[str]) -> Signal | None:
    """What the rules of a crawler's group say of a path: those of the longest path, together."""
    rules = robots.group(agents).values("content-signal")
    if not rules:
        return None
    split = [split_rule(value) for value in rules]
    said, found = read_value(", ".join(dict.fromkeys(longest(split, path))))
    noted = [note for _, value in split[:_MOST_NOTED] for note in read_value(value)[1]]
    noted += found
    return standards()["content-signals"].signal(
        robots.restrained(said),
        source="robots.txt Content-Signal",
        parser=PARSER,
        read=_octets(rules),
        notes=[*robots.shortened(), *noted[:_MOST_NOTED]],
    )


def read_header(lines: Sequence[str]) -> Signal | None:
    """What the header lines say, as if it stood in robots.txt."""
    if not lines:
        return None
    said, notes = read_value(", ".join(lines))
    return standards()["content-signals"].signal(
        said,
        source="header Content-Signal",
        parser=PARSER,
        read=_octets(lines),
        notes=[Note("content_signals_header"), *notes],
    )


def write(said: Preferences) -> str | None:
    """The rule for these preferences; None where it has no word for any of them.

    `ai-train` speaks of all training, so it is refused where any is refused, and permitted where all is.
    """
    training = [said.get(use) for use in (UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER)]
    answers = {
        "search": _answer([said.get(UsageCategory.SEARCH)]),
        "ai-input": _answer([said.get(UsageCategory.AI_INPUT)]),
        "ai-train": _answer(training),
    }
    return ", ".join(f"{name}={answer}" for name, answer in answers.items() if answer) or None


def _answer(said: Sequence[Preference | None]) -> str | None:
    if any(value in (Preference.DENY, Preference.CONDITIONAL) for value in said):
        return "no"
    return "yes" if all(value is Preference.ALLOW for value in said) else None


def _octets(lines: Sequence[str]) -> bytes:
    return "\n".join(lines).encode("utf-8", "surrogatepass")
