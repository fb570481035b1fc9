"""Near copies: the pictures of a batch that look like registered ones, and what is said of those.

A registered picture is named by its file's digest, and what is said of it stands in the index under that: a
withdrawal takes effect at once. No query to PostgreSQL.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType
from typing import Final

import numpy as np

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
class Near:
    """What was found for a batch, and the rows whose pictures could not be compared."""

    lines: Lines
    failed: Mapping[int, HoldoutError]


_Pairs = dict[tuple[int, bytes], tuple[int, int]]
"""(row, digest of a registered picture) -> (method, seen) as `Lines` has them, of what is most certain."""


def near_lines(batch: Batch, view: View, *, exact: Lines) -> Near:
    """The statements about registered pictures that the batch's pictures look like.

    What `exact` has for a row already, found as the very file, is left out.
    """
    failed: dict[int, HoldoutError] = {}
    pairs: _Pairs = {}
    for row, likeness in chain(_by_codes(batch, view), _by_looks(batch, view, failed)):
        pair, found = (row, likeness.digest), (METHOD_CODE[MatchMethod(likeness.kind)], _seen(likeness))
        pairs[pair] = min(pairs.get(pair, found), found)
    return Near(_without(_lines_of(pairs, view), exact), failed)


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


def _seen(likeness: Likeness) -> int:
    if not likeness.affine:
        return SEEN_CODE[None]
    covered = likeness.covered
    much = Covered.SMALL if covered < _HALF else Covered.HALF if covered < _MOST else Covered.MOST
    return SEEN_CODE[Seen(likeness.mirrored, likeness.inverted, much)]


def _lines_of(pairs: _Pairs, view: View) -> Lines:
    """What is said of each pair's picture, as a line of its row.

    Raises `InvalidInput` (`answer_too_large`) before more are gathered than memory should hold.
    """
    if not pairs:
        return Lines.together([])
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
    method, seen = (np.array([pairs[pair][i] for pair in ordered], dtype=np.uint8) for i in (0, 1))
    return Lines(
        row=np.repeat(np.array([row for row, _ in ordered], dtype=np.int64), times),
        method=np.repeat(method, times),
        specificity=np.zeros(len(within), dtype=np.int64),
        record=said.record[np.repeat(first[which], times) + within],
        seen=np.repeat(seen, times),
    )


def _without(lines: Lines, exact: Lines) -> Lines:
    """The lines of statements that are not found for their rows as the very file."""
    if not len(lines) or not len(exact):
        return lines
    exact = exact.where(np.isin(exact.row, lines.row))
    known = set(zip(exact.row.tolist(), exact.record["statement"].tolist(), strict=True))
    mine = zip(lines.row.tolist(), lines.record["statement"].tolist(), strict=True)
    return lines.where(np.array([pair not in known for pair in mine], dtype=np.bool_))
