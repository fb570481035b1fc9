"""An avatar is marked on the device: each design shows, the preview is what is taken, nothing is sent."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Download, Page, Request, expect

from holdout.fingerprints.describe import describe
from registry.generic import deny_list, without_generic
from tests.browser.conftest import Visitor
from tests.web.conftest import picture

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DESIGNS = ("bar", "ring", "band", "corner", "spark")


@pytest.fixture
def page(chromium: Browser, live_server: Any) -> Iterator[Page]:
    visitor = Visitor(chromium, live_server.url, width=390, dark=False, language="zh-CN")
    visitor.page.goto("/avatar")
    expect(visitor.page.locator("#avatar")).to_be_visible()
    yield visitor.page
    assert visitor.complaints == []
    visitor.context.close()


def taken(page: Page, selector: str) -> bytes:
    with page.expect_download() as waiting:
        page.locator(selector).click()
    download: Download = waiting.value
    return Path(download.path()).read_bytes()


def png(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(taken(page, "#avatar .button:not(.quiet)"))).convert("RGBA")


def test_every_design_marks_the_picture_and_nothing_is_sent(page: Page, tmp_path: Path) -> None:
    sent: list[Request] = []
    page.on("request", lambda request: sent.append(request))
    file = tmp_path / "me.png"
    file.write_bytes(picture("navy"))
    page.locator("#picture").set_input_files(file)
    marked = set()
    for design in DESIGNS:
        page.locator("#design").select_option(design)
        image = png(page)
        assert image.size == (512, 512)
        pixels = np.asarray(image).astype(int)
        assert pixels[120, 256].tolist() == [0, 0, 128, 255]  # the picture
        red = (pixels[..., 0] > 120) & (pixels[..., 1] < 60) & (pixels[..., 2] < 60)
        assert red.sum() > 5_000, design
        marked.add(image.tobytes())
    assert len(marked) == len(DESIGNS)
    assert [request.url for request in sent if not request.url.startswith("blob:")] == []


def test_size_shape_and_words_are_as_chosen(page: Page) -> None:
    page.locator("#size").select_option("1024")
    page.locator("#shape").select_option("round")
    before = png(page)
    assert before.size == (1024, 1024)
    assert np.asarray(before)[1022, 2, 3] == 0  # outside the circle
    page.locator("#words").select_option("拒绝 AI 训练")
    assert png(page).tobytes() != before.tobytes()
    svg = taken(page, "#svg").decode()
    assert svg.startswith("<svg ")
    assert "拒绝 AI 训练" in svg
    assert "<script" not in svg


def test_what_is_no_picture_is_said_so(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "me.png"
    file.write_bytes(b"GARBAGE" * 99)
    page.locator("#picture").set_input_files(file)
    expect(page.locator("#alarm")).to_be_visible()
    whole = tmp_path / "whole.png"
    whole.write_bytes(picture())
    page.locator("#picture").set_input_files(whole)
    expect(page.locator("#alarm")).to_be_hidden()


@pytest.mark.parametrize("design", DESIGNS)
def test_nobody_reserves_a_design(page: Page, design: str) -> None:
    """What everybody may put on their avatar is in nobody's name: it has no looks in the index."""
    page.locator("#words").select_option("No AI")
    page.locator("#design").select_option(design)
    file = io.BytesIO()
    Image.alpha_composite(Image.new("RGBA", (512, 512), "white"), png(page)).convert("RGB").save(file, "PNG")
    if folder := os.environ.get("HOLDOUT_DESIGNS"):  # how holdout/fingerprints/generic/designs was made
        (Path(folder) / f"{design}.png").write_bytes(file.getvalue())
    registered = without_generic(
        describe(file.getvalue(), query=True), describe(file.getvalue(), query=False), generic=deny_list()
    )
    assert not any(pane.phash or pane.keypoints for pane in registered.panes)
