"""What a query's panes look like among registered pictures: candidates by codes and keypoints, then geometry.

Codes can be forged and keypoints of one logo stand in many pictures, so that only a placement on which enough
keypoints agree, over enough of either picture, says that something *is* a registered picture.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.local.keypoints import REGISTERED_COUNT, SCALE_STEPS, query_keypoints
from holdout.fingerprints.local.signatures import VARIANTS, projected, signatures, trained, variants
from holdout.fingerprints.picture import Pane
from holdout.index.cells import probed_cells
from holdout.index.codes import CodeTable
from holdout.index.geometry import UNIT, area, hull, inside_share, matches, place
from holdout.index.kernels import frozen
from holdout.index.pictures import PictureTable, Standing, standings

CANDIDATES: Final = 20
"""Pairs of a pane and a variant that geometry looks at, for each pane of a query."""
_PROBES: Final = 8
"""Cells that each keypoint is looked for in."""
_LEAST_VOTES: Final = 3

LEAST: Final = 8
"""Inliers below which a placement says nothing."""
POSSIBLE: Final = 10
"""Inliers from which on a placement is possible, however alike they are (in 138,273 pairs of unrelated
pictures the most were 9);
"""
LIKELY: Final = 20
"""or evidence, of fewer. It is counted in bits:"""
_EVEN: Final = 10
"""a match speaks for a copy by as many bits as its signatures differ in less than this, and against it by as
many as they differ in more.

Points of copies differ in 0 to 8 bits. Those of the same sign drawn by another hand, or of another map of
the world, lie the same way as often, and differ in 7 to 14.
"""
CERTAIN: Final = 12
"""Inliers from which on a placement is certain where a code of either family is near too; and elsewhere"""
ASSERTED: Final = 36
"""with so much evidence, where it is exact."""
_EXACT: Final = 2.0
"""By how much (`_missed`) an exact placement misses at most. Copies miss by 0.8 to 1.5, since a registered
place is kept in steps of 2; photographs of a screen, and signs drawn by another hand, by 2 to 4. For each
unit beyond it
"""
_INEXACT: Final = 60
"""so much more evidence is wanted: photographs have it."""
_SIMPLE: Final = REGISTERED_COUNT
"""A registered picture with fewer keypoints, those of little contrast included, is a simple drawing. Any hand
draws the parts of such a one alike; only places and proportions differ, so that
"""
_EXACT_IF_SIMPLE: Final = 1.7
"""no placement on it is certain that misses by more."""
_COVERED: Final = 0.35
"""The share of either picture's keypoints inside what agrees: below it, they share an element."""
_MARGIN: Final = 12.0
_SAME: Final = 0.75
"""The share of either frame inside the other from which on it is the same picture, and not a part."""
_GRID: Final = 16
_CORNERS: Final = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)


Family = Literal["phash", "pdq"]
"""Whose codes are compared with each other: a `PictureTable`'s columns."""


class Kind(StrEnum):
    """What a query's picture is to a registered one."""

    SAME_PICTURE = "same_picture"
    CONTAINS = "contains"
    """The query contains the registered picture."""
    PART_OF = "part_of"
    """The query is a part of it."""
    CODES = "codes"
    """They look alike as a whole, which nothing else confirms."""
    POSSIBLE = "possible"
    """Little agrees, or only an element that both share."""


ASSERTING: Final = frozenset({Kind.SAME_PICTURE, Kind.CONTAINS, Kind.PART_OF})
_ORDER: Final = {kind: i for i, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a query's picture is like one registered picture."""

    digest: bytes
    """SHA-256 of the registered picture's file."""
    kind: Kind
    inliers: int = 0
    mirrored: bool = False
    inverted: bool = False
    covered: float = 0.0
    """The share of the registered picture's area inside what agrees."""
    affine: tuple[float, ...] = ()
    """From the query's pane to the registered one (row by row): lengths in `UNIT`ths of the longest side."""
    outline: tuple[float, ...] = ()
    """Where the query's pane lies on the registered one, for the declarant's eyes: x, y of its four corners,
    as shares of that one's width and height.
    """
    extent: tuple[float, ...] = ()
    """Width and height of that registered pane, in `UNIT`ths of its longest side."""

    @property
    def order(self) -> tuple[int, int]:
        """The more certain first."""
        return _ORDER[self.kind], -self.inliers


def likenesses(
    panes: Sequence[Pane], tables: Sequence[PictureTable], *, quarantine: bool = True
) -> list[Likeness]:
    """The registered pictures like a query's panes, each once, as it is most certain; the most certain first.

    `tables` in order: what a later one says of a picture counts. Without `quarantine` what is quarantined
    is named as what is live.
    """
    live = [(t, word) for t, word in _with_standings(tuple(tables)) if len(t.asset)]
    if not quarantine:
        live = [(t, np.where(w == Standing.QUARANTINED, np.uint8(Standing.LIVE), w)) for t, w in live]
    best: dict[bytes, Likeness] = {}
    for pane in panes:
        asked = _Asked(pane)
        for table, standing in live:
            for found in _found(asked, table, standing):
                if found.digest not in best or found.order < best[found.digest].order:
                    best[found.digest] = found
    return sorted(best.values(), key=lambda found: (found.order, found.digest))


def alike(
    family: Family, codes: NDArray[np.uint8], tables: Sequence[PictureTable]
) -> Iterator[tuple[int, bytes]]:
    """The registered pictures with a code of that family near one of these (n, 32).

    Yields which code, and the digest of the picture's file; a pair may come several times.
    """
    for table, standing in _with_standings(tuple(tables)):
        known: CodeTable = getattr(table, family)
        near = known.within(codes)
        picture = table.asset[near.number]
        live = standing[picture] != Standing.GONE
        for code, i in zip(near.query_index[live].tolist(), picture[live].tolist(), strict=True):
            yield code, table.digest[i].tobytes()


@lru_cache(maxsize=2)
def _with_standings(tables: tuple[PictureTable, ...]) -> list[tuple[PictureTable, NDArray[np.uint8]]]:
    """Kept for the tables that were asked last: thousands of pictures are compared with the same ones."""
    return list(zip(tables, standings(tables), strict=True))


class _Asked:
    """A query's pane, made ready to be compared with every table."""

    def __init__(self, pane: Pane) -> None:
        left, top, right, bottom = pane.box
        self.extent = UNIT * np.array([right - left, bottom - top]) / max(right - left, bottom - top)
        self.codes = {
            name: np.frombuffer(b"".join(codes), dtype=np.uint8).reshape(-1, 32)
            for name, codes in (("phash", pane.phash), ("pdq", pane.pdq))
        }
        keypoints = query_keypoints(pane.keypoints)
        by = trained()
        along = projected(variants(keypoints["descriptor"]).reshape(-1, 128), by)
        n = len(keypoints)
        self.signature = frozen(signatures(along, by).reshape(VARIANTS, n))
        self.cell = probed_cells(along, by, probes=_PROBES).reshape(VARIANTS, n, _PROBES)
        self.points = [_points(keypoints, variant, self.extent[0]) for variant in range(VARIANTS)]


def _points(keypoints: NDArray[np.void], variant: int, width: float) -> NDArray[np.float32]:
    """(n, 4): x, y, octave, angle, as they are in that variant of the picture."""
    x, y = (keypoints[name].astype(np.float32) * (UNIT / 65536) for name in ("x", "y"))
    octave, angle = keypoints["scale"] / np.float32(SCALE_STEPS), keypoints["angle"].astype(np.float32)
    if variant & 1:
        x, angle = width - x, 128 - angle
    if variant & 2:
        angle = angle + 128
    return np.stack([x, y, octave, angle % 256], axis=1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Candidate:
    pane: int
    variant: int


def _found(asked: _Asked, table: PictureTable, standing: NDArray[np.uint8]) -> Iterator[Likeness]:
    by_code = dict(_by_code(asked, table))
    for candidate in [*_by_keypoints(asked, table), *_orientated(by_code)]:
        picture = int(table.asset[candidate.pane])
        if standing[picture] == Standing.GONE:
            continue
        if likeness := _compared(asked, table, candidate, coded=candidate.pane in by_code):
            yield _limited(likeness, standing[picture])
    for pane in by_code:
        picture = int(table.asset[pane])
        if standing[picture] != Standing.GONE:
            yield Likeness(table.digest[picture].tobytes(), Kind.CODES)


def _limited(likeness: Likeness, standing: int) -> Likeness:
    if standing == Standing.QUARANTINED and likeness.kind in ASSERTING:
        return Likeness(likeness.digest, Kind.POSSIBLE, likeness.inliers)
    return likeness


def _by_code(asked: _Asked, table: PictureTable) -> Iterator[tuple[int, int]]:
    """The panes with a code near one of the query's, and the orientation in which it is."""
    for name, codes in asked.codes.items():
        near = getattr(table, name).within(codes)
        order = np.argsort(-near.distance.astype(np.int64), kind="stable")  # the nearest is kept
        yield from zip(near.number[order].tolist(), near.query_index[order].tolist(), strict=True)


def _orientated(by_code: dict[int, int]) -> Iterator[_Candidate]:
    for pane, orientation in by_code.items():
        mirrored = orientation // 4
        for inverted in (0, 2):
            yield _Candidate(pane, mirrored | inverted)


def _by_keypoints(asked: _Asked, table: PictureTable) -> list[_Candidate]:
    """The pairs of a pane and a variant with most votes."""
    found: list[tuple[float, int, int]] = []
    for variant in range(VARIANTS):
        votes = table.keypoints.votes(asked.signature[variant], asked.cell[variant], most=CANDIDATES)
        enough = votes.voters >= _LEAST_VOTES
        worth, panes = (-votes.votes[enough]).tolist(), votes.pane[enough].tolist()
        found += [(vote, pane, variant) for vote, pane in zip(worth, panes, strict=True)]
    return [_Candidate(pane, variant) for _, pane, variant in sorted(found)[:CANDIDATES]]


def _compared(asked: _Asked, table: PictureTable, candidate: _Candidate, *, coded: bool) -> Likeness | None:
    """What geometry says of a candidate, whose code is near one of the query's or not; None if nothing."""
    signature, packed = table.keypoints.of(candidate.pane)
    pairs = matches(asked.signature[candidate.variant], signature)
    if len(pairs) < LEAST:
        return None
    points, known = asked.points[candidate.variant], _known(packed)
    inliers, affine, inside = place(points, known, pairs)
    extent = table.extent[candidate.pane].astype(np.float64)
    evidence = int((_EVEN - pairs[inside, 2]).sum())
    if inliers < LEAST or (inliers < POSSIBLE and evidence < LIKELY):
        return None
    mine, theirs = (
        hull(side[pairs[inside, i], :2].astype(np.float64)) for i, side in enumerate((points, known))
    )
    stretch = np.sqrt(max(area(mine), 1.0) / max(area(theirs), 1.0))
    known_share = inside_share(known, theirs, _MARGIN)
    asked_share = inside_share(points, mine, _MARGIN * stretch)
    missed = _missed(points, known, pairs[inside], affine)
    wanted = _wanted(missed, simple=len(known) < _SIMPLE, coded=coded)
    certain = inliers >= CERTAIN and evidence >= wanted
    if certain and max(known_share, asked_share) >= _COVERED:
        kind = _kind(affine, asked.extent, extent)
    else:
        kind = Kind.POSSIBLE
    return Likeness(
        digest=table.digest[table.asset[candidate.pane]].tobytes(),
        kind=kind,
        inliers=int(inliers),
        mirrored=bool(candidate.variant & 1),
        inverted=bool(candidate.variant & 2),
        covered=min(1.0, area(theirs) / float(np.prod(extent))),
        affine=tuple(affine.reshape(-1).tolist()),
        outline=tuple((_placed(_CORNERS * asked.extent, affine) / extent).reshape(-1).tolist()),
        extent=tuple(extent.tolist()),
    )


def _wanted(missed: float, *, simple: bool, coded: bool) -> float:
    """The evidence from which on a placement is certain that misses by so much."""
    if simple and missed > _EXACT_IF_SIMPLE:
        return np.inf
    if coded:
        return -np.inf
    return ASSERTED + _INEXACT * max(0.0, missed - _EXACT)


def _missed(
    points: NDArray[np.float32],
    known: NDArray[np.float32],
    pairs: NDArray[np.int64],
    affine: NDArray[np.float64],
) -> float:
    """By how much a placement misses the places of these pairs: root mean square.

    In `UNIT`ths of the registered pane's longest side, or of the asked one's where those are larger.
    """
    miss = _placed(points[pairs[:, 0], :2].astype(np.float64), affine) - known[pairs[:, 1], :2]
    enlarged = max(1.0, float(np.sqrt(np.linalg.det(affine[:, :2]))))
    return float(np.sqrt(np.square(miss).sum(axis=1).mean())) / enlarged


def _kind(affine: NDArray[np.float64], asked: NDArray[np.float64], known: NDArray[np.float64]) -> Kind:
    """What the one is to the other, by the share of each frame that lies inside the other."""
    grid = (np.stack(np.meshgrid(*[np.arange(_GRID)] * 2), axis=-1).reshape(-1, 2) + 0.5) / _GRID
    asked_inside = _inside(_placed(grid * asked, affine), known)
    known_inside = _inside((grid * known - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T, asked)
    if min(asked_inside, known_inside) >= _SAME:
        return Kind.SAME_PICTURE
    return Kind.CONTAINS if known_inside > asked_inside else Kind.PART_OF


def _placed(points: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    placed: NDArray[np.float64] = points @ affine[:, :2].T + affine[:, 2]
    return placed


def _inside(points: NDArray[np.float64], frame: NDArray[np.float64]) -> float:
    return float(((points >= 0) & (points <= frame)).all(axis=1).mean())


def _known(packed: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 4): x, y, octave, angle of registered keypoints; a step is looked at in its middle."""
    steps = packed.astype(np.float32)
    position = (steps[:, :2] + 0.5) * np.float32(UNIT / 256)
    return np.column_stack([position, steps[:, 2] / SCALE_STEPS, steps[:, 3]]).astype(np.float32)
