"""What the pages say in words for the domain's codes; every text is translated when it is shown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from holdout.resolution import Assurance
from holdout.verdicts import MatchMethod, Outcome, Verdict
from holdout.vocabulary import PRESETS, Preference, Preferences, UsageCategory
from lookup.hits import SeenCopy
from registry.looking import Method

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as Text


@dataclass(frozen=True, slots=True)
class PresetWords:
    """A preset as a person chooses it."""

    name: "Text"
    sentence: "Text"


@dataclass(frozen=True, slots=True)
class UseLine:
    """One use and what is said or answered about it; `value` is the code, for the style sheet."""

    name: "Text"
    meaning: "Text"
    value: str
    words: "Text"


@dataclass(frozen=True, slots=True)
class ReasonLine:
    """Why a verdict is what it is: how the statement was found, its proof, and each answer with its uses."""

    found_by: "Text"
    proof: "Text"
    answers: "list[tuple[Text, list[Text]]]"


_USES: Final[Mapping[UsageCategory, tuple["Text", "Text"]]] = {
    UsageCategory.TRAIN_GEN: (
        _("Training generative AI"),
        _("Teaching a model that can make pictures, text or sound."),
    ),
    UsageCategory.TRAIN_OTHER: (
        _("Training other AI"),
        _("Teaching a model that only sorts, finds or recognises things."),
    ),
    UsageCategory.AI_INPUT: (
        _("Input to generative AI"),
        _("Giving the picture to a generative model while it runs, as a reference or a source."),
    ),
    UsageCategory.TDM: (
        _("Text and data mining"),
        _("Any other automated analysis, and collecting pictures for it."),
    ),
    UsageCategory.SEARCH: (
        _("Search"),
        _("An index that shows a link with a small preview and leads to the source."),
    ),
}

_SAID: Final[Mapping[str, "Text"]] = {
    # With a context: Django's admin says "No" and "Yes" of other things.
    Preference.DENY: pgettext_lazy("preference", "No"),
    Preference.CONDITIONAL: _("Ask first"),
    Preference.ALLOW: pgettext_lazy("preference", "Yes"),
    "unset": _("Nothing said"),
}

_ANSWERS: Final[Mapping[Outcome, "Text"]] = {
    Outcome.DENY: _("No: reserved"),
    Outcome.CONDITIONAL: _("Ask first: only under the declarant's terms"),
    Outcome.REVIEW: _("A person must look before any use"),
    Outcome.ALLOW: _("Yes: declared as allowed"),
    Outcome.UNKNOWN: _("Nothing said: no permission"),
}

_METHODS: Final[Mapping[str, "Text"]] = {
    "exact_file": _("the same file"),
    "url": _("this exact address"),
    "picture": _("this picture on its image host, in any size"),
    "path": _("a folder that this address lies in"),
    "account": _("the account that this address belongs to"),
    "host": _("the whole host of this address"),
    "domain": _("the whole domain of this address"),
    "page": _("the page or the account that was named with it"),
    "same_picture": _("a near copy of this picture, confirmed point by point"),
    "contains": _("a picture that this one contains, confirmed point by point"),
    "part_of": _("a picture that this one is a part of, confirmed point by point"),
    "codes": _("a similar picture, which nobody has compared yet"),
    "possible": _("a possible copy, which nobody has compared yet"),
    "grant": _("a permission that the declarant granted"),
}

_COPIES: Final[Mapping[str, "Text"]] = {
    MatchMethod.SAME_PICTURE: _("a copy of your picture"),
    MatchMethod.CONTAINS: _("a picture that contains yours"),
    MatchMethod.PART_OF: _("a part of your picture"),
    MatchMethod.POSSIBLE: _("perhaps a copy of your picture: few points agree"),
}

_PROOFS: Final[Mapping[int, "Text"]] = {
    Assurance.L0: _("L0: an email address"),
    Assurance.L1: _("L1: the file was uploaded; its log entry is its priority date"),
    Assurance.L2: _("L2: a platform account, proven"),
    Assurance.L3: _("L3: a domain, proven"),
    Assurance.L4: _("L4: a signed content credential in the file"),
    Assurance.L5: _("L5: vouched for by a platform, a collecting society or a registration number"),
}

PRESET_WORDS: Final[Mapping[str, PresetWords]] = {
    "no-ai": PresetWords(
        _("No AI"), _("No training, no input to generative AI, no mining. Search may still find it.")
    ),
    "no-generative-ai": PresetWords(
        _("No generative AI"), _("Nothing that generates may learn from it or be fed with it.")
    ),
    "licence-first": PresetWords(
        _("Licence first"), _("Whoever wants to use it for AI or mining must come to terms with you first.")
    ),
    "research-ok": PresetWords(
        _("Research ok"), _("No AI, but other automated analysis, such as research, is welcome.")
    ),
    "open": PresetWords(_("Open"), _("Every use is allowed.")),
}


WAY_WORDS: Final[Mapping[Method, "Text"]] = {
    Method.PROFILE: _("In your profile"),
    Method.FILE: _("A file at your site"),
    Method.META: _("A line in the head of your front page"),
    Method.DNS: _("A TXT record in DNS"),
    Method.STANDING_DNS: _("A standing TXT record that names you"),
    Method.EYES: _("Seen by two members of staff"),
    Method.SIGN_IN: _("By signing in there"),
    Method.WITHIN: _("Lies in a proven place"),
}

CHOICES: Final = ("no-ai", "no-generative-ai", "licence-first", "research-ok")
"""The presets that the forms offer; the first is preselected."""

OWN: Final = "own"
"""What the forms call a choice that is no preset's."""


def preset_of(preferences: Preferences) -> str | None:
    """The preset that says exactly this, None for a custom choice or for nothing said."""
    return next((name for name, preset in PRESETS.items() if dict(preset) == dict(preferences)), None)


def name_of(preferences: Preferences) -> "Text":
    """A short name for what a statement says."""
    preset = preset_of(preferences)
    if preset is not None:
        return PRESET_WORDS[preset].name
    return _("Your own choice") if preferences else _("Nothing said")


def use_words(use: UsageCategory) -> "tuple[Text, Text]":
    """The name of a use, and what it means."""
    return _USES[use]


def use_names(uses: Iterable[UsageCategory]) -> str:
    """The names of some uses one after the other, in the language of the page."""
    return str(pgettext_lazy("between two descriptions", ", ")).join(str(_USES[use][0]) for use in uses)


def value_choices() -> "list[tuple[str, Text]]":
    """What can be said of a use, the strictest first, as choices of a form; "" says nothing."""
    return [*((value.value, _SAID[value]) for value in Preference), ("", _SAID["unset"])]


def said_lines(preferences: Preferences) -> list[UseLine]:
    """What a statement says, use by use."""
    return [
        UseLine(*_USES[use], value=value, words=_SAID[value])
        for use in UsageCategory
        for value in [preferences.get(use, "unset")]
    ]


def answer_lines(verdict: Verdict) -> list[UseLine]:
    """What a checked verdict answers, use by use; none for a failed one."""
    return outcome_lines(verdict.uses)


def outcome_lines(uses: Mapping[UsageCategory, Outcome]) -> list[UseLine]:
    """What is answered, use by use."""
    return [UseLine(*_USES[use], value=answer, words=_ANSWERS[answer]) for use, answer in uses.items()]


def reason_lines(verdict: Verdict) -> list[ReasonLine]:
    return [
        ReasonLine(
            found_by=_METHODS.get(reason.method, reason.method),
            proof="" if reason.assurance is None else _PROOFS[reason.assurance],
            answers=[
                (words, [_USES[use][0] for use, outcome in reason.outcomes.items() if outcome is answer])
                for answer, words in _ANSWERS.items()
                if answer in reason.outcomes.values()
            ],
        )
        for reason in verdict.reasons
    ]


def proof_words(level: Assurance) -> "Text":
    return _PROOFS[level]


def copy_words(copy: SeenCopy) -> str:
    """What a near copy is to the declarant's picture, in the language of the page."""
    changes = ((copy.mirrored, _("mirrored")), (copy.inverted, _("with inverted colours")))
    words = [_COPIES[copy.method], *(words for changed, words in changes if changed)]
    return str(pgettext_lazy("between two descriptions", ", ")).join(str(word) for word in words)
