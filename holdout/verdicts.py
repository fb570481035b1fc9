"""What is asked and what is answered: frozen values that the server, the library and the receipts share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from holdout.errors import HoldoutError, InvalidInput
from holdout.vocabulary import UsageCategory

if TYPE_CHECKING:
    from holdout.carriers.surroundings import Surroundings
    from holdout.fingerprints.picture import PictureFingerprints


class Outcome(StrEnum):
    """The answer for one use, from the most to the least restrictive."""

    DENY = "deny"
    CONDITIONAL = "conditional"
    REVIEW = "review"
    """Something was found that may be a reserved picture; a person must look. Never an allow."""
    ALLOW = "allow"
    UNKNOWN = "unknown"
    """Looked, nothing said. It is not a permission."""


class Status(StrEnum):
    """Whether the registry could look at all; *failed* is neither unknown nor allow."""

    CHECKED = "checked"
    FAILED = "failed"


class Access(StrEnum):
    """What robots.txt says to the vendor's crawler; reported apart from use, either can block."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class MatchMethod(StrEnum):
    """How a statement was found for a query."""

    EXACT_FILE = "exact_file"
    """The same bytes, the same decoded pixels or the same ISCC."""
    URL = "url"
    PICTURE = "picture"
    """The same picture on a known host, under another size, format, server or signature."""
    PATH = "path"
    ACCOUNT = "account"
    """The account that the URL itself names as the picture's."""
    HOST = "host"
    DOMAIN = "domain"
    PAGE = "page"
    """A place of the page on which the caller found the picture, or the account that the caller names."""
    SAME_PICTURE = "same_picture"
    """A near copy; like the next two confirmed point by point (`holdout.index.looks`)."""
    CONTAINS = "contains"
    """The asked picture contains the registered one: a frame, a screenshot, a collage."""
    PART_OF = "part_of"
    """The asked picture is a part of the registered one."""
    CODES = "codes"
    """Perceptual codes alone: they can be forged, so never more than review."""
    POSSIBLE = "possible"
    """Few points agree, or only an element that both pictures show: for review."""


@dataclass(frozen=True, slots=True, order=True)
class AsOf:
    """The moment a verdict speaks of: the declarations log's index, and the time that maps to it (UTC)."""

    log_index: int
    time: datetime


@dataclass(frozen=True, slots=True)
class Query:
    """One asked picture, by any mix of keys. Raises `InvalidInput` (`query_has_no_key`) without any.

    `codes` maps a perceptual algorithm's id to one or more codes of that picture (its orientations).
    `fingerprints` (a query's, `holdout.fingerprints`) ask about it as the very file and by how it looks.
    `signals` are no key: what the caller saw round the picture counts beside what is found, and only
    restricts.
    """

    url: str | None = None
    sha256: bytes | None = None
    page_url: str | None = None
    """Where the caller found the picture, and"""
    account: str | None = None
    """whose it was there (`platform:user`); neither is evidence of ours, so both may only restrict."""
    codes: Mapping[str, tuple[bytes, ...]] = field(default_factory=lambda: MappingProxyType({}))
    fingerprints: "PictureFingerprints | None" = None
    signals: "Surroundings | None" = None

    def __post_init__(self) -> None:
        keys = (self.url, self.sha256, self.page_url, self.account, self.fingerprints)
        if all(key is None for key in keys) and not any(self.codes.values()):
            raise InvalidInput("query_has_no_key", "Give a url, a sha256, codes, fingerprints or a picture.")


class Covered(StrEnum):
    """How much of the registered picture is seen in the asked one, roughly."""

    SMALL = "small"
    """Less than a quarter."""
    HALF = "half"
    """Less than three quarters."""
    MOST = "most"


@dataclass(frozen=True, slots=True)
class Seen:
    """How a near copy shows the registered picture, as coarsely as a vendor may know."""

    mirrored: bool
    inverted: bool
    covered: Covered


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an outcome is what it is, in terms that tell a vendor nothing about whose picture it is.

    `source` is a statement's, grant's or signal's public id; `uses` are those it decided or supported.
    """

    source: str
    method: str
    assurance: int | None
    outcomes: Mapping[UsageCategory, Outcome]
    seen: Seen | None = None
    """For near copies that were compared point by point."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one query.

    A `checked` verdict has an outcome for each of the five uses. A `failed` one has none and carries `error`.
    """

    status: Status
    as_of: AsOf | None
    uses: Mapping[UsageCategory, Outcome] = field(default_factory=lambda: MappingProxyType({}))
    access: Access = Access.UNKNOWN
    reasons: tuple[Reason, ...] = ()
    disputed: bool = False
    error: HoldoutError | None = None

    @classmethod
    def failed(cls, error: HoldoutError, *, as_of: AsOf | None = None) -> "Verdict":
        """A query that could not be answered, and why."""
        return cls(status=Status.FAILED, as_of=as_of, error=error)
