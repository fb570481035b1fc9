"""An attack: small pictures made to have another picture's codes, in both families at once.

Whoever can look at a reserved picture can make such pictures, to have anything denied. Codes are signs of low
frequencies, so an attacker moves those of a picture towards the other's, no further than both codes need.
"""

from typing import Final

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn, idctn

from holdout.fingerprints import pdq
from holdout.fingerprints.algorithms import PDQ_256, PHASH_256
from holdout.fingerprints.describe import describe
from holdout.fingerprints.distance import distance
from holdout.fingerprints.perceptual import phash_256
from holdout.fingerprints.vectors import png
from holdout.index.looks import ASSERTING, Kind, likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing
from tests.holdout.painted import painted

FORGED: Final = 50
_LOW: Final = 18
"""Frequencies in each direction that the codes look at, and a little more."""


def forged(picture: Image.Image, victim: Image.Image) -> Image.Image | None:
    """The picture with the victim's codes, changed as little as that takes; None where it fails."""
    own, other = (
        dctn(np.asarray(side, dtype=np.float64), axes=(0, 1), norm="ortho") for side in (picture, victim)
    )
    wanted = phash_256(victim), pdq.look(victim).code()
    for share in np.arange(0.3, 1.01, 0.1):
        mixed = own.copy()
        mixed[:_LOW, :_LOW] = (1 - share) * own[:_LOW, :_LOW] + share * other[:_LOW, :_LOW]
        pixels = idctn(mixed, axes=(0, 1), norm="ortho")
        made = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        codes = phash_256(made), pdq.look(made).code()
        radii = PHASH_256.radius, PDQ_256.radius
        if all(distance(*pair) <= radius for *pair, radius in zip(codes, wanted, radii, strict=True)):
            return made
    return None


@pytest.mark.slow
def test_no_forged_picture_is_asserted_to_be_the_one_whose_codes_it_has() -> None:
    victims = [painted(1000 + i, width=320, height=240) for i in range(10)]
    described = [describe(png(victim), query=False) for victim in victims]
    table = PictureTable.build(RegisteredPicture(d.sha256, Standing.LIVE, d.panes) for d in described)
    found = []
    for i in range(FORGED * 2):
        made = forged(painted(2000 + i, width=320, height=240), victims[i % len(victims)])
        if made is not None:
            found.append(likenesses(describe(png(made), query=True).panes, [table]))
    assert len(found) >= FORGED
    assert all(found), "each has the codes, so each is found to be alike"
    assert all(likeness.kind not in ASSERTING for likenesses_ in found for likeness in likenesses_)
    assert all(likeness.kind in {Kind.CODES, Kind.POSSIBLE} for some in found for likeness in some)
