"""What Holdout accepts as a picture; the sandbox's parent and child hold to the same figures.

Of pixels each format may have as many as its decoder can lay out within a child's memory, measured as address
space for each pixel of a 12 to 60 million pixel picture: JPEG 4 bytes (7 to 10 if progressive), PNG 4, GIF 1,
AVIF 9 to 12, WebP 16 to 18. A JPEG can be decoded at an eighth of its size, so it may have the most.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

MAX_BYTES: Final = 25_000_000
"""Largest file, in bytes."""

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
"""Formats that are decoded, by Pillow's names."""

MAX_PIXELS: Final = MappingProxyType(
    {"JPEG": 200_000_000, "PNG": 36_000_000, "GIF": 36_000_000, "WEBP": 12_200_000, "AVIF": 14_000_000}
)
"""Largest width times height by format, as the header says them."""

MAX_PIXELS_DECODED: Final = 36_000_000
"""A JPEG of more pixels is decoded scaled."""

MAX_DECODED_BYTES: Final = 160_000_000
"""What the decoded pixels, and a progressive JPEG's coefficients, may take of a child's memory."""

MAX_PANES: Final = 40
"""Panes of one picture; no picture of ours has more than 33."""

MAX_KEYPOINT_BYTES: Final = 80_000
"""The local features of one pane, and"""
MAX_KEYPOINT_BYTES_IN_ALL: Final = 950_000
"""of all panes together. Comparing them takes the registry a tenth of a millisecond a keypoint."""

MAX_FINGERPRINT_BYTES: Final = 4 << 20
"""One picture's fingerprints as `PictureFingerprints.to_bytes` writes them."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one sandbox child may use before the kernel stops it.

    `memory_bytes` of address space beyond what it starts with, seconds of processor and of wall clock.
    """

    memory_bytes: int = 200 << 20
    cpu_seconds: int = 5
    wall_seconds: float = 10.0
