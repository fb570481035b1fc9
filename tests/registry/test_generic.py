"""What everybody shows is kept out of a registration: alone, with its code, or inside a picture."""

import io

import numpy as np
from PIL import Image, ImageOps

from holdout.fingerprints.describe import describe
from holdout.fingerprints.generic import icons
from holdout.fingerprints.local.keypoints import registered_keypoints
from holdout.fingerprints.picture import Gate, PictureFingerprints
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing
from registry.generic import deny_list, without_generic
from tests.holdout.painted import painted

ICON = painted(77, width=400, height=400)


def looks(image: Image.Image, *, query: bool) -> PictureFingerprints:
    out = io.BytesIO()
    image.save(out, "PNG")
    return describe(out.getvalue(), query=query)


def table(image: Image.Image) -> PictureTable:
    taken = looks(image, query=False)
    return PictureTable.build([RegisteredPicture(taken.sha256, Standing.LIVE, taken.panes)])


def kept(image: Image.Image, generic: PictureTable) -> tuple[PictureFingerprints, PictureFingerprints]:
    """A registration before and after."""
    registered = looks(image, query=False)
    return registered, without_generic(looks(image, query=True), registered, generic=generic)


def places(taken: PictureFingerprints, *, of: int) -> list[tuple[float, float]]:
    """Where the whole pane's keypoints are, in pixels of a longest side of `of`."""
    keypoints = registered_keypoints(taken.panes[0].keypoints)
    steps = np.column_stack([keypoints["x"], keypoints["y"]]).astype(float) + 0.5
    return [(x, y) for x, y in (steps * of / 256).tolist()]


def test_a_picture_that_is_generic_keeps_neither_codes_nor_keypoints() -> None:
    for copy in (ICON, ICON.resize((300, 300)), ImageOps.mirror(ICON)):
        before, after = kept(copy, table(ICON))
        assert before.panes[0].gate is Gate.OK
        whole = after.panes[0]
        assert (whole.gate, whole.phash, whole.pdq, whole.keypoints) == (Gate.GENERIC, (), (), b"")
        assert (after.sha256, after.pixels) == (before.sha256, before.pixels)
        assert PictureFingerprints.from_bytes(after.to_bytes()) == after


def test_of_a_picture_that_shows_one_the_keypoints_on_it_go_and_the_others_stay() -> None:
    for icon in (ICON, ImageOps.mirror(ICON)):
        picture = painted(5, width=1000, height=750)
        picture.paste(icon.resize((360, 360)), (600, 40))
        before, after = kept(picture, table(ICON))
        there = [600 < x < 960 and 40 < y < 400 for x, y in places(before, of=1000)]
        left = places(after, of=1000)
        assert sum(there) >= 8
        assert not any(610 < x < 950 and 50 < y < 390 for x, y in left)
        assert len(there) - sum(there) - 10 <= len(left) <= len(there) - sum(there) + 10
        assert after.panes[0].phash == before.panes[0].phash


def test_what_shows_nothing_generic_stays_as_it_is() -> None:
    before, after = kept(painted(6), table(ICON))
    assert after == before
    before, after = kept(ICON, PictureTable.nothing())
    assert after == before


def test_the_icons_that_we_know_are_generic() -> None:
    table = deny_list()
    assert table.assets >= 5
    for name, taken in icons().items():
        assert taken.sha256 in set(map(bytes, table.digest)), name
