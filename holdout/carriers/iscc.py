"""What stands beside an ISCC: the `tdm` of its service metadata (iscc-schema), and TDM·AI's declarations."""

import json
from typing import Any, Final

from holdout.carriers.reading import LIMIT, shown
from holdout.carriers.standards import standards
from holdout.carriers.tdmrep import address, parsed, reservation_of
from holdout.signals import Note, Signal
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "iscc_unreadable": "This is no JSON object, so it says nothing.",
    "iscc_value_unknown": "tdm_reservation is the number 1 or 0; anything else says nothing.",
    "iscc_policy_unusable": "This tdm_policy is no web address, so the reservation stands without terms.",
    "tdmai_unreadable": "This is no JSON object, so it says nothing.",
    "tdmai_value_unknown": 'The values are the words "true" and "false"; anything else says nothing.',
}
_TDMAI: Final = ("all", "train-ai", "train-genai", "ai-use", "search")
"""The broader before the narrower, which overrules it."""


def read_metadata(read: bytes) -> Signal | None:
    """iscc-schema 0.8.0: an object of `@type` TDM, by itself or as the `tdm` of another."""
    said = _object(read)
    standard = standards()["iscc"]
    if said is None:
        return standard.signal(
            {}, source="ISCC metadata", parser=PARSER, read=read[:LIMIT], notes=[Note("iscc_unreadable")]
        )
    tdm = said.get("tdm", said)
    if not isinstance(tdm, dict) or "tdm_reservation" not in tdm:
        return None
    value, policy = tdm["tdm_reservation"], address(tdm.get("tdm_policy"))
    known = type(value) is int and value in (0, 1)
    notes = [] if known else [Note("iscc_value_unknown", shown(str(value)))]
    if known and value and tdm.get("tdm_policy") and not policy:
        notes.append(Note("iscc_policy_unusable", shown(str(tdm["tdm_policy"]))))
    label = "1 with tdm_policy" if value == 1 and policy else str(value)
    return standard.signal(
        standard.labels[label] if known else {},
        source="ISCC metadata",
        parser=PARSER,
        read=read,
        terms=[policy] if known and value and policy else [],
        notes=notes,
    )


def read_tdmai(read: bytes) -> Signal | None:
    """A TDM·AI declaration: `train-genai` overrules `train-ai`, which overrules `all`.

    A narrower word that cannot be read may have been a refusal: it takes back what the broader permits.
    """
    said = _object(read)
    standard = standards()["tdmai"]
    if said is None:
        return standard.signal(
            {}, source="TDM·AI", parser=PARSER, read=read[:LIMIT], notes=[Note("tdmai_unreadable")]
        )
    words = {name: said[name] for name in _TDMAI if name in said}
    if not words:
        return None
    preferences: dict[UsageCategory, Preference] = {}
    notes = []
    for name, value in words.items():
        if value in ("true", "false"):
            preferences |= standard.labels[f"{name}={value}"]
        else:
            notes.append(Note("tdmai_value_unknown", shown(f"{name}: {value}")))
            for use in standard.labels[f"{name}=false"]:
                if preferences.get(use) is Preference.ALLOW:
                    del preferences[use]
    policy = address(said.get("policy"))
    terms = [policy] if policy else []
    return standard.signal(preferences, source="TDM·AI", parser=PARSER, read=read, terms=terms, notes=notes)


def _object(read: bytes) -> dict[str, Any] | None:
    said = parsed(read)
    return said if isinstance(said, dict) else None


def write_metadata(said: Preferences, *, iscc: str, policy: str | None = None) -> bytes | None:
    """The `tdm` metadata for these preferences; None where it has no word for them."""
    reservation = reservation_of(said)
    if reservation is None:
        return None
    tdm: dict[str, str | int] = {"@type": "TDM", "iscc": iscc, "tdm_reservation": reservation}
    return _json(tdm | ({"tdm_policy": policy} if policy and reservation else {}))


def write_tdmai(said: Preferences, *, iscc: str, policy: str | None = None) -> bytes:
    """A declaration for these preferences; what is conditional is refused, with the policy beside it.

    `train-ai` covers generative models too: it permits only where `train-genai` stands beside it.
    `all` says what is said of mining, where the words beside it say the rest.
    """
    trained = {UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER}
    uses = {
        "train-ai": UsageCategory.TRAIN_OTHER,
        "train-genai": UsageCategory.TRAIN_GEN,
        "ai-use": UsageCategory.AI_INPUT,
        "search": UsageCategory.SEARCH,
    }
    if trained <= said.keys():
        uses = {"all": UsageCategory.TDM, **uses}
    words = {
        name: "true" if said[use] is Preference.ALLOW else "false"
        for name, use in uses.items()
        if use in said
    }
    if words.get("train-ai") == "true" and UsageCategory.TRAIN_GEN not in said:
        del words["train-ai"]
    declaration: dict[str, Any] = {"version": "1.0", "iscc": iscc, "intent": "activate", **words}
    return _json(declaration | ({"policy": policy} if policy else {}))


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"
