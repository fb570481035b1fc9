"""SIFT keypoints, spread over the picture. For the sandbox's child: it loads OpenCV.

D. Lowe, Distinctive Image Features from Scale-Invariant Keypoints, IJCV 60 (2004).
"""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from holdout.fingerprints.local.signatures import projected, signatures, trained

_DESCRIBED: Final = 3
"""Of so many times the keypoints that are wanted the descriptors are computed."""
_GRID: Final = 8
_CROWDED: Final = 2.5
"""A cell of the grid may hold this many times its even share, so that one busy corner cannot take all."""
_CONTRAST, _EDGE = 0.02, 12
_FAINT_CONTRAST, _FAINT_EDGE = 0.008, 30
"""For pictures that have too few keypoints otherwise: simple drawings."""
_FEW: Final = 0.4
"""The share of what is wanted below which a query is looked at in that way too."""
_SEEN_AGAIN: Final = 4.0
"""How much more a keypoint counts that is found again after the picture was turned, shrunk and blurred."""
_TURN, _SHRINK = 17.0, 0.75


@dataclass(frozen=True, slots=True, eq=False)
class Detected:
    """Keypoints, the best first: columns of one length n."""

    position: NDArray[np.float32]
    """(n, 2): x, y in pixels of the picture that was looked at."""
    size: NDArray[np.float32]
    """(n,): diameter in those pixels."""
    angle: NDArray[np.float32]
    """(n,): degrees, 0 to 360."""
    strength: NDArray[np.float32]
    descriptor: NDArray[np.uint8]
    """(n, 128)."""

    def __len__(self) -> int:
        return len(self.size)

    def at(self, which: Any) -> "Detected":
        """Those keypoints."""
        return Detected(*(getattr(self, name)[which] for name in Detected.__slots__))


def detect(picture: NDArray[np.uint8], *, count: int, faint: bool) -> Detected:
    """The `count` strongest keypoints of a grey picture (height, width), spread over it.

    With `faint`, where there are few, those of little contrast as well.
    """
    found = _sift(picture, _DESCRIBED * count, _CONTRAST, _EDGE)
    if faint and len(found) < count * _FEW:
        found = _sift(picture, _DESCRIBED * count, _FAINT_CONTRAST, _FAINT_EDGE)
    return found.at(_spread(found, found.strength, picture.shape, count=count))


def detect_lasting(picture: NDArray[np.uint8], *, count: int, faint: bool) -> Detected:
    """As `detect`; those preferred that another copy of the picture has too, and more of simple pictures."""
    found = _sift(picture, _DESCRIBED * count, _CONTRAST, _EDGE)
    if faint and len(found) < count:
        found = _sift(picture, _DESCRIBED * count, _FAINT_CONTRAST, _FAINT_EDGE)
    weight = found.strength * np.where(_seen_again(found, picture, count=count), _SEEN_AGAIN, 1)
    return found.at(_spread(found, weight, picture.shape, count=count))


def shrunk(grey: NDArray[np.uint8], *, side: int) -> NDArray[np.uint8]:
    """The picture with a longest side of `side` at most; nothing is enlarged."""
    longest = max(grey.shape)
    if longest <= side:
        return grey
    height, width = (max(1, round(length * side / longest)) for length in grey.shape)
    return _array(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA))


def _array(picture: Any) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = picture
    return array


def _sift(picture: NDArray[np.uint8], most: int, contrast: float, edge: float) -> Detected:
    sift = cv2.SIFT_create(  # type: ignore[attr-defined]  # its stubs lack it
        nfeatures=most, nOctaveLayers=3, contrastThreshold=contrast, edgeThreshold=edge, sigma=1.6
    )
    found, descriptor = sift.detectAndCompute(picture, None)
    # The order must not depend on the detector.
    order = sorted(
        range(len(found)), key=lambda i: (-found[i].response, found[i].pt, found[i].size, found[i].angle)
    )
    kept = [found[i] for i in order]
    return Detected(
        position=np.array([k.pt for k in kept], dtype=np.float32).reshape(-1, 2),
        size=np.array([k.size for k in kept], dtype=np.float32),
        angle=np.array([k.angle for k in kept], dtype=np.float32),
        strength=np.array([k.response for k in kept], dtype=np.float32),
        descriptor=descriptor[order].astype(np.uint8) if kept else np.empty((0, 128), dtype=np.uint8),
    )


def _spread(
    found: Detected, weight: NDArray[np.float32], shape: tuple[int, ...], *, count: int
) -> NDArray[np.int64]:
    """Which to keep: the weightiest, but of each cell of the grid only so many, unless too few are left."""
    order = np.argsort(-weight, kind="stable")
    most = max(1, round(_CROWDED * count / _GRID**2))
    extent = np.array([shape[1], shape[0]])
    square = np.minimum(found.position * _GRID / extent, _GRID - 1).astype(np.int64) @ np.array([1, _GRID])
    held = np.zeros(_GRID * _GRID, dtype=np.int64)
    first: list[int] = []
    rest: list[int] = []
    for i in order.tolist():
        (first if held[square[i]] < most else rest).append(i)
        held[square[i]] += 1
    return np.array((first + rest)[:count], dtype=np.int64)


def _seen_again(found: Detected, picture: NDArray[np.uint8], *, count: int) -> NDArray[np.bool_]:
    """Which keypoints are found in an altered copy too, where they must be, with nearly their signature."""
    if not len(found):
        return np.zeros(0, dtype=np.bool_)
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), _TURN, _SHRINK)
    copy = cv2.warpAffine(
        picture, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    again = _sift(_array(cv2.GaussianBlur(copy, (0, 0), 0.6)), (_DESCRIBED + 1) * count, 0.015, 14)
    if not len(again):
        return np.zeros(len(found), dtype=np.bool_)
    by = trained()
    signature, other = (signatures(projected(side.descriptor, by), by) for side in (found, again))
    expected = found.position @ turn[:, :2].T + turn[:, 2]
    near = np.abs(expected[:, None] - again.position[None]).max(axis=2) < 3
    alike = np.abs(np.log2(again.size[None] / (found.size[:, None] * _SHRINK))) < 0.5
    same = np.bitwise_count(signature[:, None] ^ other[None]) <= 12
    lasting: NDArray[np.bool_] = (near & alike & same).any(axis=1)
    return lasting
