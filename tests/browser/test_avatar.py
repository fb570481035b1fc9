"""An avatar is marked on the device: each design shows, the preview is what is taken, nothing is sent."""

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from django.contrib.staticfiles import finders
from PIL import ExifTags, Image
from playwright.sync_api import Browser, Download, Page, Request, expect

from holdout.fingerprints.describe import describe
from registry.generic import deny_list, without_generic
from tests.browser.conftest import SCREENSHOTS, Visitor
from tests.web.conftest import picture
from web.views.avatar import DESIGNS, WORDS

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ENDING: Final = {"square": "", "round": "-round"}
SIZE: Final = re.compile(r' font-size="\d+"')


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


def choose(page: Page, design: str) -> None:
    page.locator(f"#design-{design}").check()


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
        choose(page, design)
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


def sideways(path: Path) -> Path:
    """A JPEG whose upper half is lime and whose lower half is navy once it is turned as its EXIF says."""
    image = Image.new("RGB", (80, 40), "navy")
    image.paste("lime", (0, 0, 40, 40))
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    image.save(path, exif=turned, quality=95, subsampling=0)
    return path


def is_lime(image: Image.Image, x: int, y: int) -> bool:
    red, green, blue, _alpha = np.asarray(image)[y, x].tolist()
    return bool(green > 200 and red < 60 and blue < 60)


def test_a_picture_is_turned_as_its_exif_says_and_moved_as_one_likes(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#part")).to_be_hidden()
    page.locator("#picture").set_input_files(sideways(tmp_path / "me.jpg"))
    expect(page.locator("#part")).to_be_visible()
    image = png(page)  # the middle of 40 x 80
    assert [is_lime(image, x, 60) for x in (40, 470)] == [True, True]
    assert [is_lime(image, x, 340) for x in (40, 470)] == [False, False]
    page.locator("#down").fill("-1")
    assert is_lime(png(page), 256, 340)  # its upper half
    page.locator("#down").fill("1")
    assert not is_lime(png(page), 256, 60)  # its lower half
    page.locator("#down").fill("0.5")
    page.locator("#zoom").fill("3")
    assert not is_lime(png(page), 256, 60)


ESCAPES: Final = """async ([module, design, words, alone]) => {
  const { DESIGNS, draw } = await import(module);
  const context = document.createElement("canvas").getContext("2d");
  context.canvas.width = context.canvas.height = 512;
  const marks = DESIGNS[design](words, "#a61b1b", "#ffffff", true);
  draw(context, alone ? marks : marks.filter((mark) => mark.words !== undefined), 512);
  const pixels = context.getImageData(0, 0, 512, 512).data;
  let outside = 0;
  for (let i = 0; i < 512 * 512; i++) {
    const away = Math.hypot((i % 512) - 255.5, Math.floor(i / 512) - 255.5);
    if (away > 256.5 && pixels[4 * i + 3] > 0) outside++;
  }
  return outside;
}"""


@pytest.mark.parametrize("words", WORDS)
def test_a_round_picture_cuts_nothing_that_is_to_be_read(page: Page, words: str) -> None:
    module = page.locator("script[type=module]").get_attribute("src")
    for design in DESIGNS:
        alone = design in {"corner", "spark"}  # the others reach to the edge; their words do not
        assert page.evaluate(ESCAPES, [module, design, words, alone]) == 0, design


BESIDE: Final = """async ([module, design, words, round]) => {
  const { DESIGNS, draw } = await import(module);
  const drawn = (marks) => {
    const context = document.createElement("canvas").getContext("2d");
    context.canvas.width = context.canvas.height = 512;
    draw(context, marks, 512);
    return context.getImageData(0, 0, 512, 512).data;
  };
  const marks = DESIGNS[design](words, "#a61b1b", "#ffffff", round);
  const letters = drawn(marks.filter((mark) => mark.words !== undefined));
  const ground = drawn(marks.filter((mark) => mark.words === undefined));
  let beside = 0;
  for (let i = 3; i < letters.length; i += 4) if (letters[i] > 0 && ground[i] === 0) beside++;
  return beside;
}"""


@pytest.mark.parametrize("words", WORDS)
def test_the_words_stand_on_their_ground(page: Page, words: str) -> None:
    module = page.locator("script[type=module]").get_attribute("src")
    for design in DESIGNS:
        for shape in (False, True):
            assert page.evaluate(BESIDE, [module, design, words, shape]) == 0, (design, shape)


@pytest.mark.parametrize("design", DESIGNS)
def test_the_plain_file_is_what_the_maker_makes(page: Page, design: str) -> None:
    """But for the size of its letters, which follows from the fonts of the machine that measured them."""
    choose(page, design)
    made = taken(page, "#svg").decode()
    if folder := os.environ.get("HOLDOUT_DESIGNS"):  # how web/static/web/avatar was made
        (Path(folder) / f"{design}.svg").write_text(made)
    found = finders.find(f"web/avatar/{design}.svg")
    assert isinstance(found, str)
    kept = Path(found).read_text()
    assert SIZE.sub("", made).strip() == SIZE.sub("", kept).strip()


def test_a_keyboard_is_enough_and_the_preview_says_what_it_shows(page: Page) -> None:
    page.locator("#design-bar").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#design-ring")).to_be_checked()
    expect(page.locator("#preview")).to_have_attribute("aria-label", re.compile("No AI$"))
    page.keyboard.press("Tab")
    expect(page.locator("#words")).to_be_focused()


def test_without_a_script_the_marks_are_there_to_be_taken(chromium: Browser, live_server: Any) -> None:
    context = chromium.new_context(
        base_url=live_server.url, java_script_enabled=False, viewport={"width": 390, "height": 900}
    )
    page = context.new_page()
    page.goto("/avatar")
    if SCREENSHOTS:
        page.screenshot(path=Path(SCREENSHOTS) / "avatar-without-script.png", full_page=True)
    expect(page.locator("noscript li a")).to_have_count(len(DESIGNS))
    expect(page.locator("#avatar")).to_be_hidden()
    with page.expect_download() as waiting:
        page.locator("noscript li a").first.click()
    assert Path(waiting.value.path()).read_text().startswith("<svg ")
    context.close()


def test_what_is_no_picture_is_said_so(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "me.png"
    file.write_bytes(b"GARBAGE" * 99)
    page.locator("#picture").set_input_files(file)
    expect(page.locator("#alarm")).to_be_visible()
    whole = tmp_path / "whole.png"
    whole.write_bytes(picture())
    page.locator("#picture").set_input_files(whole)
    expect(page.locator("#alarm")).to_be_hidden()


@pytest.mark.parametrize("shape", ["square", "round"])
@pytest.mark.parametrize("design", DESIGNS)
def test_nobody_reserves_a_design(page: Page, design: str, shape: str) -> None:
    """What everybody may put on their avatar is in nobody's name: it has no looks in the index."""
    page.locator("#shape").select_option(shape)
    page.locator("#words").select_option("No AI")
    choose(page, design)
    file = io.BytesIO()
    Image.alpha_composite(Image.new("RGBA", (512, 512), "white"), png(page)).convert("RGB").save(file, "PNG")
    if folder := os.environ.get("HOLDOUT_DESIGNS"):  # how holdout/fingerprints/generic/designs was made
        (Path(folder) / f"{design}{ENDING[shape]}.png").write_bytes(file.getvalue())
    registered = without_generic(
        describe(file.getvalue(), query=True), describe(file.getvalue(), query=False), generic=deny_list()
    )
    assert not any(pane.phash or pane.keypoints for pane in registered.panes)
