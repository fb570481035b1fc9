"""A creator sees which altered copies were asked about, and how they lie on the picture."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.test import Client

from accounts.models import Organization
from consent.models import Statement
from holdout.ids import id_bits
from holdout.verdicts import MatchMethod
from lookup.hits import SeenCopy
from lookup.models import NearHit
from tests.web.test_works import form
from web.copies import drawn

INSIDE = (0.25, 0.1, 0.75, 0.1, 0.75, 0.6, 0.25, 0.6)


def copy(outline: tuple[float, ...], *, aspect: float = 1.5) -> SeenCopy:
    corners = tuple(zip(outline[::2], outline[1::2], strict=True))
    at = datetime(2026, 11, 1, tzinfo=UTC)
    return SeenCopy(at, "Vera", MatchMethod.PART_OF, False, False, corners, aspect)


def test_a_part_lies_inside_the_picture() -> None:
    drawing = drawn(copy(INSIDE))
    assert (drawing.width, drawing.view) == ("150.0", "-4.0 -4.0 158.0 108.0")
    assert drawing.points == "37.5,10.0 112.5,10.0 112.5,60.0 37.5,60.0"


def test_what_lies_far_outside_is_cut_off() -> None:
    drawing = drawn(copy((-90.0, -90.0, 90.0, -90.0, 90.0, 90.0, -90.0, 90.0), aspect=1.0))
    assert drawing.view == "-404.0 -404.0 908.0 908.0"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "a part of your picture, mirrored, with inverted colours"),
        ("zh-hans", "您图片的一部分，左右翻转，颜色反转"),
    ],
)
def test_the_page_of_a_work_shows_its_copies(
    browser: Client, vera: Organization, language: str, words: str
) -> None:
    address = browser.post("/works/new", form()).headers["Location"]
    assert b"copies-heading" not in browser.get(address).content
    NearHit.objects.create(
        statement=UUID(bytes=id_bits(Statement.objects.get().public_id)),
        organization=vera,
        method="part_of",
        mirrored=True,
        inverted=True,
        outline=list(INSIDE),
        aspect=1.5,
    )
    text = browser.get(address, headers={"Accept-Language": language}).content.decode()
    assert "Vera" in text
    assert words in text
    assert '<polygon points="37.5,10.0 112.5,10.0 112.5,60.0 37.5,60.0"/>' in text
