"""How keypoints are kept and sent: what `keypoints/1` is, byte for byte.

A registered keypoint is what an index keeps: a signature of 64 bits, where it stands, and the cell it is
found by. A query's keypoint carries its whole descriptor instead, since the same picture mirrored or with
inverted colours is asked about by permuting the descriptor (`signatures.variants`).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

REGISTERED_SIDE: Final = 512
"""Longest side, in pixels, of a registered picture when its keypoints are taken, and"""
QUERY_SIDE: Final = 640
"""of a query's."""

REGISTERED_COUNT: Final = 128
QUERY_COUNT: Final = 500
"""Most keypoints that are kept of one pane."""

STEPS: Final = 256
"""Steps of a position along the longest side (registered), and of an angle round the circle."""
SCALE_STEPS: Final = 32
"""Steps of a keypoint's size in an octave; 0 is a size of one pixel."""

REGISTERED: Final = np.dtype(
    [
        ("signature", "<u8"),
        ("x", "u1"),
        ("y", "u1"),
        ("scale", "u1"),
        ("angle", "u1"),
        ("cell", "<u4"),
    ]
)
"""16 bytes: 12 that verification reads, and the cell. `x`, `y` are steps of the pane's longest side."""

QUERY: Final = np.dtype(
    [("x", "<u2"), ("y", "<u2"), ("scale", "u1"), ("angle", "u1"), ("descriptor", "u1", 128)]
)
"""134 bytes. `x`, `y` are 65,536ths of the pane's longest side; the descriptor is SIFT's."""


def registered_keypoints(packed: bytes) -> NDArray[np.void]:
    """The keypoints in these bytes. ValueError unless they are whole ones, `REGISTERED_COUNT` at most."""
    return _unpacked(packed, REGISTERED, REGISTERED_COUNT)


def query_keypoints(packed: bytes) -> NDArray[np.void]:
    """The keypoints in these bytes. ValueError unless they are whole ones, `QUERY_COUNT` at most."""
    return _unpacked(packed, QUERY, QUERY_COUNT)


def _unpacked(packed: bytes, dtype: "np.dtype[np.void]", most: int) -> NDArray[np.void]:
    if len(packed) % dtype.itemsize or len(packed) > most * dtype.itemsize:
        raise ValueError(f"{len(packed)} bytes are not up to {most} keypoints of {dtype.itemsize} bytes")
    return np.frombuffer(packed, dtype=dtype)
