"""Content Credentials (C2PA): the assertion `cawg.training-mining`, and `c2pa.training-mining` before it.

CAWG training and data mining 1.1. Only the active manifest counts. Nothing is fetched: a manifest that lies
elsewhere is not looked for.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from holdout.carriers.containers import has_manifest
from holdout.carriers.reading import shown
from holdout.carriers.standards import standards, together
from holdout.signals import Note, Signal
from holdout.vocabulary import Preference, Preferences, UsageCategory

PARSER: Final = 1
NOTES: Final = {
    "cawg_unreadable": "The picture's Content Credentials cannot be read, so they say nothing. Sign it anew.",
    "cawg_invalid": "The picture was changed after it was signed, or the signature is wrong: what it "
    "forbids counts, what it permits does not.",
    "cawg_legacy_label": "c2pa.training-mining left the standard in 2024; write cawg.training-mining.",
    "cawg_use_unknown": "`use` is allowed, notAllowed or constrained; anything else says nothing.",
    "cawg_no_reader": "There are Content Credentials, and no reader for them here: install "
    "holdout-registry[pictures].",
}
LABELS: Final = ("cawg.training-mining", "c2pa.training-mining")
_ENTRIES: Final = {
    "ai_generative_training": UsageCategory.TRAIN_GEN,
    "ai_training": UsageCategory.TRAIN_OTHER,
    "ai_inference": UsageCategory.AI_INPUT,
    "data_mining": UsageCategory.TDM,
}
_USES: Final = {
    Preference.DENY: "notAllowed",
    Preference.CONDITIONAL: "constrained",
    Preference.ALLOW: "allowed",
}
_SOUND: Final = frozenset({"Valid", "Trusted"})
_READER: Final = Path(__file__).with_name("_manifest.py")
_SECONDS: Final = 10


def read(file: bytes) -> Signal | None:
    """What a picture's Content Credentials say of training and mining; None where it has none.

    They are read by a process of its own (`_manifest.py`): the parser is native code, the file a stranger's.
    """
    if not has_manifest(file):
        return None
    try:
        # Isolated and by its path: what lies in the current folder or the environment has no say.
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-I", str(_READER)],
            input=file,
            capture_output=True,
            timeout=_SECONDS,
            check=True,
            cwd="/",
            env={},
        )
        said = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError, OSError):
        said = {"note": "cawg_unreadable"}
    return read_manifest(said, file)


def read_manifest(said: Mapping[str, Any], read_: bytes) -> Signal | None:
    """What follows from `{"state": ..., "assertions": [...]}`, as `_manifest.py` gives the active one."""
    standard = standards()["cawg"]
    notes = [Note(said["note"])] if "note" in said else []
    preferences: list[Preferences] = []
    terms: list[str] = []
    labels = []
    for label, data in _assertions(said):
        labels.append(label)
        for preference, found in _entries(data):
            preferences.append(preference)
            terms += found
        notes += [Note("cawg_use_unknown", shown(str(each))) for each in _unknown(data)]
    if not labels and not notes:
        return None
    if any(label == LABELS[1] for label in labels):
        notes.append(Note("cawg_legacy_label"))
    combined = together(preferences)
    if labels and said.get("state") not in _SOUND:
        notes.append(Note("cawg_invalid", shown(str(said.get("state")))))
        combined = {use: value for use, value in combined.items() if value is not Preference.ALLOW}
    return standard.signal(
        combined, source="C2PA manifest", parser=PARSER, read=read_, terms=terms, notes=notes
    )


def _assertions(said: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The assertions of this kind; a second one of a label is called `label__1`, and so on."""
    assertions = said.get("assertions")
    for assertion in assertions if isinstance(assertions, list) else []:
        label = str(assertion.get("label", "")).partition("__")[0] if isinstance(assertion, dict) else ""
        if label in LABELS:
            data = assertion.get("data")
            yield label, data if isinstance(data, dict) else {}


def _of_entries(data: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Known keys, without their prefix, and what stands there."""
    entries = data.get("entries")
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        prefix, _, name = str(key).partition(".")
        if prefix in ("cawg", "c2pa") and name in _ENTRIES:
            yield name, entry if isinstance(entry, dict) else {"use": entry}


def _entries(data: Mapping[str, Any]) -> Iterator[tuple[Preferences, list[str]]]:
    """`constrained` without a word of how is notAllowed (1.1, 3.2); both spellings of that word are read."""
    labels = standards()["cawg"].labels
    for name, entry in _of_entries(data):
        info = entry.get("constraint_info") or entry.get("constraints_info")
        use = entry.get("use")
        if use == "constrained" and not isinstance(info, str):
            use = "notAllowed"
        if f"{name} {use}" in labels:
            yield labels[f"{name} {use}"], [info] if use == "constrained" and isinstance(info, str) else []


def _unknown(data: Mapping[str, Any]) -> Iterator[Any]:
    for _, entry in _of_entries(data):
        if entry.get("use") not in _USES.values():
            yield entry.get("use")


def write(said: Preferences, *, terms: str | None = None) -> dict[str, Any]:
    """The assertion for these preferences, for whoever signs. `terms`: where the conditions stand."""
    entries: dict[str, Any] = {}
    for name, use in _ENTRIES.items():
        if use in said:
            # Without a word of how, "constrained" would be read as notAllowed in any case.
            vague = said[use] is Preference.CONDITIONAL and not terms
            entries[f"cawg.{name}"] = {"use": _USES[Preference.DENY if vague else said[use]]}
            if said[use] is Preference.CONDITIONAL and terms:
                entries[f"cawg.{name}"]["constraint_info"] = terms
    return {"label": LABELS[0], "data": {"entries": entries}}
