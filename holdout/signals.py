"""What a site or a file says by itself: the values that the readers in `holdout.carriers` give."""

from dataclasses import dataclass
from enum import StrEnum

from holdout.verdicts import Access
from holdout.vocabulary import Preferences


class Provenance(StrEnum):
    """Where a signal comes from, which decides whether it may permit."""

    OBSERVED = "observed"
    """Read by us at its own host."""
    SUPPLIED = "supplied"
    """Passed in by the caller, or unsigned metadata: may only restrict."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader noticed that its writer, or whoever relies on it, should know.

    `code` names an entry of `holdout.carriers.notes`, where its words stand; `text` is the part of the
    source that it is about, shortened.
    """

    code: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """What one standard says in one place, already resolved inside that standard.

    A signal without preferences says nothing of use: the place was read, and it is silent, broken (a note
    says so) or about access alone.
    """

    source: str
    """Where it was read, for people: `robots.txt`, `header Content-Usage`."""
    standard: str
    """Id in `holdout.carriers.standards`."""
    provenance: Provenance
    preferences: Preferences
    access: Access = Access.UNKNOWN
    revision: str = ""
    """Of the standard, as its label table was made for."""
    parser: int = 0
    """Version of the reader."""
    digest: bytes = b""
    """SHA-256 of what was read."""
    terms: tuple[str, ...] = ()
    """Addresses at which conditions or licences stand."""
    notes: tuple[Note, ...] = ()
