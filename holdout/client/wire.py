"""What goes to a registry and what comes back, as values; who carries it is `sync` or `asynchronous`.

A *conversation* is a generator that yields steps (send this, wait that long) and gets back what came of each.
Everything the client knows is written once, as conversations, and needs no network to be tested.
"""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO, TypeVar

_T = TypeVar("_T")
_PART_BYTES = 1024 * 1024
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Upload:
    """A body that is read from a file as it is sent, from `start` on, again for each attempt."""

    file: BinaryIO
    start: int
    length: int

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(self.start)
        while part := self.file.read(_PART_BYTES):
            yield part


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `cost` units of the quota `quota` are what it will be charged."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    headers: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    body: bytes | Upload = b""
    quota: str = "calls"
    cost: int = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer, read to its end. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer came, or not all of it; whether the request arrived is not known."""

    why: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send `request`; comes back as `Reply` or `Broken`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Save:
    """Send `request` and write the body of an answer 200 to the file `to`; any other is read as by `Send`."""

    request: Request
    to: Path


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long; comes back as None."""

    seconds: float


Step = Send | Save | Wait
Heard = Reply | Broken | None
Conversation = Generator[Step, Heard, _T]
