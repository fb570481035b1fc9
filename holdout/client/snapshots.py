"""Snapshots: fetch the newest, by a delta where one leads there; and confirm what one found, by ranges."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from holdout.client.lookups import JSON
from holdout.client.retry import Terms, exchange
from holdout.client.wire import Conversation, Reply, Request, Send
from holdout.errors import AnswerUnusable, RequestRefused, SnapshotRefused
from holdout.signing import PublicKey
from holdout.verdicts import AsOf

if TYPE_CHECKING:
    from holdout.snapshot.files import Header
    from holdout.snapshot.ranges import Confirmed
    from holdout.snapshot.read import Hits

_REPLACED: Final = frozenset({"snapshot_unknown", "snapshot_too_old", "snapshot_unavailable"})
_TRIES: Final = 3
_Shape = TypeVar("_Shape")


class SnapshotFile(msgspec.Struct, frozen=True):
    """A file that can be fetched: a base (`since` 0), or what leads from `since` to `version`."""

    version: int
    since: int
    url: str
    bytes: int
    sha256: str


class SigningKey(msgspec.Struct, frozen=True):
    """A key that the registry says is its own. That is no reason to trust it."""

    id: str
    public_key: str


class Ranges(msgspec.Struct, frozen=True):
    """How hits may be confirmed: prefixes of so many `bits`, so many `prefixes` a call."""

    bits: int
    prefixes: int


class SnapshotList(msgspec.Struct, frozen=True):
    """What can be fetched."""

    version: int
    created: datetime
    expires: datetime
    log_index: int
    prefixes: int
    base: SnapshotFile | None
    deltas: list[SnapshotFile]
    public_keys: list[SigningKey]
    confirm: Ranges

    def to_fetch(self, have: int) -> list[SnapshotFile]:
        """The files that lead from version `have` (0: none) to the newest; a delta rather than a base.

        Raises `SnapshotRefused` (`snapshot_gap`) when nothing that is listed leads there.
        """
        if have == self.version:
            return []
        to_newest = {delta.since: delta for delta in self.deltas if delta.version == self.version}
        if have in to_newest:
            return [to_newest[have]]
        if self.base is not None and self.base.version == self.version:
            return [self.base]
        if self.base is not None and self.base.version in to_newest:
            return [self.base, to_newest[self.base.version]]
        raise SnapshotRefused(
            "snapshot_gap",
            f"Nothing that the registry lists leads to its newest version, {self.version}. Try again later.",
        )


def listed(terms: Terms) -> Conversation[SnapshotList]:
    """What there is."""
    return _decoded((yield from exchange(Send(Request("GET", "/v1/snapshots")), terms)), SnapshotList)


def fetch(
    folder: Path, public_keys: Sequence[PublicKey], terms: Terms, *, now: datetime
) -> Conversation["Header"]:
    """Bring a folder to the newest version; what is there already, and sound, is not fetched.

    Raises `SnapshotRefused`, and then the folder is as it was.
    """
    # Here, since the compiler behind snapshots takes a second to load, and a registry needs none.
    from holdout.snapshot.load import install, load

    for attempt in range(1, _TRIES + 1):
        newest = yield from listed(terms)
        try:
            contents = []
            for file in newest.to_fetch(_version_in(folder, public_keys)):
                contents.append((yield from _content(file, terms)))
            if contents:
                install(folder, *contents, public_keys=public_keys, now=now)
            return load(folder, public_keys=public_keys)[-1].header
        except RequestRefused as error:
            # Published anew between the list and the file.
            if error.code not in _REPLACED or attempt == _TRIES:
                raise
    raise AssertionError("unreachable")


def _version_in(folder: Path, public_keys: Sequence[PublicKey]) -> int:
    """0 where there is nothing, and where what is there is damaged or not trusted: it is fetched anew."""
    from holdout.snapshot.load import load

    try:
        return load(folder, public_keys=public_keys)[-1].header.version
    except SnapshotRefused:
        return 0


def _content(file: SnapshotFile, terms: Terms) -> Conversation[bytes]:
    reply = yield from exchange(Send(Request("GET", file.url)), terms)
    if hashlib.sha256(reply.body).hexdigest() != file.sha256:
        raise AnswerUnusable("snapshot_damaged", "The file that came is not the one that is listed.")
    return reply.body


class _Confirmation(msgspec.Struct):
    log_index: int
    time: datetime


def confirm(hits: "Hits", by: Ranges, terms: Terms) -> Conversation[tuple["Confirmed", AsOf | None]]:
    """What the registry says of all keys of some rows, without being told which are meant; and as of when."""
    from holdout.snapshot.ranges import Confirmed, Range, calls, confirmed

    class Answer(msgspec.Struct):
        as_of: _Confirmation
        ranges: list[Range]

    parts: list[Confirmed] = []
    as_of: AsOf | None = None
    for rows, texts in calls(hits, bits=by.bits, most=by.prefixes):
        ranges: list[Range] = []
        for start in range(0, len(texts), by.prefixes):  # more than once only for a row with very many keys
            part = texts[start : start + by.prefixes]
            body = msgspec.json.encode({"prefixes": part, "bits": by.bits})
            request = Request(
                "POST", "/v1/confirm", {}, {"content-type": JSON}, body, quota="lookups", cost=len(part)
            )
            said = _decoded((yield from exchange(Send(request), terms)), Answer)
            ranges += said.ranges
            moment = AsOf(said.as_of.log_index, said.as_of.time)
            as_of = moment if as_of is None else min(as_of, moment)
        parts.append(confirmed(rows, ranges, bits=by.bits))
    return Confirmed.together(parts), as_of


def _decoded(reply: Reply, shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.json.decode(reply.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AnswerUnusable("answer_unusable", f"The registry's answer cannot be read: {error}.") from error
