"""Keeps out of the index what everybody shows: a placeholder, a "No AI" icon, alone or inside a picture."""

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.generic import icons
from holdout.fingerprints.local.keypoints import STEPS, registered_keypoints
from holdout.fingerprints.picture import Box, Gate, Pane, PaneKind, PictureFingerprints
from holdout.index.geometry import UNIT
from holdout.index.looks import Kind, Likeness, likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing

_LEAST_INLIERS: Final = 8
_AS_A_WHOLE: Final = frozenset({Kind.SAME_PICTURE, Kind.CODES})


@cache
def deny_list() -> PictureTable:
    """The looks that nobody can reserve."""
    return PictureTable.build(
        RegisteredPicture(taken.sha256, Standing.LIVE, taken.panes) for taken in icons().values()
    )


def without_generic(
    asked: PictureFingerprints, registered: PictureFingerprints, *, generic: PictureTable
) -> PictureFingerprints:
    """A registration without what it shares with the deny-listed pictures of `generic`.

    `asked` are the fingerprints of the same picture as a query. A pane that is such a picture, or has its
    code, keeps neither codes nor keypoints; of one that shows such a picture the keypoints on it go.
    """
    asked_frames, frames = _frames(asked.panes), _frames(registered.panes)
    panes = list(registered.panes)
    for pane, frame in zip(asked.panes, asked_frames, strict=True):
        beside = [i for i, other in enumerate(frames) if other == frame]
        for likeness in likenesses([pane], [generic]):
            same = [i for i in beside if (panes[i].kind, panes[i].box) == (pane.kind, pane.box)]
            if likeness.kind in _AS_A_WHOLE and same:
                for i in same:
                    panes[i] = msgspec.structs.replace(
                        panes[i], gate=Gate.GENERIC, phash=(), pdq=(), keypoints=b""
                    )
            elif likeness.affine and likeness.inliers >= _LEAST_INLIERS:
                for i in beside:
                    panes[i] = _without_keypoints(panes[i], pane, likeness)
    return msgspec.structs.replace(registered, panes=tuple(panes))


def _frames(panes: Sequence[Pane]) -> list[int]:
    """The frame that each pane lies in: a later one is a pane by itself, all others are of the first."""
    counted = accumulate(pane.kind is PaneKind.FRAME for pane in panes)
    return [number if pane.kind is PaneKind.FRAME else 0 for pane, number in zip(panes, counted, strict=True)]


def _without_keypoints(pane: Pane, asked: Pane, likeness: Likeness) -> Pane:
    """A registered pane without the keypoints that a likeness of the asked pane puts on its picture."""
    keypoints = registered_keypoints(pane.keypoints)
    steps = np.column_stack([keypoints["x"], keypoints["y"]]).astype(np.float64) + 0.5
    pixels = steps * (_longest(pane.box) / STEPS) + pane.box[:2]
    units = (pixels - asked.box[:2]) * (UNIT / _longest(asked.box))
    if likeness.mirrored:
        units[:, 0] = UNIT * (asked.box[2] - asked.box[0]) / _longest(asked.box) - units[:, 0]
    return msgspec.structs.replace(pane, keypoints=keypoints[~_inside(units, likeness)].tobytes())


def _inside(units: NDArray[np.float64], likeness: Likeness) -> NDArray[np.bool_]:
    affine = np.array(likeness.affine).reshape(2, 3)
    moved = units @ affine[:, :2].T + affine[:, 2]
    inside: NDArray[np.bool_] = ((moved >= 0) & (moved <= likeness.extent)).all(axis=1)
    return inside


def _longest(box: Box) -> int:
    return max(box[2] - box[0], box[3] - box[1])
