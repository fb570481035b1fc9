"""The codes that a browser takes of a whole picture are those of the registry, but for a few bits."""

import io
from base64 import b64encode
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from holdout.fingerprints.distance import distance
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.fingerprints.vectors import PICTURES, png
from tests.browser.conftest import Visitor
from tests.web.test_many import photograph

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SMALL, LARGE = 2, 4
"""The most bits of 256: of what the registry looks at as it is, and of what it makes smaller."""


@pytest.fixture
def page(chromium: Browser, live_server: Any) -> Any:
    visitor = Visitor(chromium, live_server.url, width=390, dark=False, language="en")
    visitor.page.goto("/")
    yield visitor.page
    visitor.context.close()


def codes_in_browser(page: Page, data: bytes) -> dict[str, str] | None:
    codes: dict[str, str] | None = page.evaluate(
        """async (base64) => {
          const { codesOfFile } = await import("/static/web/codes.js");
          return codesOfFile(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));
        }""",
        b64encode(data).decode(),
    )
    return codes


def distances(page: Page, data: bytes) -> tuple[int, int]:
    """How far the browser's codes are from the registry's: phash, PDQ."""
    codes = codes_in_browser(page, data)
    assert codes is not None
    own = fingerprint_picture(data, query=False)
    assert own.phash is not None
    assert own.pdq is not None
    return distance(bytes.fromhex(codes["phash"]), own.phash), distance(bytes.fromhex(codes["pdq"]), own.pdq)


GATED = {"flat", "linear-gradient", "round-gradient"}


@pytest.mark.parametrize("name", sorted(set(PICTURES) - GATED))
def test_of_the_golden_pictures(page: Page, name: str) -> None:
    data = png(PICTURES[name]())
    found = distances(page, data)
    print("DISTANCE", name, found)
    assert max(found) <= (LARGE if name in {"large", "strip"} else SMALL)


@pytest.mark.parametrize("name", sorted(GATED))
def test_what_is_too_plain_to_be_compared_has_none(page: Page, name: str) -> None:
    data = png(PICTURES[name]())
    assert not fingerprint_picture(data, query=False).usable
    assert codes_in_browser(page, data) is None


@pytest.mark.parametrize(
    ("side", "seed"), [*((side, seed) for side in (640, 1000) for seed in range(6)), (3000, 0), (3000, 1)]
)
def test_of_photographs(page: Page, side: int, seed: int) -> None:
    found = distances(page, photograph(seed + 20, side=side))
    print("DISTANCE photograph", side, seed, found)
    assert max(found) <= LARGE


def test_of_a_photograph_on_its_side(page: Page) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.open(io.BytesIO(photograph(30, side=900))).save(file, "JPEG", exif=exif, quality=92)
    assert max(distances(page, file.getvalue())) <= LARGE
