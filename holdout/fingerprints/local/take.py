"""The keypoints of one pane, as they are kept or sent. For the sandbox's child."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.local.detect import Detected, detect, detect_lasting, shrunk
from holdout.fingerprints.local.keypoints import (
    QUERY,
    QUERY_COUNT,
    QUERY_SIDE,
    REGISTERED,
    REGISTERED_COUNT,
    REGISTERED_SIDE,
    SCALE_STEPS,
    STEPS,
)
from holdout.fingerprints.local.signatures import cells, projected, signatures, trained

_FINE: Final = 1 << 16


def registered(grey: NDArray[np.uint8], *, faint: bool = True) -> bytes:
    """The keypoints of a registered pane, grey (height, width); `faint` as `detect.detect` has it."""
    picture = shrunk(grey, side=REGISTERED_SIDE)
    found = detect_lasting(picture, count=REGISTERED_COUNT, faint=faint)
    by = trained()
    along = projected(found.descriptor, by)
    packed = np.zeros(len(found), dtype=REGISTERED)
    packed["signature"], packed["cell"] = signatures(along, by), cells(along, by)
    _place(packed, found, longest=max(picture.shape), steps=STEPS)
    return packed.tobytes()


def asked(
    grey: NDArray[np.uint8], *, side: int = QUERY_SIDE, count: int = QUERY_COUNT, faint: bool = True
) -> bytes:
    """The keypoints of a query's pane, grey (height, width); `faint` as `detect.detect` has it."""
    picture = shrunk(grey, side=side)
    found = detect(picture, count=count, faint=faint)
    packed = np.zeros(len(found), dtype=QUERY)
    packed["descriptor"] = found.descriptor
    _place(packed, found, longest=max(picture.shape), steps=_FINE)
    return packed.tobytes()


def _place(packed: NDArray[np.void], found: Detected, *, longest: int, steps: int) -> None:
    """Positions in steps of the longest side; sizes as if that had `REGISTERED_SIDE` pixels."""
    position = np.clip(found.position * (steps / longest), 0, steps - 1)
    packed["x"], packed["y"] = position.T.astype(packed["x"].dtype)
    size = np.maximum(found.size * (REGISTERED_SIDE / longest), 1)
    packed["scale"] = np.clip(np.round(np.log2(size) * SCALE_STEPS), 0, 255)
    packed["angle"] = np.round(found.angle * (STEPS / 360)).astype(np.int64) % STEPS
