"""What altered copies of registered pictures, and strangers, are found to be."""

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from holdout.fingerprints.local import take
from holdout.fingerprints.local.keypoints import REGISTERED, REGISTERED_COUNT
from holdout.fingerprints.picture import Gate, Pane, PaneKind
from holdout.index import looks
from holdout.index.looks import ASSERTING, CERTAIN, Kind, Likeness, likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing
from tests.holdout.painted import painted
from tests.holdout.signs import Sign

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
    assert likeness.inliers >= CERTAIN
    assert (likeness.mirrored, likeness.inverted) == (mirrored, inverted)


def test_less_has_to_agree_where_a_code_agrees_too(monkeypatch: pytest.MonkeyPatch) -> None:
    code = bytes(range(32))
    registered = pane(painted(2), query=False, codes=1, code=code)
    table = PictureTable.build([RegisteredPicture(digest(2), Standing.LIVE, [registered])])

    def kind(codes: int) -> Kind:
        [likeness] = likenesses([pane(painted(2), query=True, codes=codes, code=code)], [table])
        return likeness.kind

    assert (kind(0), kind(8)) == (Kind.SAME_PICTURE, Kind.SAME_PICTURE)
    monkeypatch.setattr(looks, "ASSERTED", 10_000)
    assert (kind(0), kind(8)) == (Kind.POSSIBLE, Kind.SAME_PICTURE)
    monkeypatch.setattr(looks, "CERTAIN", 10_000)
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


OTHER_HANDS: Final = {
    "on yellow": Sign(2.1, 1.6, 1.9, 0.6, ring=2.3, stroke=0.3, gap=0.4, ground="#ffd000"),
    "blue": Sign(outer=1.9, inner=1.5, shift=0.5, ring=2.0, stroke=0.5, gap=0.2, ink="#203040"),
    "slim": Sign(outer=1.8, inner=1.45, reach=1.9, shift=0.45, ring=2.4, stroke=0.25, gap=0.45),
    "open": Sign(outer=2.1, inner=1.8, reach=1.9, shift=0.35, ring=2.5, stroke=0.5, gap=0.5),
    "with a broad ring": Sign(outer=2.2, inner=1.7, ring=2.7, stroke=0.6, gap=0.4),
}


@pytest.fixture(scope="module")
def signs() -> PictureTable:
    registered = pane(Sign().drawn(), query=False)
    return PictureTable.build([RegisteredPicture(digest(1), Standing.LIVE, [registered])])


@pytest.mark.parametrize("hand", OTHER_HANDS)
def test_a_sign_that_another_hand_has_drawn_is_not_asserted(signs: PictureTable, hand: str) -> None:
    """Whatever it is found to be, a person has to look."""
    assert all(likeness.kind is Kind.POSSIBLE for likeness in found(OTHER_HANDS[hand].drawn(), signs))


def test_more_points_may_agree_than_a_copy_needs_where_another_hand_drew_the_same(
    signs: PictureTable,
) -> None:
    [likeness] = found(OTHER_HANDS["on yellow"].drawn(), signs)
    assert likeness.inliers >= 2 * CERTAIN
    assert likeness.kind is Kind.POSSIBLE


def test_a_simple_drawing_is_asserted_of_an_exact_copy_alone() -> None:
    """A cross: its registered picture has few points, and all crosses have these."""

    def cross(width: int) -> Image.Image:
        image = Image.new("RGB", (600, 600), "white")
        draw = ImageDraw.Draw(image)
        draw.rectangle((300 - width, 60, 300 + width, 540), fill="#a02030")
        draw.rectangle((60, 300 - width, 540, 300 + width), fill="#a02030")
        draw.ellipse((250, 250, 350, 350), fill="#f0d060")
        return image

    registered = pane(cross(80), query=False)
    table = PictureTable.build([RegisteredPicture(digest(1), Standing.LIVE, [registered])])
    assert len(registered.keypoints) < REGISTERED_COUNT * REGISTERED.itemsize
    assert all(likeness.kind is Kind.POSSIBLE for likeness in found(cross(95), table))
    [copy] = found(cross(80), table)
    assert copy.kind is Kind.SAME_PICTURE


@pytest.mark.parametrize(
    "alter",
    [
        _shrunk,
        ImageOps.mirror,
        ImageOps.invert,
        lambda image: image.rotate(20, fillcolor="white"),
        lambda image: image.crop((120, 80, 600, 600)),
    ],
)
def test_a_copy_of_a_symmetric_drawing_is_found(
    signs: PictureTable, alter: Callable[[Image.Image], Image.Image]
) -> None:
    [likeness] = found(alter(Sign().drawn()), signs)
    assert likeness.kind in ASSERTING
