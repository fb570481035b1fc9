"""The keys of many URLs at once: what `holdout.urls` says of each, at a hundredth of the cost.

`url_keys` reads rows out of a buffer of bytes. A compiled loop takes nearly all; those that it does not
read go, one by one, to `holdout.urls.canonicalize`, and from there into the same columns. So each row has its
keys or its error, and none is left out.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from holdout._canonical import HANDED_OVER, SPARE, TOO_DEEP, canonical_rows
from holdout._words import (
    BLOCK,
    Word,
    address_of,
    inlined,
    inner,
    load64,
    mask_of,
    ones,
    store64,
    zeros_below,
)
from holdout._xxh3 import xxh3_64
from holdout.errors import InvalidInput
from holdout.index.records import TAGS, Kind
from holdout.picture_hosts.batch import keys_of_rows
from holdout.urls import MAX_DEPTH, MAX_URL_LENGTH, canonicalize

ERRORS: Final = ("", "url_invalid", "url_scheme_unsupported", "url_too_long", "url_too_deep")
"""What an error number means; 0 is none."""

_T = TypeVar("_T", bound=np.generic)

TAG_LENGTH: Final = 2
_EXTRA_BYTES: Final = 32
"""A row's share of the texts of extra keys."""


@dataclass(frozen=True, slots=True, eq=False)
class UrlKeys:
    """The keys of n rows, as `canonicalize` and `rule_keys` of `holdout.urls` make them.

    Row i's SURT text stands at `text[start[i] : start[i] + length[i]]`; the two bytes before it belong to
    nobody, so that a tag can be written there. A key's probe is the xxh3-64, seed 0, of its tag and text.
    """

    text: NDArray[np.uint8]
    start: NDArray[np.int64]
    length: NDArray[np.int32]
    """0 for a row with an error."""
    error: NDArray[np.uint8]
    """An index into `ERRORS`."""
    url_probe: NDArray[np.uint64]
    """The probe of each row's own key; 0 for a row with an error."""

    place_row: NDArray[np.int64]
    """The m keys of all paths, hosts and domains that the URLs lie in: rows ascend, and within a row the most
    specific key comes first. A row with an error has none."""
    place_kind: NDArray[np.uint8]
    """`holdout.index.records.Kind`."""
    place_length: NDArray[np.int32]
    """How much of the row's SURT text is the key's text, its tag not counted."""
    place_probe: NDArray[np.uint64]

    full_parser_rows: int
    """How many rows went to the full parser, at fifty times the cost of the others."""

    extra_row: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Further keys, with texts of their own: pictures and accounts."""
    extra_kind: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    extra_start: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Where in `text` the key's text begins, with its tag."""
    extra_length: NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    """With the tag."""
    extra_probe: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))

    def __len__(self) -> int:
        return len(self.start)


def url_keys(buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> UrlKeys:
    """The keys of the URLs at `buffer[starts[i] : ends[i]]`, each in UTF-8 (what is not is `url_invalid`).

    Takes contiguous arrays; ValueError for rows that do not lie in the buffer.
    """
    if len(starts) != len(ends) or np.any((starts < 0) | (ends < starts) | (ends > len(buffer))):
        raise ValueError("the rows do not lie in the buffer")
    rows = _canonical_rows(_frozen(buffer), _frozen(starts), _frozen(ends))
    extra = keys_of_rows(rows.text, rows.columns.start, rows.columns.length)
    extra_start = extra.start + rows.append(extra.text)
    url_probe, extra_probe = np.empty(len(starts), np.uint64), np.empty(len(extra.row), np.uint64)
    places = _Places.empty(rows.places)
    first = _write_keys(
        _frozen(rows.text),
        *rows.columns,
        url_probe,
        *places,
        _frozen(extra_start),
        _frozen(extra.length),
        extra_probe,
    )
    if first != _AHEAD:
        raise AssertionError(f"{len(places.row) - first} keys where {rows.places} were counted")
    return UrlKeys(
        text=rows.text[: rows.used],
        start=rows.columns.start,
        length=rows.columns.length,
        error=rows.columns.error,
        url_probe=url_probe,
        place_row=places.row[first:],
        place_kind=places.kind[first:],
        place_length=places.length[first:],
        place_probe=places.probe[first:],
        full_parser_rows=rows.full_parser_rows,
        extra_row=extra.row,
        extra_kind=extra.kind,
        extra_start=extra_start,
        extra_length=extra.length,
        extra_probe=extra_probe,
    )


def lines(buffer: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the lines of a text begin and end: `buffer[starts[i] : ends[i]]`.

    A line ends before a line feed or at the end of the buffer; a line feed at the very end begins no other
    line. An empty line is a line. A carriage return stays in its line, where a URL parser passes over it.
    """
    buffer = _frozen(buffer)
    ends = np.empty(_count_line_feeds(buffer) + 1, np.int64)
    count = _write_line_ends(buffer, ends)
    ends = ends[:count]
    starts = np.zeros(count, np.int64)
    starts[1:] = ends[:-1] + 1
    return starts, ends


def key_text(keys: UrlKeys, row: int, kind: int, length: int) -> bytes:
    """The text of one of the row's keys, which has `length` bytes, its tag included.

    That is how `holdout.index` names the keys that it has found. ValueError where the row has no such key.
    """
    if kind in (Kind.PICTURE, Kind.ACCOUNT):
        for i in np.flatnonzero((keys.extra_row == row) & (keys.extra_kind == kind)).tolist():
            if keys.extra_length[i] == length:
                begin = int(keys.extra_start[i])
                return keys.text[begin : begin + length].tobytes()
        raise ValueError("the row has no such key")
    begin, size = int(keys.start[row]), length - TAG_LENGTH
    is_prefix = kind in (Kind.URL, Kind.PATH, Kind.HOST, Kind.DOMAIN) and 0 <= size <= keys.length[row]
    if keys.error[row] or not is_prefix:
        raise ValueError("the row has no such key")
    return TAGS[kind] + keys.text[begin : begin + size].tobytes()


def probes(
    text: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int32]
) -> NDArray[np.uint64]:
    """The xxh3-64, seed 0, of each `text[start[i] : start[i] + length[i]]`. Takes contiguous arrays."""
    found = np.empty(len(start), np.uint64)
    nothing = np.empty(0, np.uint64)
    _write_keys(
        _frozen(text),
        *_Columns.empty(0),
        nothing,
        *_Places.empty(0),
        _frozen(start),
        _frozen(length),
        found,
    )
    return found


def warm() -> None:
    """Compile everything here, or load it from numba's cache, by using it on a few bytes."""
    buffer = np.frombuffer(b"https://example.com/a%20b\nftp://example.com/", np.uint8)
    url_keys(buffer, *lines(buffer))


class _Columns(NamedTuple):
    """What is known of each row when its text is written: where in it are the host and the path."""

    start: NDArray[np.int64]
    length: NDArray[np.int32]
    host_length: NDArray[np.int32]
    path_start: NDArray[np.int32]
    path_end: NDArray[np.int32]
    error: NDArray[np.uint8]

    @classmethod
    def empty(cls, rows: int) -> "_Columns":
        length, host_length, path_start, path_end = (np.zeros(rows, np.int32) for _ in range(4))
        error = np.zeros(rows, np.uint8)
        return cls(np.zeros(rows, np.int64), length, host_length, path_start, path_end, error)


class _Places(NamedTuple):
    """The columns of places, filled from their ends, with room ahead for what is written too much."""

    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    length: NDArray[np.int32]
    probe: NDArray[np.uint64]

    @classmethod
    def empty(cls, places: int) -> "_Places":
        size = places + _AHEAD
        row, kind = np.empty(size, np.int64), np.empty(size, np.uint8)
        return cls(row, kind, np.empty(size, np.int32), np.empty(size, np.uint64))


@dataclass(slots=True)
class _Rows:
    columns: _Columns
    text: NDArray[np.uint8]
    """Has `SPARE` bytes more than are used, or more."""
    used: int = 0
    places: int = 0
    full_parser_rows: int = 0

    def make_room(self, size: int) -> None:
        """Let `size` bytes and the spare ones fit behind what is used."""
        if self.used + size + SPARE > len(self.text):
            larger = np.empty(max(2 * len(self.text), self.used + size + SPARE), np.uint8)
            larger[: self.used] = self.text[: self.used]
            self.text = larger

    def append(self, octets: NDArray[np.uint8]) -> int:
        """Put these bytes behind what is used, and say where they begin."""
        self.make_room(len(octets))
        begin, self.used = self.used, self.used + len(octets)
        self.text[begin : self.used] = octets
        return begin


def _canonical_rows(buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64]) -> _Rows:
    n = len(starts)
    # A text is hardly ever longer than its row, and a third of the rows have an extra key; where that is not
    # enough, there is more room to be had. What is not used costs no memory.
    expected = int(ends.sum() - starts.sum()) + (TAG_LENGTH + _EXTRA_BYTES) * n
    rows = _Rows(_Columns.empty(n), np.empty(expected + 3 * MAX_URL_LENGTH + SPARE, np.uint8))
    row = 0
    while row < n:
        rows.make_room(3 * MAX_URL_LENGTH)
        row, rows.used, places = canonical_rows(
            buffer, starts, ends, row, rows.text, rows.used, *rows.columns
        )
        rows.places += places
    handed_over = np.flatnonzero(rows.columns.error == HANDED_OVER)
    if len(handed_over):
        _read_in_full(rows, handed_over, buffer, starts, ends)
    return rows


class _Full(NamedTuple):
    """One row as the full parser reads it."""

    error: int
    surt: str = ""
    host_length: int = 0
    path_start: int = 0
    path_end: int = 0


def _read_in_full(
    rows: _Rows,
    which: NDArray[np.int64],
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
) -> None:
    octets = buffer.data
    spans = zip(starts[which].tolist(), ends[which].tolist(), strict=True)
    read = [_full(bytes(octets[begin:end])) for begin, end in spans]
    rows.full_parser_rows = len(read)
    columns = rows.columns
    columns.error[which] = [one.error for one in read]
    columns.length[which] = lengths = np.array([len(one.surt) for one in read])
    columns.host_length[which] = [one.host_length for one in read]
    columns.path_start[which] = [one.path_start for one in read]
    columns.path_end[which] = [one.path_end for one in read]
    rows.places += sum(_places(one) for one in read if not one.error)

    texts = np.frombuffer("".join([f"  {one.surt}" for one in read]).encode("ascii"), np.uint8)
    columns.start[which] = rows.append(texts) + np.cumsum(lengths + TAG_LENGTH) - lengths


def _full(octets: bytes) -> _Full:
    # Bytes that are not UTF-8 become lone surrogates, one each, which the parser refuses.
    try:
        url = canonicalize(octets.decode("utf-8", "surrogateescape"))
    except InvalidInput as refusal:
        return _Full(ERRORS.index(refusal.code))
    if url.path.count("/") > MAX_DEPTH or url.host.count(".") > MAX_DEPTH:
        return _Full(TOO_DEEP)
    surt = url.surt
    path_end = len(surt) - (len(url.query) + 1 if url.query else 0)
    path_start = path_end - len(url.path)
    host_length = path_start - 1 - (len(url.port) + 1 if url.port else 0)
    return _Full(0, surt, host_length, path_start, path_end)


def _places(url: _Full) -> int:
    folders = url.surt.count("/", url.path_start, url.path_end)
    return folders + 2 + url.surt.count(",", 0, url.host_length)


_slash_mask: Final = mask_of(b"/")
_comma_mask: Final = mask_of(b",")
_line_feed_mask: Final = mask_of(b"\n")
_TAG_WORDS: Final = np.array([int.from_bytes(tag, "little") for tag in TAGS], np.uint64)
_URL, _PATH, _HOST, _DOMAIN = int(Kind.URL), int(Kind.PATH), int(Kind.HOST), int(Kind.DOMAIN)
# As much as one row writes: should somebody have counted wrong, it is found before it leaves the columns.
_AHEAD: Final = 2 * (MAX_DEPTH + 1) + 8
_EACH_BYTE: Final = np.uint64(0x0101010101010101)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)


@njit(cache=True, nogil=True)
def _write_keys(
    text: NDArray[np.uint8],
    start: NDArray[np.int64],
    length: NDArray[np.int32],
    host_length: NDArray[np.int32],
    path_start: NDArray[np.int32],
    path_end: NDArray[np.int32],
    error: NDArray[np.uint8],
    url_probe: NDArray[np.uint64],
    place_row: NDArray[np.int64],
    place_kind: NDArray[np.uint8],
    place_length: NDArray[np.int32],
    place_probe: NDArray[np.uint64],
    extra_start: NDArray[np.int64],
    extra_length: NDArray[np.int32],
    extra_probe: NDArray[np.uint64],
) -> int:
    """Write the probes of extra keys, and everything about the other keys of the rows.

    The columns of places are filled from their ends, the last row first. Returns where they begin then: at
    `_AHEAD`, or somebody has counted wrong.
    """
    for i in range(extra_start.shape[0]):
        extra_probe[i] = xxh3_64(address_of(text) + extra_start[i], extra_length[i])
    place: int = place_probe.shape[0]
    for row in range(start.shape[0] - 1, -1, -1):
        if error[row] != 0:
            url_probe[row] = 0
            continue
        surt, size, end = address_of(text) + start[row], host_length[row], place
        for block in range(0, size, BLOCK):
            commas = _comma_mask(surt + block) & _first(size - block)
            place = _write_places(commas, block, _DOMAIN, row, place, place_row, place_kind, place_length)
        place -= 2
        host = place
        place_row[host] = place_row[host + 1] = row
        place_kind[host], place_kind[host + 1] = _HOST, _DOMAIN
        place_length[host] = place_length[host + 1] = size
        for block in range(path_start[row], path_end[row], BLOCK):
            slashes = _slash_mask(surt + block) & _first(path_end[row] - block)
            place = _write_places(slashes, block + 1, _PATH, row, place, place_row, place_kind, place_length)
        if place < _AHEAD:
            break
        # A tag is written with the bytes behind it, in one word: a load of that word need then not wait.
        key, behind = surt - 2, load64(surt) << np.uint64(16)
        store64(key, behind | _TAG_WORDS[_URL])
        url_probe[row] = xxh3_64(key, 2 + length[row])
        first = place
        for kind in range(_PATH, _DOMAIN + 1):
            last = host if kind == _PATH else host + 1 if kind == _HOST else end
            store64(key, behind | _TAG_WORDS[kind])
            for i in range(np.uint64(first), np.uint64(last)):
                place_probe[i] = xxh3_64(key, 2 + place_length[i])
            first = last
    return place


@inlined
def _write_places(
    bits: Word,
    offset: int,
    kind: int,
    row: int,
    place: int,
    place_row: NDArray[np.int64],
    place_kind: NDArray[np.uint8],
    place_length: NDArray[np.int32],
) -> int:
    """Write a place of length `offset` + i for each bit i, the lowest just before `place`; returns the first.

    It writes eight at a time and without asking how many there are, which costs a third of a loop that asks;
    what is too much is written over by the next.
    """
    first = place - ones(bits)
    while True:
        eight = place - 8
        for i in range(7, -1, -1):
            place_length[np.uint64(eight + i)] = offset + zeros_below(bits)
            bits &= bits - _ONE
            store64(address_of(place_row) + 8 * (eight + i), np.uint64(row))
        store64(address_of(place_kind) + eight, np.uint64(kind) * _EACH_BYTE)
        if not bits:
            return first
        place = eight


@inner
def _first(count: int) -> Word:
    """That many low bits set, 1 or more; all from 64 on."""
    return _ALL >> np.uint64(max(0, BLOCK - count))


@njit(cache=True, nogil=True)
def _count_line_feeds(buffer: NDArray[np.uint8]) -> int:
    at, size = address_of(buffer), buffer.shape[0]
    count = 0
    for block in range(0, size - BLOCK + 1, BLOCK):
        count += ones(_line_feed_mask(at + block))
    for i in range(size // BLOCK * BLOCK, size):
        count += buffer[i] == 10
    return count


@njit(cache=True, nogil=True)
def _write_line_ends(buffer: NDArray[np.uint8], ends: NDArray[np.int64]) -> int:
    at, size = address_of(buffer), buffer.shape[0]
    count = 0
    for block in range(0, size - BLOCK + 1, BLOCK):
        feeds = _line_feed_mask(at + block)
        while feeds:
            ends[count] = block + zeros_below(feeds)
            count += 1
            feeds &= feeds - _ONE
    for i in range(size // BLOCK * BLOCK, size):
        if buffer[i] == 10:
            ends[count] = i
            count += 1
    if size and buffer[size - 1] != 10:
        ends[count] = size
        count += 1
    return count


def _frozen(array: NDArray[_T]) -> NDArray[_T]:
    """A view that cannot be written to: numba compiles anew for each of writable and not."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view
