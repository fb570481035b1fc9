"""What Holdout accepts as a picture; the sandbox's parent and child hold to the same figures."""

from dataclasses import dataclass
from typing import Final

MAX_BYTES: Final = 25_000_000
"""Largest file, in bytes."""

MAX_PIXELS: Final = 50_000_000
"""Largest width times height, as the header says them."""

FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
"""Formats that are decoded, by Pillow's names. The order is part of the sandbox's wire format."""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """What one sandbox child may use before the kernel stops it.

    `memory_bytes` of address space beyond what it starts with, seconds of processor and of wall clock.
    """

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 5
    wall_seconds: float = 10.0
