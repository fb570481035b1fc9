"""How the programs that fetch pictures for data sets read a site: rebuilt from what they were seen to do.

Not how they should: their faults are theirs, and a creator has to know them. Both read the header lines of
the answer that brings the picture, and nothing else of a site.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

Headers = Sequence[tuple[str, str]]

_OF_IMG2DATASET: Final = frozenset({"noai", "noimageai", "noindex", "noimageindex"})
_OF_DATADILIGENCE: Final = frozenset({"noai", "noimageai"})


def img2dataset(headers: Headers, *, agent: str | None = None) -> bool:
    """Whether img2dataset 1.47.0 keeps the picture; `agent` is its `--user_agent_token`, which is unset.

    It splits a line at the first colon, so that a date or a length in it hides what stands before.
    """
    for line in _lines(headers, "x-robots-tag"):
        scope, colon, directives = line.partition(":")
        if not colon:
            scope, directives = "", line
        said = {word.strip().lower() for word in directives.split(",")}
        if (not colon or scope.lower() == agent) and said & _OF_IMG2DATASET:
            return False
    return True


def datadiligence(headers: Headers, *, agent: str | None = None) -> bool:
    """Whether datadiligence 0.1.7 keeps the picture by its headers: `X-Robots-Tag`, `tdm-reservation`.

    It compares with case, takes what is said to other agents after a comma for itself, and knows no policy.
    """
    line = ", ".join(_lines(headers, "x-robots-tag"))
    for words in line.split(","):
        if words.strip() in _OF_DATADILIGENCE:
            return False
        scope, _, word = words.partition(":")
        if agent and words.count(":") == 1 and scope.strip() == agent and word.strip() in _OF_DATADILIGENCE:
            return False
    reservation = ", ".join(_lines(headers, "tdm-reservation"))
    return reservation.strip() != "1"


CLIENTS: Final[Mapping[str, Callable[..., bool]]] = MappingProxyType(
    {"img2dataset 1.47.0": img2dataset, "datadiligence 0.1.7": datadiligence}
)


def _lines(headers: Headers, name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]
