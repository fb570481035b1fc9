"""The words in which a preference is said: five uses, three values (absence is the fourth, *unset*), presets.

It is the smallest set into which every published opt-out syntax maps without loss: IETF AIPREF, Content
Signals, TDMRep, RSL, noai, PLUS/IPTC, CAWG, ISCC.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from holdout.errors import InvalidInput


class UsageCategory(StrEnum):
    """What somebody would do with a picture."""

    TRAIN_GEN = "train_gen"
    """Change the parameters of a model that can generate content (AIPREF `train-ai`)."""
    TRAIN_OTHER = "train_other"
    """Train a model used only for tasks that generate nothing (classifier, detector)."""
    AI_INPUT = "ai_input"
    """Feed it to a generative model at run time, not supplied by the user (AIPREF `ai-use`)."""
    TDM = "tdm"
    """Any other automated analysis or data-set building (text and data mining)."""
    SEARCH = "search"
    """An index that shows a link and a small preview and leads to the source (AIPREF `search`)."""


class Preference(StrEnum):
    """What a declarant says about one use. A use that is not mentioned is *unset*, which is no permission."""

    DENY = "deny"
    CONDITIONAL = "conditional"
    """Ask first: handled as deny until the terms are met."""
    ALLOW = "allow"


Preferences = Mapping[UsageCategory, Preference]
"""What one statement says; uses that are absent are unset."""


def _preset(train_gen: str, train_other: str, ai_input: str, tdm: str, search: str) -> Preferences:
    said = zip(UsageCategory, (train_gen, train_other, ai_input, tdm, search), strict=True)
    return MappingProxyType({use: Preference(value) for use, value in said if value})


PRESETS: Final[Mapping[str, Preferences]] = MappingProxyType(
    {
        "no-ai": _preset("deny", "deny", "deny", "deny", ""),
        "no-generative-ai": _preset("deny", "", "deny", "", ""),
        "licence-first": _preset("conditional", "conditional", "conditional", "conditional", "allow"),
        "research-ok": _preset("deny", "deny", "deny", "allow", ""),
        "open": _preset("allow", "allow", "allow", "allow", "allow"),
    }
)
"""Ready-made answers for people who do not want to think in uses. The first is what most come for."""


def parse_preferences(said: object) -> Preferences:
    """Read preferences from what JSON or a form gives: a preset's name, or a mapping of use to value.

    The value `"unset"` may be written out and means absence. Raises `InvalidInput`
    (`preset_unknown`, `usage_unknown`, `preference_unknown`, `preferences_malformed`).
    """
    if isinstance(said, str):
        if said not in PRESETS:
            raise InvalidInput("preset_unknown", f"No such preset; the presets are {', '.join(PRESETS)}.")
        return PRESETS[said]
    if not isinstance(said, Mapping):
        raise InvalidInput("preferences_malformed", "Give a preset's name or an object of use to value.")
    preferences: dict[UsageCategory, Preference] = {}
    for use, value in said.items():
        if use not in list(UsageCategory):
            raise InvalidInput("usage_unknown", f"No such use; the uses are {', '.join(UsageCategory)}.")
        if value == "unset":
            continue
        if value not in list(Preference):
            raise InvalidInput("preference_unknown", f"Say {', '.join(Preference)} or unset for {use}.")
        preferences[UsageCategory(use)] = Preference(value)
    return MappingProxyType(preferences)
