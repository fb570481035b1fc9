"""Near copies: the pictures of a batch that look like registered ones, and what is said of those.

A registered picture is named by its file's digest, and what is said of it stands in the index under that: a
withdrawal takes effect at once. No query to PostgreSQL.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.errors import HoldoutError, InvalidInput
from holdout.fingerprints.algorithms import PDQ_256, PHASH_256
from holdout.index.looks import Family, Kind, Likeness, alike, likenesses
from holdout.index.read import View
from holdout.index.view import ANSWER_TOO_LARGE, MAX_LINES
from holdout.verdicts import Covered, MatchMethod, Seen
from lookup.batch import Batch
from lookup.decisions import METHOD_CODE, SEEN_CODE, Lines

logger = logging.getLogger(__name__)

COMPARED: Final[Mapping[str, Family]] = MappingProxyType({PHASH_256.id: "phash", PDQ_256.id: "pdq"})
"""The algorithms whose codes the index compares."""

_HALF: Final = 0.25
_MOST: Final = 0.75


@dataclass(frozen=True, slots=True)
class Sight:
    """How a row's picture lies on a registered one: for that one's declarant alone."""

    row: int
    statement: bytes
    """The 128 bits of a statement's public id."""
    likeness: Likeness


@dataclass(frozen=True, slots=True)
class Near:
    """What was found for a batch, and the rows whose pictures could not be compared."""

    lines: Lines
    failed: Mapping[int, HoldoutError]
    sights: Sequence[Sight] = ()


_MOST_SIGHTS: Final = 100
"""Of a batch: they are for people to look at."""

_Pairs = dict[tuple[int, bytes], Likeness]
"""(row, digest of a registered picture) -> the most certain likeness."""


def near_lines(batch: Batch, view: View, *, exact: Lines) -> Near:
    """The statements about registered pictures that the batch's pictures look like.

    What `exact` has for a row already, found as the very file, is left out.
    """
    failed: dict[int, HoldoutError] = {}
    pairs: _Pairs = {}
    for row, likeness in chain(_by_codes(batch, view), _by_looks(batch, view, failed)):
        pair = row, likeness.digest
        if pair not in pairs or _said(likeness) < _said(pairs[pair]):
            pairs[pair] = likeness
    lines, of = _lines_of(pairs, view)
    new = _not_among(exact, lines)
    return Near(lines.where(new), failed, _sights(lines, of, new))


def _sights(lines: Lines, of: Sequence[Likeness], new: NDArray[np.bool_]) -> list[Sight]:
    """Of each statement the first that is seen, `_MOST_SIGHTS` in all."""
    found: dict[bytes, Sight] = {}
    for i in np.flatnonzero(new).tolist():
        statement = lines.record["statement"][i].tobytes()
        if of[i].outline and statement not in found:
            found[statement] = Sight(int(lines.row[i]), statement, of[i])
            if len(found) == _MOST_SIGHTS:
                break
    return list(found.values())


def _by_codes(batch: Batch, view: View) -> Iterator[tuple[int, Likeness]]:
    for algorithm, family in COMPARED.items():
        asked: dict[bytes, list[int]] = defaultdict(list)
        for row, by_algorithm in batch.codes.items():
            for code in by_algorithm.get(algorithm, ()):
                asked[code].append(row)
        if not asked:
            continue
        distinct = list(asked)
        codes = np.frombuffer(b"".join(distinct), dtype=np.uint8).reshape(-1, 32)
        for number, digest in alike(family, codes, view.pictures):
            yield from ((row, Likeness(digest, Kind.CODES)) for row in asked[distinct[number]])


def _by_looks(batch: Batch, view: View, failed: dict[int, HoldoutError]) -> Iterator[tuple[int, Likeness]]:
    for row, taken in batch.looks.items():
        try:
            found = likenesses(taken.panes, view.pictures)
        except Exception:
            # Whatever it was: a picture that nobody compared must not come out as one that nobody reserved.
            logger.exception("a picture could not be compared")
            failed[row] = InvalidInput("picture_not_compared", "This picture could not be compared.")
        else:
            yield from ((row, likeness) for likeness in found)


def _said(likeness: Likeness) -> tuple[int, int]:
    """Method and `seen`, as `Lines` has them; the more certain first."""
    return METHOD_CODE[MatchMethod(likeness.kind)], _seen(likeness)


def _seen(likeness: Likeness) -> int:
    if not likeness.affine:
        return SEEN_CODE[None]
    covered = likeness.covered
    much = Covered.SMALL if covered < _HALF else Covered.HALF if covered < _MOST else Covered.MOST
    return SEEN_CODE[Seen(likeness.mirrored, likeness.inverted, much)]


def _lines_of(pairs: _Pairs, view: View) -> tuple[Lines, list[Likeness]]:
    """What is said of each pair's picture, as a line of its row; and the likeness of each line.

    Raises `InvalidInput` (`answer_too_large`) before more are gathered than memory should hold.
    """
    if not pairs:
        return Lines.together([]), []
    place = {digest: i for i, digest in enumerate(dict.fromkeys(digest for _, digest in pairs))}
    said = view.files(np.frombuffer(b"".join(place), dtype=np.uint8).reshape(-1, 32))
    ordered = sorted(pairs)
    which = np.array([place[digest] for _, digest in ordered])
    counts = np.bincount(said.row, minlength=len(place))
    first = np.cumsum(counts) - counts
    times = counts[which]
    if int(times.sum()) > MAX_LINES:
        raise InvalidInput(
            ANSWER_TOO_LARGE, "What is said about these pictures is too much for one answer; send fewer."
        )
    within = np.arange(int(times.sum())) - np.repeat(np.cumsum(times) - times, times)
    method, seen = np.array([_said(pairs[pair]) for pair in ordered], dtype=np.uint8).T
    lines = Lines(
        row=np.repeat(np.array([row for row, _ in ordered], dtype=np.int64), times),
        method=np.repeat(method, times),
        specificity=np.zeros(len(within), dtype=np.int64),
        record=said.record[np.repeat(first[which], times) + within],
        seen=np.repeat(seen, times),
    )
    likenesses_ = [pairs[pair] for pair in ordered]
    return lines, [likenesses_[i] for i in np.repeat(np.arange(len(ordered)), times).tolist()]


def _not_among(exact: Lines, lines: Lines) -> NDArray[np.bool_]:
    """The lines of statements that are not found for their rows as the very file."""
    if not len(lines) or not len(exact):
        return np.ones(len(lines), dtype=np.bool_)
    exact = exact.where(np.isin(exact.row, lines.row))
    known = set(zip(exact.row.tolist(), exact.record["statement"].tolist(), strict=True))
    mine = zip(lines.row.tolist(), lines.record["statement"].tolist(), strict=True)
    return np.array([pair not in known for pair in mine], dtype=np.bool_)
