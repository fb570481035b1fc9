"""The label tables of all standards, as `standards.toml` writes them."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from holdout.signals import Note, Provenance, Signal
from holdout.verdicts import Access
from holdout.vocabulary import Preference, Preferences, UsageCategory

VERSION: Final = 1
"""Of the tables, which say so themselves."""
MOST_NOTES: Final = 100
"""Of one signal: a file of nothing but mistakes is no list to read."""
_TABLES: Final = Path(__file__).with_name("standards.toml")
_STRENGTH: Final = (Preference.ALLOW, Preference.CONDITIONAL, Preference.DENY)


@dataclass(frozen=True, slots=True)
class Standard:
    """One way in which an opt-out is written."""

    id: str
    name: str
    revision: str
    state: str
    url: str
    places: tuple[str, ...]
    precedence: str
    judgement: str
    labels: Mapping[str, Preferences]
    """What each label says, in Holdout's uses."""

    def signal(
        self,
        said: Preferences,
        *,
        source: str,
        parser: int,
        read: bytes,
        access: Access = Access.UNKNOWN,
        terms: Iterable[str] = (),
        notes: Iterable[Note] = (),
    ) -> Signal:
        """What a reader found in `read`. It may only restrict until whoever observed it says so."""
        return Signal(
            source=source,
            standard=self.id,
            provenance=Provenance.SUPPLIED,
            preferences=MappingProxyType(dict(said)),
            access=access,
            revision=self.revision,
            parser=parser,
            digest=hashlib.sha256(read).digest(),
            terms=tuple(dict.fromkeys(terms)),
            notes=tuple(dict.fromkeys(notes))[:MOST_NOTES],
        )


@cache
def standards() -> Mapping[str, Standard]:
    """All of them, by id, in the order of the file; read once in a process."""
    written = tomllib.loads(_TABLES.read_text(encoding="utf-8"))
    if (version := written.pop("version")) != VERSION:
        raise ValueError(f"the label tables have version {version}, the code is for {VERSION}")
    return MappingProxyType({id_: _standard(id_, fields) for id_, fields in written.items()})


def together(said: Iterable[Preferences]) -> Preferences:
    """What several say at once: for each use, the most restrictive."""
    combined: dict[UsageCategory, Preference] = {}
    for preferences in said:
        for use, value in preferences.items():
            combined[use] = max(combined.get(use, value), value, key=_STRENGTH.index)
    return MappingProxyType(combined)


def _standard(id_: str, fields: dict[str, Any]) -> Standard:
    labels = {label: _preferences(said) for label, said in fields.pop("labels").items()}
    return Standard(id=id_, places=tuple(fields.pop("places")), labels=MappingProxyType(labels), **fields)


def _preferences(said: Mapping[str, str]) -> Preferences:
    return MappingProxyType({UsageCategory(use): Preference(value) for use, value in said.items()})
