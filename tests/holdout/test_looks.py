"""What altered copies of registered pictures, and strangers, are found to be."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from PIL import Image, ImageOps

from holdout.fingerprints.local import take
from holdout.fingerprints.picture import Gate, Pane, PaneKind
from holdout.index import looks
from holdout.index.looks import ASSERTED, ASSERTING, Kind, Likeness, likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing
from tests.holdout.painted import painted

WORKS: Final = 6


def digest(number: int) -> bytes:
    return bytes([number]) * 32


def pane(image: Image.Image, *, query: bool, codes: int = 0, code: bytes = b"") -> Pane:
    grey = np.asarray(image.convert("L"))
    return Pane(
        kind=PaneKind.WHOLE,
        box=(0, 0, image.width, image.height),
        gate=Gate.OK,
        quality=90,
        phash=(code,) * codes,
        pdq=(code,) * codes,
        keypoints=take.asked(grey) if query else take.registered(grey),
    )


@pytest.fixture(scope="module")
def table() -> PictureTable:
    return PictureTable.build(
        RegisteredPicture(digest(n), Standing.LIVE, [pane(painted(n), query=False)]) for n in range(WORKS)
    )


def found(image: Image.Image, *tables: PictureTable) -> list[Likeness]:
    return likenesses([pane(image, query=True)], tables)


def _shrunk(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2))


def _on_another(image: Image.Image) -> Image.Image:
    other = painted(100, width=960, height=720)
    other.paste(image.resize((480, 360)), (300, 200))
    return other


@pytest.mark.parametrize(
    ("alter", "kinds", "mirrored", "inverted"),
    [
        (lambda image: image, {Kind.SAME_PICTURE}, False, False),
        (_shrunk, {Kind.SAME_PICTURE}, False, False),
        (ImageOps.mirror, {Kind.SAME_PICTURE}, True, False),
        (ImageOps.invert, {Kind.SAME_PICTURE}, False, True),
        (lambda image: ImageOps.invert(ImageOps.mirror(image)), {Kind.SAME_PICTURE}, True, True),
        (lambda image: image.rotate(33, expand=True), {Kind.CONTAINS}, False, False),
        (lambda image: image.transpose(Image.Transpose.ROTATE_90), {Kind.SAME_PICTURE}, False, False),
        (lambda image: image.crop((100, 50, 420, 290)), {Kind.PART_OF}, False, False),
        (_on_another, {Kind.CONTAINS}, False, False),
    ],
)
def test_an_altered_copy_is_found_and_named(
    table: PictureTable,
    alter: Callable[[Image.Image], Image.Image],
    kinds: set[Kind],
    mirrored: bool,
    inverted: bool,
) -> None:
    [likeness] = found(alter(painted(2)), table)
    assert likeness.digest == digest(2)
    assert likeness.kind in kinds
    assert likeness.inliers >= ASSERTED
    assert (likeness.mirrored, likeness.inverted) == (mirrored, inverted)


def test_less_has_to_agree_where_a_code_agrees_too(monkeypatch: pytest.MonkeyPatch) -> None:
    code = bytes(range(32))
    registered = pane(painted(2), query=False, codes=1, code=code)
    table = PictureTable.build([RegisteredPicture(digest(2), Standing.LIVE, [registered])])

    def kind(codes: int) -> Kind:
        [likeness] = likenesses([pane(painted(2), query=True, codes=codes, code=code)], [table])
        return likeness.kind

    assert (kind(0), kind(8)) == (Kind.SAME_PICTURE, Kind.SAME_PICTURE)
    monkeypatch.setattr(looks, "ASSERTED", 1_000)
    assert (kind(0), kind(8)) == (Kind.POSSIBLE, Kind.SAME_PICTURE)
    monkeypatch.setattr(looks, "CONFIRMED", 1_000)
    assert (kind(0), kind(8)) == (Kind.POSSIBLE, Kind.CODES)


def test_the_map_says_where_the_copy_lies_in_the_registered_picture(table: PictureTable) -> None:
    """A crop of 320 pixels from (100, 50) of 640: half the size, moved."""
    [likeness] = found(painted(2).crop((100, 50, 420, 290)), table)
    a, b, x, c, d, y = likeness.affine
    assert [a, b, c, d] == pytest.approx([0.5, 0, 0, 0.5], abs=0.02)
    assert [x, y] == pytest.approx([80, 40], abs=3)


@pytest.mark.parametrize("seed", range(50, 56))
def test_a_stranger_is_found_to_be_nothing(table: PictureTable, seed: int) -> None:
    assert found(painted(seed), table) == []


def test_a_picture_without_keypoints_is_found_to_be_nothing(table: PictureTable) -> None:
    assert found(Image.new("RGB", (300, 200), "white"), table) == []
    assert found(painted(2), PictureTable.nothing()) == []


def test_a_quarantined_picture_is_at_most_possible(table: PictureTable) -> None:
    quarantine = PictureTable.build([RegisteredPicture(digest(2), Standing.QUARANTINED, [])])
    [likeness] = found(painted(2), table, quarantine)
    assert likeness.kind is Kind.POSSIBLE


def test_a_picture_that_is_gone_is_not_found(table: PictureTable) -> None:
    gone = PictureTable.build([RegisteredPicture(digest(2), Standing.GONE, [])])
    assert found(painted(2), table, gone) == []
    assert [likeness.digest for likeness in found(painted(3), table, gone)] == [digest(3)]


def test_a_picture_is_found_in_a_later_table_as_well(table: PictureTable) -> None:
    later = PictureTable.build([RegisteredPicture(digest(9), Standing.LIVE, [pane(painted(9), query=False)])])
    for number in (2, 9):
        [likeness] = found(painted(number), table, later)
        assert likeness.digest == digest(number)


def test_codes_alone_say_no_more_than_that_they_are_alike() -> None:
    """A forged picture: another one's code, its own keypoints."""
    code = bytes(range(32))
    registered = pane(painted(2), query=False, codes=1, code=code)
    table = PictureTable.build([RegisteredPicture(digest(2), Standing.LIVE, [registered])])
    [likeness] = likenesses([pane(painted(3), query=True, codes=8, code=code)], [table])
    assert likeness.kind is Kind.CODES
    assert likeness.kind not in ASSERTING


def test_a_logo_that_both_show_asserts_nothing() -> None:
    """A small element, the same in two unrelated pictures."""
    logo = painted(77, width=200, height=200).resize((110, 110))
    one, other = painted(20, width=900, height=700), painted(21, width=900, height=700)
    one.paste(logo, (30, 40))
    other.paste(logo, (700, 500))
    table = PictureTable.build([RegisteredPicture(digest(1), Standing.LIVE, [pane(one, query=False)])])
    assert all(likeness.kind is Kind.POSSIBLE for likeness in found(other, table))
