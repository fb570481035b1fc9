"""What is nothing but writing. Generous to drawings: by its looks, what is called text is not found."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from demo.pictures import registered, strangers
from holdout.fingerprints.decode import decode
from holdout.fingerprints.text import text_only

ENGLISH = (
    "The registry keeps what a creator says about a picture and tells it to whoever asks. Nothing in the "
    "answer says whose picture it is. A statement is in force only once it stands in the log. "
) * 6
CHINESE = "登记处保存创作者对图片所作的声明，并告知每一个前来询问的人。答复中不会透露图片属于谁。" * 8
CHINESE_FONTS = [
    Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def page(
    words: list[str], *, font: Font, size: int, shape: tuple[int, int], lines: int = 100, dark: bool = False
) -> Image.Image:
    image = Image.new("L", shape, 20 if dark else 255)
    draw, top = ImageDraw.Draw(image), size
    left = list(words)
    while left and lines and top + 2 * size < shape[1]:
        line = ""
        while left and draw.textlength(line + left[0], font=font) < shape[0] - 2 * size:
            line += left.pop(0)
        draw.text((size, top), line, font=font, fill=230 if dark else 0)
        top, lines = top + round(1.4 * size), lines - 1
    return image


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("lines", [3, 100])
@pytest.mark.parametrize("shape", [(1080, 1080), (1080, 600), (1240, 1754), (600, 400)])
@pytest.mark.parametrize("size", [14, 18, 24, 32, 48])
def test_writing_is_text(size: int, shape: tuple[int, int], lines: int, *, dark: bool) -> None:
    font = ImageFont.load_default(size=size)
    words = [f"{word} " for word in ENGLISH.split()]
    assert text_only(page(words, font=font, size=size, shape=shape, lines=lines, dark=dark))


@pytest.mark.parametrize("shape", [(1080, 1080), (600, 400)])
@pytest.mark.parametrize("size", [24, 32, 48])
def test_chinese_writing_is_text(size: int, shape: tuple[int, int]) -> None:
    found = next((path for path in CHINESE_FONTS if path.exists()), None)
    if found is None:
        pytest.skip("no Chinese font is installed")
    font = ImageFont.truetype(found, size)
    assert text_only(page(list(CHINESE), font=font, size=size, shape=shape))


def test_a_turned_page_is_text() -> None:
    font = ImageFont.load_default(size=24)
    turned = page([f"{w} " for w in ENGLISH.split()], font=font, size=24, shape=(900, 700)).rotate(
        90, expand=True
    )
    assert text_only(turned)


def test_a_page_with_a_picture_on_it_is_not_only_text() -> None:
    font = ImageFont.load_default(size=24)
    image = page([f"{w} " for w in ENGLISH.split()], font=font, size=24, shape=(900, 900), lines=12)
    ImageDraw.Draw(image).ellipse((300, 560, 600, 860), fill=90)
    assert not text_only(image)


def test_none_of_the_demonstrations_pictures_is_text() -> None:
    assert not [
        picture.name
        for picture in (*registered(), *strangers())
        if text_only(decode(picture.read()).frames[0].convert("L"))
    ]


def canvas() -> tuple[Image.Image, ImageDraw.ImageDraw, np.random.RandomState]:
    image = Image.new("L", (1000, 1000), 255)
    return image, ImageDraw.Draw(image), np.random.RandomState(3)


@pytest.mark.parametrize("strokes", [5, 20, 60, 120])
def test_line_art_is_no_text(strokes: int) -> None:
    image, draw, random = canvas()
    for _ in range(strokes):
        points = np.cumsum(random.randint(-80, 81, (8, 2)), axis=0) + random.randint(0, 1000, 2)
        draw.line([(int(x), int(y)) for x, y in points], fill=0, width=int(random.randint(1, 6)))
    assert not text_only(image)


@pytest.mark.parametrize("strokes", [50, 400, 2000])
@pytest.mark.parametrize("length", [10, 30, 80])
def test_hatching_is_no_text(strokes: int, length: int) -> None:
    image, draw, random = canvas()
    for _ in range(strokes):
        x, y, angle = *random.randint(0, 1000, 2), random.uniform(0, np.pi)
        draw.line([(x, y), (x + length * np.cos(angle), y + length * np.sin(angle))], fill=0, width=2)
    assert not text_only(image)


@pytest.mark.parametrize("uneven", [0.0, 0.5])
@pytest.mark.parametrize("step", [20, 40, 80])
def test_rows_of_dots_are_no_text(step: int, uneven: float) -> None:
    image, draw, random = canvas()
    for x in range(step, 1000, step):
        for y in range(step, 1000, step):
            radius = step / 5 * random.uniform(1 - uneven, 1 + uneven)
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=0)
    assert not text_only(image)


@pytest.mark.parametrize("panels", [1, 2, 3, 4])
def test_a_comic_page_with_speech_in_it_is_no_text(panels: int) -> None:
    image, draw, random = canvas()
    font, side = ImageFont.load_default(size=18), 1000 // panels
    for left in range(0, side * panels, side):
        for top in range(0, side * panels, side):
            draw.rectangle((left + 8, top + 8, left + side - 8, top + side - 8), outline=0, width=3)
            draw.text((left + 20, top + 16), "Have you read\nwhat they say?", font=font, fill=0)
            for _ in range(6):
                x, y = left + random.randint(30, side - 30), top + random.randint(60, side - 30)
                draw.arc((x - 20, y - 20, x + 20, y + 20), 0, random.randint(90, 360), fill=0, width=2)
    assert not text_only(image)
