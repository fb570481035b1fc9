"""A warning sign of three-fold symmetry, after the one for biological hazards, as several might draw it."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

_FINE = 3
"""It is drawn so many times as large, and shrunk."""


@dataclass(frozen=True)
class Sign:
    """One drawing of it: lengths in tenths of the picture's side."""

    outer: float = 2.0
    """Radius of the discs of which crescents are left, and"""
    inner: float = 1.55
    """of what is cut out of them;"""
    reach: float = 1.8
    """how far from the middle the former stand, and"""
    shift: float = 0.55
    """how much farther the latter."""
    ring: float = 2.2
    stroke: float = 0.4
    gap: float = 0.3
    ink: str = "black"
    ground: str = "white"

    def drawn(self, side: int = 700) -> Image.Image:
        """The sign in RGB, `side` pixels wide and high."""
        spokes = [np.pi / 2 + 2 * np.pi * k / 3 for k in range(3)]
        shape = Image.new("L", (_FINE * side, _FINE * side))
        for angle in spokes:
            self._disc(shape, angle, self.reach, self.outer, 255)
        for angle in spokes:
            self._disc(shape, angle, self.reach + self.shift, self.inner, 0)
        self._disc(shape, 0, 0, 2 * self.gap, 0)
        unit, middle = shape.width / 10, shape.width / 2
        for angle in spokes:
            end = middle + 5 * unit * np.cos(angle), middle - 5 * unit * np.sin(angle)
            ImageDraw.Draw(shape).line((middle, middle, *end), fill=0, width=round(unit * self.gap))
        ring = Image.new("L", shape.size)
        self._disc(ring, 0, 0, self.ring, 255)
        self._disc(ring, 0, 0, self.ring - self.stroke, 0)
        shape.paste(255, mask=ring)
        image = Image.new("RGB", shape.size, self.ground)
        image.paste(self.ink, mask=shape)
        return image.resize((side, side), Image.Resampling.LANCZOS)

    @staticmethod
    def _disc(image: Image.Image, angle: float, far: float, radius: float, value: int) -> None:
        unit, middle = image.width / 10, image.width / 2
        x, y = middle + unit * far * np.cos(angle), middle - unit * far * np.sin(angle)
        box = (x - unit * radius, y - unit * radius, x + unit * radius, y + unit * radius)
        ImageDraw.Draw(image).ellipse(box, fill=value)
