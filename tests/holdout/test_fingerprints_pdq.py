"""PDQ against codes of its reference for our vectors, found by pdqhash 0.2.8 (facebook/ThreatExchange's C++).

"Correct" is for its authors (pdq/README.md) the same code for the same pixels, and at most 10 bits where an
implementation decodes or shrinks by itself, for pictures of quality 80 and more.
"""

import numpy as np
import pytest
from PIL import Image

from holdout.fingerprints import pdq
from holdout.fingerprints.algorithms import PDQ_256
from holdout.fingerprints.decode import decode
from holdout.fingerprints.distance import distance
from holdout.fingerprints.vectors import PICTURES, png, texture

REFERENCE = {
    "landscape": ("ecc38623de70b6a4a60f6823e2bb95bbe21b7b2300cd5524dff05c0f88932eab", 66),
    "landscape-small": ("6dc3c6a3df5adab0b60d6421623bd4b3a61b7b23004f1425dff05d0f8883aeab", 75),
    "landscape-signed": ("45d28e29dab97456aa2d7552aaa95592aa29755282ed5524dff2da0d14d3aaab", 87),
    "stranger": ("b13e27f2db4a0e1f04a9bf04b6a05f29fbf1810462fb3a065d4a325b6a7694ab", 72),
    "drawing": ("e3619369698ee1a4b4d330cc62694ce1c87671b30f39c379d86cf61cf899c0fa", 100),
    "see-through": ("bdc88f81dc989ea9d48fd4a3a0bb9cb08cbb758147cd7e0cf5ca34099441a67b", 60),
    "sixteen-bits": ("9aeabe06753fdecce11741d08ed7cb09949700f05b06366df73fbe043c806a52", 100),
    "palette": ("ba3d322cb205964d4748c5621c63706e22afab91dc79e7f115e3bc770a9c18be", 100),
    "linear-gradient": ("b1014eaab0150aaab1458aaaa0005d55f5555ff534555ee7f0d54fa7f50d4fda", 43),
    "round-gradient": ("93c5a2ba82ddf56614c6a339a3e180d783d77c2ae3575ca820c67d3aa0977caa", 73),
}
SHRUNK = {
    "large": ("32ea365166996c1df46bbe624c199f274d0d371393e922d90e292b723b4661af", 100),
    "strip": ("f212ec8db1e47ad6ff0ecd25056a5e5c880ba2e14d6c9bb21d0cb12b0bd5f332", 100),
}
"""Of these the reference's own command makes squares of 512 by picking pixels."""


def picture(name: str) -> Image.Image:
    return decode(png(PICTURES[name]())).frames[0]


def photo(*, seed: int, width: int = 320, height: int = 240) -> Image.Image:
    bands = [texture(seed=seed * 3 + band, width=width, height=height) for band in range(3)]
    return Image.fromarray(np.dstack(bands))


@pytest.mark.parametrize("name", REFERENCE)
def test_the_code_and_the_quality_are_the_references(name: str) -> None:
    seen = pdq.look(picture(name))
    assert (seen.code().hex(), seen.quality()) == REFERENCE[name]


@pytest.mark.parametrize("name", SHRUNK)
def test_of_a_large_picture_the_code_is_within_the_references_tolerance(name: str) -> None:
    code, quality = SHRUNK[name]
    seen = pdq.look(picture(name))
    assert distance(seen.code(), bytes.fromhex(code)) <= 10
    assert seen.quality() == quality


def filtered(line: list[float], window: int) -> list[float]:
    """The reference's box filter of one line, by its definition: the mean of what of the window is there."""
    ahead = (window + 2) // 2 - 1
    parts = [line[max(0, i - (window - 1 - ahead)) : i + ahead + 1] for i in range(len(line))]
    return [sum(part) / len(part) for part in parts]


@pytest.mark.parametrize("size", [(64, 64), (65, 64), (63, 130), (127, 129), (200, 90), (35, 300)])
def test_the_matrices_do_what_the_filter_does_line_by_line(size: tuple[int, int]) -> None:
    image = photo(seed=2, width=size[0], height=size[1])
    rows = (np.asarray(image, dtype=np.float64) @ [0.299, 0.587, 0.114]).tolist()
    if size != (64, 64):
        for _ in range(2):
            rows = [filtered(row, -(-size[0] // 128)) for row in rows]
            columns = [filtered(list(column), -(-size[1] // 128)) for column in zip(*rows, strict=True)]
            rows = [list(row) for row in zip(*columns, strict=True)]
    places = [[int((i + 0.5) * length / 64) for i in range(64)] for length in size]
    small = np.array(rows)[np.ix_(places[1], places[0])]
    assert np.allclose(pdq.look(image).samples, small)


@pytest.mark.parametrize("size", [(320, 240), (64, 64), (512, 384), (99, 333), (1024, 1024)])
def test_the_orientations_are_the_codes_of_the_turned_picture_in_the_order_that_is_promised(
    size: tuple[int, int],
) -> None:
    original = photo(seed=1, width=size[0], height=size[1])
    mirrored = original.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = [side.rotate(90 * turns, expand=True) for side in (original, mirrored) for turns in range(4)]
    codes = pdq.look(original).orientations()
    assert len(set(codes)) == 8
    assert list(codes) == [pdq.look(image).code() for image in turned]


@pytest.mark.parametrize("seed", range(4))
def test_copies_are_within_the_radius_and_strangers_are_not(seed: int) -> None:
    code = pdq.look(photo(seed=seed, width=640, height=480)).code()
    copy = photo(seed=seed, width=640, height=480).resize((500, 375)).convert("L").convert("RGB")
    assert distance(pdq.look(copy).code(), code) <= PDQ_256.radius
    strangers = pdq.look(photo(seed=seed + 10)).orientations()
    assert min(distance(stranger, code) for stranger in strangers) > 2 * PDQ_256.radius


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (5000, 3), (2, 2)])
def test_any_size_has_a_code(size: tuple[int, int]) -> None:
    assert len(pdq.look(Image.new("RGB", size, "red")).code()) == 32
