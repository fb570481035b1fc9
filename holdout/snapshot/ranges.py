"""Ranges of keys: asking the registry what it says without telling it which key is meant.

A range is all keys whose probes begin with the same bits; its text is those bits as a number in hex. The
registry answers with every key of the range that something is said of, and the caller looks for its own among
them. To be of use all keys of a URL are asked for, not only the exact one: who leaves out the domain does not
see what the domain says. Ask for many pictures in one call: the ranges of a single URL, taken together, fit
few other URLs.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdout.errors import AnswerUnusable, InvalidInput
from holdout.snapshot.codes import ASK, BITS, CODES, FAILED, LAST
from holdout.snapshot.read import Hits

MAX_BITS: Final = 32
KEY_BYTES: Final = 16
_PROBE_BITS: Final = 64
_HEX: Final = frozenset("0123456789abcdef")


def range_texts(keys: NDArray[np.uint8], *, bits: int) -> list[str]:
    """The ranges in which these packed keys (n, 16) lie: each once and in order, which tells nothing more."""
    return _texts(set(_numbers(keys, bits).tolist()), bits)


def calls(asked: Hits, *, bits: int, most: int) -> Iterator[tuple[Hits, list[str]]]:
    """`asked` in parts of whole rows, and the ranges of each: at most `most`, unless a single row has more.

    The ranges of a row belong into one call, since the registry sees an exception between two places of one
    declarant only where it is asked about both.
    """
    first = np.flatnonzero(np.diff(asked.row, prepend=-1))
    numbers = _numbers(asked.key, bits).tolist()
    begin, ranges = 0, set[int]()
    ends = np.append(first[1:], len(numbers))[: len(first)]
    for start, end in zip(first.tolist(), ends.tolist(), strict=True):
        more = ranges.union(numbers[start:end])
        if len(more) > most and ranges:
            yield _part(asked, begin, start), _texts(ranges, bits)
            begin, more = start, set(numbers[start:end])
        ranges = more
    if ranges:
        yield _part(asked, begin, len(numbers)), _texts(ranges, bits)


def range_bounds(text: str, *, bits: int) -> tuple[int, int]:
    """The first and the last probe of a range. Raises `InvalidInput` (`confirm_prefix_malformed`)."""
    digits = _digits(bits)
    number = int(text, 16) if len(text) == digits and _HEX.issuperset(text) else -1
    if number < 0 or number >> bits:
        raise InvalidInput(
            "confirm_prefix_malformed", f"Write a prefix of {bits} bits as a number in {digits} hex digits."
        )
    free = _PROBE_BITS - bits
    return number << free, (number + 1 << free) - 1


class Range(msgspec.Struct, frozen=True):
    """What the registry says of one range: as many codes and lists of statements as keys, or an error."""

    prefix: str
    keys: bytes = b""
    """Packed, one after the other; base64 on the wire."""
    codes: tuple[int, ...] = ()
    """`holdout.snapshot.codes`: what is said of each key by itself."""
    sources: tuple[tuple[str, ...], ...] = ()
    """The statements behind it."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the registry says of the rows that were asked about; rows ascending, each once."""

    row: NDArray[np.int64]
    code: NDArray[np.uint8]
    """0: nothing, the hit was a false one. `ASK`: only a lookup that names the keys can say. `FAILED`: not
    answered, hold it back."""
    sources: list[tuple[str, ...]]

    @classmethod
    def together(cls, parts: Sequence["Confirmed"]) -> "Confirmed":
        """What several calls came to, about different rows, in order."""
        row = np.concatenate([np.empty(0, np.int64), *(part.row for part in parts)])
        code = np.concatenate([np.empty(0, np.uint8), *(part.code for part in parts)])
        return cls(row, code, [sources for part in parts for sources in part.sources])


def confirmed(asked: Hits, ranges: Iterable[Range], *, bits: int) -> Confirmed:
    """The codes of the rows in `asked` (every key of each), by what the registry answered for their ranges.

    Raises `AnswerUnusable` (`answer_malformed`) when a range's columns do not fit together.
    """
    by_prefix = {one.prefix: one for one in ranges}
    said = {key: told for one in by_prefix.values() for key, told in _told(one)}
    row, first = np.unique(asked.row, return_index=True)
    part = np.repeat(np.arange(len(row)), np.diff(first, append=len(asked.row)))
    together, failed = np.zeros(len(row), np.uint16), np.zeros(len(row), np.bool_)
    sources: list[dict[str, None]] = [{} for _ in row]
    numbers = _numbers(asked.key, bits).tolist()
    for i, number, key in zip(part.tolist(), numbers, _bytes(asked.key), strict=True):
        answered = by_prefix.get(_text(number, bits))
        if answered is None or answered.error is not None:
            failed[i] = True
        elif key in said:
            one_code, statements = said[key]
            together[i] |= BITS[one_code]
            sources[i].update(dict.fromkeys(statements))
    code = CODES[together]
    code[failed] = FAILED
    return Confirmed(row, code, [tuple(found) for found in sources])


def _told(one: Range) -> Iterable[tuple[bytes, tuple[int, tuple[str, ...]]]]:
    whole = len(one.keys) == KEY_BYTES * len(one.codes) and len(one.codes) == len(one.sources)
    if not whole or not all(1 <= code <= LAST or code == ASK for code in one.codes):
        raise AnswerUnusable("answer_malformed", f"The answer for the range {one.prefix} is not whole.")
    keys = (one.keys[i : i + KEY_BYTES] for i in range(0, len(one.keys), KEY_BYTES))
    return zip(keys, zip(one.codes, one.sources, strict=True), strict=True)


def _numbers(keys: NDArray[np.uint8], bits: int) -> NDArray[np.uint64]:
    probes = np.ascontiguousarray(keys[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
    # In two steps: a shift by 64, which a registry with few keys asks for, is undefined.
    return probes >> np.uint64(_PROBE_BITS - 1 - bits) >> np.uint64(1)


def _bytes(keys: NDArray[np.uint8]) -> list[bytes]:
    octets = np.ascontiguousarray(keys).tobytes()
    return [octets[i : i + KEY_BYTES] for i in range(0, len(octets), KEY_BYTES)]


def _part(asked: Hits, start: int, end: int) -> Hits:
    return Hits(asked.row[start:end], asked.key[start:end])


def _texts(numbers: Iterable[int], bits: int) -> list[str]:
    return [_text(number, bits) for number in sorted(numbers)]


def _digits(bits: int) -> int:
    return max(1, -(-bits // 4))


def _text(number: int, bits: int) -> str:
    return f"{number:0{_digits(bits)}x}"
