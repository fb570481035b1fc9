"""Pictures with something to see: coloured shapes over clouds, from a seed."""

import numpy as np
from PIL import Image, ImageDraw

from holdout.fingerprints.vectors import texture


def painted(seed: int, *, width: int = 640, height: int = 480) -> Image.Image:
    """A picture unlike every other one's."""
    random = np.random.default_rng(seed)
    clouds = np.dstack([texture(seed=seed * 3 + i, width=width, height=height) for i in range(3)])
    image = Image.fromarray(clouds // 2 + 64)
    draw = ImageDraw.Draw(image)
    for _ in range(90):
        corners = random.integers(0, [width, height], size=(4, 2)) // 3
        corners += random.integers(0, [width * 2 // 3, height * 2 // 3])
        draw.polygon(
            [tuple(corner) for corner in corners.tolist()], fill=tuple(random.integers(0, 256, 3).tolist())
        )
    return image
