"""Rectangles in pictures that are made of others, and what is left of a picture without its margins."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from holdout.fingerprints.rectangles import MOST, Box, content, rectangles
from tests.holdout.painted import painted


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def overlap(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    tall = min(one[3], other[3]) - max(one[1], other[1])
    both = max(wide, 0) * max(tall, 0)
    return both / (
        (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both
    )


def test_a_framed_picture_is_found_in_its_frame() -> None:
    framed = ImageOps.expand(painted(1, width=400, height=300), 80, "white")
    assert max(overlap(box, (80, 80, 480, 380)) for box in rectangles(grey(framed))) > 0.95
    assert content(grey(framed)) == (80, 80, 480, 380)


def test_each_picture_of_a_post_of_nine_is_found() -> None:
    post = Image.new("RGB", (3 * 310, 3 * 310), "white")
    cells = []
    for i in range(9):
        left, top = i % 3 * 310 + 5, i // 3 * 310 + 5
        post.paste(painted(i, width=300, height=300), (left, top))
        cells.append((left, top, left + 300, top + 300))
    found = rectangles(grey(post))
    assert all(max(overlap(box, cell) for box in found) > 0.9 for cell in cells)


def test_a_picture_that_lies_on_another_is_found_without_any_gap() -> None:
    below = painted(3, width=900, height=700)
    below.paste(ImageOps.expand(painted(4, width=380, height=280), 10, "white"), (300, 250))
    assert max(overlap(box, (300, 250, 700, 550)) for box in rectangles(grey(below))) > 0.85


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (900, 2), (30, 30), (1024, 1024)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    for image in (Image.new("L", size, 128), painted(5).resize(size)):
        width, height = size
        for left, top, right, bottom in rectangles(grey(image)):
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height


def test_there_are_never_more_than_so_many() -> None:
    noise = np.random.default_rng(1).integers(0, 2, (500, 500), dtype=np.uint8) * 255
    board = np.kron(np.indices((10, 10)).sum(axis=0) % 2, np.ones((50, 50))).astype(np.uint8) * 255
    assert len(rectangles(noise)) <= MOST
    assert len(rectangles(board)) <= MOST


def test_an_empty_picture_and_a_full_one_have_no_other_content() -> None:
    assert content(np.full((100, 100), 200, dtype=np.uint8)) is None
    assert content(grey(painted(6))) is None
