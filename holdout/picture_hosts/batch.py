"""The host table's keys of many URLs at once, and of one."""

from typing import Final, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from holdout.picture_hosts.kernels import SPARE, find_keys
from holdout.picture_hosts.programs import MAX_SLOTS, programs
from holdout.urls import KeyKind, RuleKey

_T = TypeVar("_T", bound=np.generic)

_KINDS: Final = {4: KeyKind.PICTURE, 5: KeyKind.ACCOUNT}
_ROOM: Final = 1 << 16
"""Keys found in one round; there are as many rounds as it takes."""
_BYTES_A_ROW: Final = 64


class HostTableKeys(NamedTuple):
    """Keys of n rows: at most two of a row, the picture's before the account's; rows ascend."""

    row: NDArray[np.int64]
    kind: NDArray[np.uint8]
    """4 picture, 5 account."""
    start: NDArray[np.int64]
    length: NDArray[np.int32]
    """Of the text with its tag, which stands at text[start : start + length]."""
    text: NDArray[np.uint8]


def keys_of_rows(
    text: NDArray[np.uint8], start: NDArray[np.int64], length: NDArray[np.int32]
) -> HostTableKeys:
    """Row i has its SURT text at text[start[i] : start[i] + length[i]]; one of length 0 has no keys."""
    text, start, length = _frozen(text), _frozen(start), _frozen(length)
    table, slots = programs(), np.empty((MAX_SLOTS, 2), np.int64)
    longest = 2 * int(length.max(initial=0)) + SPARE
    lines, arenas = [], []
    row, offset, room = 0, 0, _ROOM
    while row < len(start):
        found = np.empty((min(2 * (len(start) - row) + 2, room), 4), np.int64)
        arena = np.empty(min(_BYTES_A_ROW * (len(start) - row), _BYTES_A_ROW * room) + longest, np.uint8)
        before = row
        row, count, used = map(int, find_keys(text, start, length, row, table, slots, found, arena))
        if row == before:
            raise AssertionError(f"there is no room for the keys of row {row}")
        found[:count, 2] += offset
        offset += used
        lines.append(found[:count])
        arenas.append(arena[:used])
    together = np.concatenate(lines) if lines else np.empty((0, 4), np.int64)
    return HostTableKeys(
        row=together[:, 0].copy(),
        kind=together[:, 1].astype(np.uint8),
        start=together[:, 2].copy(),
        length=together[:, 3].astype(np.int32),
        text=np.concatenate(arenas) if arenas else np.empty(0, np.uint8),
    )


def _frozen(array: NDArray[_T]) -> NDArray[_T]:
    """A view that cannot be written to: numba compiles anew for each of writable and not."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


def keys_of_one(surt: str) -> tuple[RuleKey, ...]:
    """The keys of the URL with this SURT text, by the same code."""
    octets = np.frombuffer(surt.encode(), np.uint8)
    found = keys_of_rows(octets, np.zeros(1, np.int64), np.array([octets.size], np.int32))
    return tuple(
        RuleKey(_KINDS[kind], found.text[start : start + length].tobytes().decode())
        for kind, start, length in zip(
            found.kind.tolist(), found.start.tolist(), found.length.tolist(), strict=True
        )
    )
