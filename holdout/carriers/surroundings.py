"""What stands round a picture, as it was seen: everything that the readers can be given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Lines = tuple[tuple[str, str], ...]
"""Names and values, repeated as they were repeated."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was seen round a picture. None and nothing: it was not looked at, or not there."""

    url: str | None = None
    """Of the picture: rules for a path need it."""
    agents: tuple[str, ...] = ()
    """Product tokens under which the crawler goes."""
    headers: Lines = ()
    """Of the answer that brought the picture."""
    robots: bytes | None = None
    ai_txt: bytes | None = None
    tdmrep: bytes | None = None
    """`/.well-known/tdmrep.json`."""
    metas: Lines = ()
    """Names (lower case) and contents of the page's meta elements, where its text is not at hand."""
    page: bytes | None = None
    """HTML of the page on which the picture stands."""
    xmp: bytes | None = None
    """The packet, where the file is not at hand."""
    file: bytes | None = None
    iscc: bytes | None = None
    """JSON that came with the picture's ISCC: its service metadata, or a TDM·AI declaration."""
    licences: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    """RSL documents, by the address at which they stand."""
