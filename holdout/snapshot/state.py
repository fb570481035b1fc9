"""What a snapshot says, as arrays; what changed between two; and the digest by which both sides know the
same.

Keys that share their 40 bits share an entry: it says what they all say, or `ASK`.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from holdout.snapshot.codes import ASK
from holdout.snapshot.rice import PREFIX_BITS

_CODE_BITS: Final = np.uint64(8)
_SHIFT: Final = np.uint64(64 - PREFIX_BITS)


def prefixes_of(probe: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The 40 most significant bits of probes, as numbers."""
    return probe >> _SHIFT


@dataclass(frozen=True, slots=True)
class State:
    """Prefixes, ascending and distinct, and the code of each."""

    prefix: NDArray[np.uint64]
    code: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.prefix)

    @classmethod
    def empty(cls) -> Self:
        return cls(np.empty(0, np.uint64), np.empty(0, np.uint8))

    @classmethod
    def of(cls, probe: NDArray[np.uint64], code: NDArray[np.uint8]) -> Self:
        """The state of keys with these probes, in any order, and codes; a key with code 0 is left out."""
        said = code != 0
        together = np.sort(_joined(prefixes_of(probe[said]), code[said]))
        prefix, code = together >> _CODE_BITS, together.astype(np.uint8)
        first = np.flatnonzero(np.diff(prefix, prepend=np.uint64(2**PREFIX_BITS)))
        last = np.append(first[1:], len(prefix))[: len(first)] - 1
        # Codes of one prefix are sorted too: when the first is the last, all are equal.
        return cls(prefix[first], np.where(code[first] == code[last], code[first], np.uint8(ASK)))

    def digest(self) -> bytes:
        """SHA-256 of all prefixes, five big-endian bytes each, and then all codes."""
        octets = self.prefix.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 8 - PREFIX_BITS // 8 :]
        digest = sha256(octets.tobytes())
        digest.update(self.code.tobytes())
        return digest.digest()


@dataclass(frozen=True, slots=True)
class Change:
    """What turns one state into another: entries to set, whether they are there or not, and to remove."""

    entries: State
    removed: NDArray[np.uint64]
    """Prefixes, ascending and distinct, none of them in `entries`; they need not be there."""

    @classmethod
    def from_nothing(cls, state: State) -> Self:
        return cls(state, np.empty(0, np.uint64))

    def __len__(self) -> int:
        return len(self.entries) + len(self.removed)


def difference(before: State, after: State) -> Change:
    """The smallest change for which `changed(before, it)` is `after`."""
    old, new = _joined(before.prefix, before.code), _joined(after.prefix, after.code)
    fresh = ~_within(new, old)
    return Change(
        entries=State(after.prefix[fresh], after.code[fresh]),
        removed=before.prefix[~_within(before.prefix, after.prefix)],
    )


def changed(state: State, change: Change) -> State:
    """The state after a change."""
    if not len(state):
        return change.entries
    kept = ~(_within(state.prefix, change.entries.prefix) | _within(state.prefix, change.removed))
    return _merged(State(state.prefix[kept], state.code[kept]), change.entries)


def composed(first: Change, then: Change) -> Change:
    """One change that does what `first` and `then` one after the other do."""
    entries = changed(first.entries, then)
    gone = np.sort(np.concatenate([first.removed, then.removed]))
    gone = gone[np.flatnonzero(np.diff(gone, prepend=np.uint64(2**PREFIX_BITS)))]
    return Change(entries, gone[~_within(gone, entries.prefix)])


def _joined(prefix: NDArray[np.uint64], code: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Prefix and code as one number, which sorts like the prefix."""
    return prefix << _CODE_BITS | code


def _merged(one: State, other: State) -> State:
    """Two states without a common prefix as one."""
    place = np.searchsorted(one.prefix, other.prefix)
    return State(np.insert(one.prefix, place, other.prefix), np.insert(one.code, place, other.code))


def _within(some: NDArray[np.uint64], all_: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of `some` are among `all_`; both ascending."""
    small, large = (some, all_) if len(some) < len(all_) else (all_, some)
    place = np.searchsorted(large, small)
    found = np.zeros(len(small), dtype=np.bool_)
    inside = place < len(large)
    found[inside] = large[place[inside]] == small[inside]
    if small is some:
        return found
    within = np.zeros(len(some), dtype=np.bool_)
    within[place[found]] = True
    return within
