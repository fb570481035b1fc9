from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from holdout.fingerprints.describe import describe
from holdout.fingerprints.distance import distance
from holdout.fingerprints.panes import MAX_WINDOWS, pane_pixels, plans
from holdout.fingerprints.picture import Gate, PaneKind
from holdout.fingerprints.vectors import png, texture


@pytest.mark.parametrize("size", [(800, 600), (1, 1), (1000, 500), (500, 1000)])
def test_an_ordinary_picture_is_one_pane(size: tuple[int, int]) -> None:
    (whole,) = plans(width=size[0], height=size[1], frames=1)
    assert (whole.kind, whole.box) == (PaneKind.WHOLE, (0, 0, *size))


def test_a_strip_has_windows_that_overlap_by_half() -> None:
    _, *windows = plans(width=800, height=4800, frames=1)
    assert [pane.box for pane in windows] == [(0, top, 800, top + 1200) for top in range(0, 3601, 600)]
    _, *lying = plans(width=4800, height=800, frames=1)
    assert [pane.box for pane in lying] == [(left, 0, left + 1200, 800) for left in range(0, 3601, 600)]


@given(short=st.integers(1, 3000), long=st.integers(1, 60_000), standing=st.booleans())
def test_windows_lie_inside_are_few_and_reach_both_ends(short: int, long: int, *, standing: bool) -> None:
    short, long = sorted((short, long))
    width, height = (short, long) if standing else (long, short)
    whole, *windows = plans(width=width, height=height, frames=1)
    assert whole.kind is PaneKind.WHOLE
    assert bool(windows) is (long > 2 * short)
    assert len(windows) <= MAX_WINDOWS
    boxes = [pane.box for pane in windows]
    assert all(
        0 <= left < right <= width and 0 <= top < bottom <= height for left, top, right, bottom in boxes
    )
    if boxes:
        assert boxes[0][:2] == (0, 0)
        assert boxes[-1][2:] == (width, height)
        assert boxes == sorted(set(boxes))
        if long <= 24 * short and short > 10:
            ends = [(box[1], box[3]) if standing else (box[0], box[2]) for box in boxes]
            assert all(start <= end for (_, end), (start, _) in pairwise(ends))


def test_every_further_frame_is_a_pane() -> None:
    kinds = [(pane.kind, pane.frame) for pane in plans(width=80, height=60, frames=3)]
    assert kinds == [(PaneKind.WHOLE, 0), (PaneKind.FRAME, 1), (PaneKind.FRAME, 2)]


def test_a_panes_pixels_come_from_where_it_lies() -> None:
    copy = Image.fromarray(np.arange(100 * 50, dtype=np.uint16).reshape(100, 50).astype(np.uint8)).convert(
        "RGB"
    )
    part = pane_pixels(copy, (0, 200, 100, 400), width=100, height=200 * 2)
    assert np.array_equal(np.asarray(part), np.asarray(copy)[50:100])
    assert pane_pixels(copy, (0, 0, 500, 1000), width=500, height=1000) is copy
    assert pane_pixels(copy, (499, 999, 500, 1000), width=500, height=1000).size == (1, 1)


def test_a_panel_of_a_comic_strip_is_found_by_its_window() -> None:
    panels = [texture(seed=seed, width=400, height=600) for seed in range(8)]
    strip = describe(png(Image.fromarray(np.vstack(panels))), query=False)
    assert len(strip.panes) == 16
    panel = describe(png(Image.fromarray(panels[3])), query=True)
    assert panel.pdq is not None
    near = [
        (pane.kind, pane.box)
        for pane in strip.panes
        if pane.gate is Gate.OK and distance(pane.pdq[0], panel.pdq) <= 31
    ]
    assert near == [(PaneKind.WINDOW, (0, 1800, 400, 2400))]
