"""What happens to pictures on their way round the web: a table of alterations with committed parameters.

Each takes an RGB picture, a seed and other, unrelated pictures, and gives an RGB picture, or the bytes of a
file where the file format is the alteration. Equal arguments give equal results with the same Pillow, NumPy
and OpenCV.

"Crop N" keeps 100 - N per cent of the AREA: "crop 75" leaves a quarter. "Inset 1/9" makes the picture a ninth
of the area of the picture it lies on.
"""

import argparse
import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

LONGEST: Final = 1024

_Pixels = npt.NDArray[np.uint8]
_Colour = tuple[int, int, int]
_Others = Sequence[Image.Image]
_Change = Callable[[Image.Image, np.random.Generator, _Others], Image.Image | bytes]

_WHITE: Final = (255, 255, 255)
_BLACK: Final = (0, 0, 0)
_WORDS: Final = (
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "and",
    "says",
    "it",
    "was",
    "there",
)


@dataclass(frozen=True)
class Alteration:
    """One row of the table; `group` is the class that results are added up by."""

    name: str
    group: str
    change: _Change

    def __call__(self, picture: Image.Image, seed: int, others: _Others = ()) -> Image.Image | bytes:
        """The altered copy.

        `others` are RGB pictures that have nothing to do with `picture`: collages and the like need some, and
        take flat grey where there are none.
        """
        random = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return self.change(picture, random, others)


def prepared(picture: Image.Image, longest: int = LONGEST) -> Image.Image:
    """`picture` in RGB, transparent parts on white, no longer than `longest` on its longest side."""
    if picture.mode not in ("RGB", "L"):
        rgba = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    picture = picture.convert("RGB")
    if max(picture.size) > longest:
        picture = _scaled(picture, longest / max(picture.size))
    return picture


def as_file(altered: Image.Image | bytes, quality: int = 90) -> bytes:
    """The file that would be sent on: JPEG unless the alteration has chosen already."""
    return altered if isinstance(altered, bytes) else _encoded(altered, "JPEG", quality=quality)


def as_picture(altered: Image.Image | bytes) -> Image.Image:
    """The RGB picture that a reader of the file sees on a white page, not encoded once more."""
    if isinstance(altered, Image.Image):
        return altered
    picture = Image.open(io.BytesIO(altered))
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    page = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(page, picture.convert("RGBA")).convert("RGB")


# --- helpers


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _resized(picture: Image.Image, width: float, height: float) -> Image.Image:
    return picture.resize((max(1, round(width)), max(1, round(height))), Image.Resampling.BICUBIC)


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    return _resized(picture, picture.width * factor, picture.height * factor)


def _shrunk(picture: Image.Image, longest: int) -> Image.Image:
    return _scaled(picture, min(1, longest / max(picture.size)))


def _pixels(picture: Image.Image) -> _Pixels:
    return np.asarray(picture, dtype=np.uint8)


def _picture(pixels: npt.NDArray[np.generic]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _other(random: np.random.Generator, others: _Others, width: int, height: int) -> Image.Image:
    """Any of the others, cut to fill the place."""
    if not others:
        return Image.new("RGB", (width, height), (128, 128, 128))
    return ImageOps.fit(others[int(random.integers(len(others)))], (width, height), Image.Resampling.BILINEAR)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(max(size, 6))


def _sentence(random: np.random.Generator, words: int) -> str:
    return " ".join(random.choice(_WORDS, words)).capitalize()


def _then(*changes: _Change) -> _Change:
    """One change after the other."""

    def change(picture: Image.Image, random: np.random.Generator, others: _Others) -> Image.Image | bytes:
        altered: Image.Image | bytes = picture
        for one in changes:
            altered = one(as_picture(altered), random, others)
        return altered

    return change


def _plain(function: Callable[[Image.Image], Image.Image | bytes]) -> _Change:
    """A change that needs neither chance nor other pictures."""
    return lambda picture, _random, _others: function(picture)


# --- files and sizes


def _file(picture: Image.Image, kind: str, quality: int) -> bytes:
    return _encoded(picture, kind, quality=quality)


def _gif(picture: Image.Image) -> bytes:
    return _encoded(picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE), "GIF")


def _stretch(picture: Image.Image, factor: float) -> Image.Image:
    """Wider by `factor` at the same height; below 1, narrower."""
    return _resized(picture, picture.width * factor, picture.height)


# --- blur and noise


def _noise(
    picture: Image.Image, random: np.random.Generator, _others: _Others, deviation: float
) -> Image.Image:
    pixels = _pixels(picture)
    grain = random.standard_normal(pixels.shape, dtype=np.float32)
    return _picture(pixels + deviation * grain)


def _blur(picture: Image.Image, radius: float) -> Image.Image:
    return _picture(cv2.GaussianBlur(_pixels(picture), (0, 0), radius))


# --- tone and colour


def _curve(picture: Image.Image, function: Callable[[float], float]) -> Image.Image:
    """`function` of each channel's value, both from 0 to 1."""
    return picture.point([round(255 * min(max(function(value / 255), 0), 1)) for value in range(256)] * 3)


def _mixed(picture: Image.Image, matrix: Sequence[float]) -> Image.Image:
    return picture.convert("RGB", tuple(matrix))


_SEPIA: Final = (0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0)
_WARM: Final = (1.15, 0, 0, 10, 0, 1.0, 0, 4, 0, 0, 0.72, 0)
_SWAP: Final = (0, 0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0)


def _hue(picture: Image.Image, degrees: int) -> Image.Image:
    hsv = cv2.cvtColor(_pixels(picture), cv2.COLOR_RGB2HSV)
    turned = hsv.copy()
    turned[..., 0] = (
        hsv[..., 0].astype(np.int16) + degrees // 2
    ) % 180  # OpenCV counts hue in steps of 2 degrees
    return _picture(cv2.cvtColor(turned, cv2.COLOR_HSV2RGB))


def _duotone(picture: Image.Image) -> Image.Image:
    return ImageOps.colorize(picture.convert("L"), (20, 10, 90), (255, 230, 120))


# --- geometry


def _rotate(picture: Image.Image, degrees: float, corners: _Colour) -> Image.Image:
    return picture.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=corners)


def _rotate_inside(picture: Image.Image, degrees: float) -> Image.Image:
    """Turned, and cropped to the largest rectangle of its shape that has no empty corner."""
    angle = np.deg2rad(abs(degrees))
    width, height = picture.size
    sine, cosine = float(np.sin(angle)), float(np.cos(angle))
    share = min(width / (width * cosine + height * sine), height / (width * sine + height * cosine))
    turned = picture.rotate(degrees, Image.Resampling.BICUBIC)
    left, top = width * (1 - share) / 2, height * (1 - share) / 2
    return turned.crop((round(left), round(top), round(width - left), round(height - top)))


def _crop(picture: Image.Image, random: np.random.Generator, _others: _Others, percent: float) -> Image.Image:
    """A random place of the same shape with `percent` less area."""
    share = (1 - percent / 100) ** 0.5
    width, height = round(picture.width * share), round(picture.height * share)
    left, top = random.random(2) * (picture.width - width, picture.height - height)
    return picture.crop((int(left), int(top), int(left) + width, int(top) + height))


def _crop_side(
    picture: Image.Image, random: np.random.Generator, _others: _Others, percent: float
) -> Image.Image:
    """`percent` of the area cut off one side of the four."""
    width, height = picture.size
    across, down = round(width * percent / 100), round(height * percent / 100)
    boxes = [(across, 0, width, height), (0, 0, width - across, height)]
    boxes += [(0, down, width, height), (0, 0, width, height - down)]
    return picture.crop(boxes[int(random.integers(4))])


def _perspective(
    picture: Image.Image, random: np.random.Generator, _others: _Others, most: float, ground: _Colour | None
) -> Image.Image:
    """The corners moved in by up to `most` of a side; without a `ground`, cropped to what is left."""
    width, height = picture.size
    source = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * random.uniform(most / 4, most, (4, 2))
    target = (source + inward * (width, height)).astype(np.float32)
    warped = cv2.warpPerspective(
        _pixels(picture),
        cv2.getPerspectiveTransform(source, target),
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=ground or _BLACK,
    )
    if ground is not None:
        return _picture(warped)
    left, top = target[[0, 3], 0].max(), target[[0, 1], 1].max()
    right, bottom = target[[1, 2], 0].min(), target[[2, 3], 1].min()
    return _picture(warped[int(top) + 1 : int(bottom), int(left) + 1 : int(right)])


def _photo_of_screen(picture: Image.Image, random: np.random.Generator, others: _Others) -> Image.Image:
    """Seen at an angle, with the screen's lines beating against the camera's, its glow and its noise."""
    seen = _pixels(_blur(_perspective(picture, random, others, 0.05, (14, 14, 16)), 0.8)).astype(np.float32)
    rows, columns = np.ogrid[: seen.shape[0], : seen.shape[1]]
    beat = 1 + 0.07 * np.sin(rows * 0.9 + columns * 0.13) * np.sin(columns * 0.83 - rows * 0.07)
    glow = 1.08 - 0.3 * ((columns / seen.shape[1] - 0.4) ** 2 + (rows / seen.shape[0] - 0.4) ** 2)
    seen *= (beat * glow)[..., None].astype(np.float32) * np.array([0.95, 1.0, 1.08], np.float32)
    return _noise(_picture(seen), random, others, 6)


# --- borders, frames and things laid over


def _border(picture: Image.Image, share: float, colour: _Colour) -> Image.Image:
    return ImageOps.expand(picture, round(share * max(picture.size)), colour)


def _blurred_background(picture: Image.Image, width: int, height: int) -> Image.Image:
    """The whole picture before a blurred and enlarged copy of itself, as phones show what is too narrow."""
    # Enlarged from a thumbnail: that is the blur, at a hundredth of the cost.
    small = ImageOps.fit(picture, (max(width // 24, 2), max(height // 24, 2)), Image.Resampling.BOX)
    ground = small.resize((width, height), Image.Resampling.BICUBIC)
    ground.paste(picture, ((width - picture.width) // 2, (height - picture.height) // 2))
    return ground


def _blurred_portrait(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    return _blurred_background(picture, max(width, round(height * 0.75)), max(height, round(width / 0.75)))


def _square(picture: Image.Image, colour: _Colour) -> Image.Image:
    side = round(max(picture.size) * 1.02)
    return ImageOps.pad(picture, (side, side), Image.Resampling.BICUBIC, color=colour)


def _tiled_watermark(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """Slanted, half transparent text all over, grey: to be seen on dark and on light."""
    size = max(picture.size) // 28
    reach = round(1.5 * max(picture.size))
    layer = Image.new("L", (reach, reach))
    draw, text = ImageDraw.Draw(layer), f"© {_sentence(random, 2)}"
    for row, top in enumerate(range(0, reach, size * 4)):
        for left in range(-(row % 2) * size * 6, reach, size * 13):
            draw.text((left, top), text, 150, _font(size))
    layer = layer.rotate(30, Image.Resampling.BILINEAR)
    left, top = (reach - picture.width) // 2, (reach - picture.height) // 2
    mask = layer.crop((left, top, left + picture.width, top + picture.height))
    return Image.composite(Image.new("RGB", picture.size, (150, 150, 150)), picture, mask)


def _logo(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """A maker's mark in one corner, about a sixth of the width."""
    altered = picture.copy()
    draw, side = ImageDraw.Draw(altered), round(min(picture.size) * 0.17)
    left = int(random.choice([side // 4, picture.width - side * 5 // 4]))
    top = int(random.choice([side // 4, picture.height - side * 5 // 4]))
    draw.ellipse(
        (left, top, left + side, top + side), tuple(random.integers(0, 256, 3).tolist()), _WHITE, side // 16
    )
    draw.text((left + side / 2, top + side / 2), "HQ", _WHITE, _font(side // 2), anchor="mm")
    return altered


def _caption_bar(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """White bar with two lines of text above the picture."""
    size = max(picture.width // 22, 8)
    altered = Image.new("RGB", (picture.width, picture.height + 4 * size), _WHITE)
    altered.paste(picture, (0, 4 * size))
    draw = ImageDraw.Draw(altered)
    for line in range(2):
        draw.text((size, size * (0.6 + 1.4 * line)), _sentence(random, 7), _BLACK, _font(size))
    return altered


def _meme_text(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """Outlined capitals at the top and at the bottom."""
    altered = picture.copy()
    draw, size = ImageDraw.Draw(altered), max(picture.width // 11, 10)
    for anchor, top in (("ma", size * 0.2), ("md", picture.height - size * 0.2)):
        draw.text(
            (picture.width / 2, top), _sentence(random, 3).upper(), _WHITE, _font(size), anchor=anchor,
            stroke_width=max(size // 12, 1), stroke_fill=_BLACK,
        )  # fmt: skip
    return altered


def _stickers(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """Six round faces with a white rim."""
    altered = picture.copy()
    draw = ImageDraw.Draw(altered)
    for x, y, size in random.random((6, 3)):
        radius = min(picture.size) * (0.05 + 0.05 * size)
        x, y = x * picture.width, y * picture.height
        draw.circle((x, y), radius * 1.12, _WHITE)
        draw.circle((x, y), radius, (255, 205, 40))
        for side in (-0.35, 0.35):
            draw.circle((x + side * radius, y - 0.2 * radius), radius * 0.12, (60, 40, 0))
        box = (x - radius * 0.5, y - radius * 0.4, x + radius * 0.5, y + radius * 0.6)
        draw.arc(box, 20, 160, (60, 40, 0), max(round(radius * 0.1), 1))
    return altered


def _date_stamp(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """A camera's date stamp."""
    altered = picture.copy()
    size = max(picture.width // 18, 8)
    day, hour = random.integers(1, 29), random.integers(0, 24)
    place = (picture.width - size, picture.height - size)
    ImageDraw.Draw(altered).text(place, f"'98 10 {day} {hour}:07", (255, 140, 30), _font(size), anchor="rd")
    return altered


def _framed(picture: Image.Image, mat: _Colour, frame: _Colour, wall: _Colour | None) -> Image.Image:
    """Behind a mat in a bevelled frame, on a wall if there is one."""
    unit = max(picture.size) / 100
    altered = ImageOps.expand(
        ImageOps.expand(picture, max(round(unit / 4), 1), (90, 90, 90)), round(6 * unit), mat
    )
    for step in range(4):
        shade = 0.7 + 0.15 * step
        colour = (round(frame[0] * shade), round(frame[1] * shade), round(frame[2] * shade))
        altered = ImageOps.expand(altered, max(round(unit), 1), colour)
    return altered if wall is None else ImageOps.expand(altered, round(10 * unit), wall)


# --- pictures among other things


def _lines(
    draw: ImageDraw.ImageDraw,
    random: np.random.Generator,
    place: tuple[int, int],
    size: int,
    ink: _Colour,
    count: int,
) -> None:
    for line in range(count):
        draw.text((place[0], place[1] + line * size * 1.5), _sentence(random, 8), ink, _font(size))


def _phone(picture: Image.Image, random: np.random.Generator, _others: _Others, dark: bool) -> Image.Image:
    """A post in a phone's app: bars, name and text above, buttons and text below."""
    width = 540
    ground, ink = (_BLACK, (235, 235, 235)) if dark else (_WHITE, (20, 20, 20))
    shown = _resized(picture, width, min(picture.height * width / picture.width, 900))
    screen = Image.new("RGB", (width, shown.height + 300), ground)
    draw = ImageDraw.Draw(screen)
    draw.text((24, 8), "12:07", ink, _font(20))
    draw.rectangle((width - 70, 12, width - 24, 30), outline=ink, width=2)
    draw.circle((44, 78), 26, (200, 80, 120))
    _lines(draw, random, (84, 54), 19, ink, 2)
    screen.paste(shown, (0, 120))
    below = 120 + shown.height
    for button in range(4):
        draw.circle((36 + button * 52, below + 32), 15, outline=ink, width=3)
    _lines(draw, random, (20, below + 64), 18, ink, 3)
    draw.rectangle((0, screen.height - 44, width, screen.height), (128, 128, 128))
    return screen


def _browser(picture: Image.Image, random: np.random.Generator, others: _Others) -> Image.Image:
    """A page of 1,280 x 800 with the picture in its column, beside text and another picture."""
    page = Image.new("RGB", (1280, 800), (250, 250, 252))
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 1280, 84), (222, 225, 230))
    draw.rounded_rectangle((120, 44, 1100, 76), 14, _WHITE)
    draw.text((140, 50), "https://example.org/gallery/2031", (70, 70, 70), _font(17))
    draw.text((80, 104), _sentence(random, 5), (15, 15, 15), _font(34))
    shown = ImageOps.contain(picture, (760, 560), Image.Resampling.BICUBIC)
    page.paste(shown, (80, 160))
    _lines(draw, random, (80, 176 + shown.height), 18, (60, 60, 60), 2)
    page.paste(_other(random, others, 300, 200), (900, 160))
    _lines(draw, random, (900, 380), 17, (60, 60, 60), 12)
    return page


def _collage(
    picture: Image.Image, random: np.random.Generator, others: _Others, columns: int, rows: int, gap: int
) -> Image.Image:
    """A grid of other pictures with this one, whole, in a random cell of its own shape."""
    cell = ImageOps.contain(picture, (1600 // columns, 1600 // rows), Image.Resampling.BICUBIC)
    cell = cell if cell.width <= picture.width else picture
    width, height = cell.size
    canvas = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), _WHITE)
    own = int(random.integers(columns * rows))
    for place in range(columns * rows):
        shown = cell if place == own else _other(random, others, width, height)
        canvas.paste(shown, (gap + place % columns * (width + gap), gap + place // columns * (height + gap)))
    return canvas


def _nine(picture: Image.Image, random: np.random.Generator, others: _Others, middle: bool) -> Image.Image:
    """A post of nine square pictures, each cut to its middle."""
    side, gap = 340, 8
    canvas = Image.new("RGB", (3 * side + 2 * gap, 3 * side + 2 * gap), _WHITE)
    own = 4 if middle else int(random.integers(9))
    for place in range(9):
        square = (side, side)
        shown = ImageOps.fit(picture, square) if place == own else _other(random, others, side, side)
        canvas.paste(shown, (place % 3 * (side + gap), place // 3 * (side + gap)))
    return canvas


def _inset(picture: Image.Image, random: np.random.Generator, others: _Others, area: float) -> Image.Image:
    """On another picture, taking `area` of it, anywhere."""
    width, height = picture.size
    scale = LONGEST / max(picture.size)
    ground = _other(random, others, round(width * scale), round(height * scale))
    small = _scaled(picture, scale * area**0.5)
    left, top = random.random(2) * (ground.width - small.width, ground.height - small.height)
    ground.paste(small, (int(left), int(top)))
    return ground


def _in_corner(picture: Image.Image, random: np.random.Generator, others: _Others) -> Image.Image:
    """Picture in picture: a sixth of a 16:9 frame, rimmed, in a corner."""
    ground = _other(random, others, 1280, 720)
    small = ImageOps.expand(ImageOps.contain(picture, (520, 294), Image.Resampling.BICUBIC), 3, _WHITE)
    left = int(random.choice([24, ground.width - small.width - 24]))
    top = int(random.choice([24, ground.height - small.height - 24]))
    ground.paste(small, (left, top))
    return ground


def _strip(
    picture: Image.Image, random: np.random.Generator, others: _Others, panels: int, own: int
) -> Image.Image:
    """A comic strip to scroll through, 800 wide, with the picture as panel number `own`."""
    shown = [_resized(picture, 760, picture.height * 760 / picture.width)]
    for _ in range(panels - 1):
        shown.append(_other(random, others, 760, int(random.integers(350, 800))))
    shown.insert(own, shown.pop(0))
    strip = Image.new("RGB", (800, 30 + sum(panel.height + 30 for panel in shown)), _WHITE)
    top = 30
    for panel in shown:
        strip.paste(panel, (20, top))
        top += panel.height + 30
    return strip


# --- drawn again


def _edges(picture: Image.Image) -> Image.Image:
    """Dark lines on white where the picture has edges."""
    grey = cv2.GaussianBlur(_pixels(picture.convert("L")), (0, 0), 1.2)
    across, down = cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    # Not cv2.magnitude: its last bits depend on where in memory the arrays lie.
    return _picture(255 - 1.6 * np.sqrt(across * across + down * down)).convert("RGB")


def _pencil(picture: Image.Image) -> Image.Image:
    """Colour dodge of the grey picture with its blurred negative."""
    grey = _pixels(picture.convert("L"))
    blurred = cv2.GaussianBlur(255 - grey, (0, 0), 6)
    return _picture(cv2.divide(grey, 255 - blurred, scale=250)).convert("RGB")


def _oil(picture: Image.Image) -> Image.Image:
    """Kuwahara's filter: each pixel becomes the mean of the calmest of the four squares it is a corner of."""
    half = _pixels(_scaled(picture, 0.5))
    shift = max(1, round(max(picture.size) / 340))  # the strokes grow with the picture
    size = (2 * shift + 1, 2 * shift + 1)
    grey = cv2.cvtColor(half, cv2.COLOR_RGB2GRAY).astype(np.int32)
    mean = cv2.blur(half, size)
    # Whole numbers throughout: of two equally flat squares the first must win, not the rounding.
    count = size[0] * size[1]
    sums = cv2.boxFilter(grey.astype(np.float64), -1, size, normalize=False)
    squares = cv2.boxFilter((grey * grey).astype(np.float64), -1, size, normalize=False)
    spread = count * squares - sums * sums
    best, least = mean, np.full(spread.shape, np.inf)
    for down, across in ((-shift, -shift), (-shift, shift), (shift, -shift), (shift, shift)):
        here = np.roll(spread, (down, across), (0, 1))
        smaller = here < least
        least = np.where(smaller, here, least)
        best = np.where(smaller[..., None], np.roll(mean, (down, across), (0, 1)), best)
    return _resized(_picture(best), picture.width, picture.height)


def _cartoon(picture: Image.Image) -> Image.Image:
    """Few flat colours with dark outlines."""
    calm = cv2.medianBlur(_pixels(picture), 7)
    flat = (calm // 43 * 43 + 21).astype(np.uint8)
    grey = cv2.medianBlur(_pixels(picture.convert("L")), 5)
    lines = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 5)
    return _picture(np.where(lines[..., None] > 0, flat, flat // 4))


def _painterly(picture: Image.Image) -> Image.Image:
    """Broad flat strokes, then a little more colour."""
    calm = cv2.medianBlur(cv2.medianBlur(_pixels(_shrunk(picture, 512)), 7), 5)
    return ImageEnhance.Color(_resized(_picture(calm), picture.width, picture.height)).enhance(1.4)


def _mode(picture: Image.Image) -> Image.Image:
    """The most frequent grey of each neighbourhood, with the picture's own colours."""
    small = _shrunk(picture, 360).filter(ImageFilter.ModeFilter(5))
    return _resized(small, picture.width, picture.height)


# --- covered


def _block(
    picture: Image.Image, random: np.random.Generator, _others: _Others, percent: float
) -> Image.Image:
    """A grey rectangle of the picture's shape over `percent` of its area."""
    altered, share = picture.copy(), (percent / 100) ** 0.5
    width, height = picture.width * share, picture.height * share
    left, top = random.random(2) * (picture.width - width, picture.height - height)
    ImageDraw.Draw(altered).rectangle((left, top, left + width, top + height), (90, 90, 90))
    return altered


def _patches(
    picture: Image.Image, random: np.random.Generator, _others: _Others, percent: float
) -> Image.Image:
    """`percent` of the cells of an 8 x 8 grid, each of a colour of its own."""
    altered = picture.copy()
    draw = ImageDraw.Draw(altered)
    for cell in random.permutation(64)[: round(64 * percent / 100)]:
        left, top = cell % 8 * picture.width / 8, cell // 8 * picture.height / 8
        box = (left, top, left + picture.width / 8, top + picture.height / 8)
        draw.rectangle(box, tuple(random.integers(0, 256, 3).tolist()))
    return altered


def _ellipse(picture: Image.Image, random: np.random.Generator, _others: _Others) -> Image.Image:
    """An upright oval in the middle half, as one hides a face: 12 % of the area."""
    altered = picture.copy()
    x = picture.width * random.uniform(0.35, 0.65)
    y = picture.height * random.uniform(0.35, 0.65)
    across, down = picture.width * 0.17, picture.height * 0.225
    ImageDraw.Draw(altered).ellipse((x - across, y - down, x + across, y + down), (235, 200, 175))
    return altered


# --- the table

_Named = dict[str, _Change]


def _jpeg(quality: int) -> _Change:
    return _plain(partial(_file, kind="JPEG", quality=quality))


_MIRROR: Final = _plain(ImageOps.mirror)
_TRANSPOSED: Final = Image.Transpose

_TABLE: Final[dict[str, _Named]] = {
    "reencode": {
        **{f"jpeg {quality}": _jpeg(quality) for quality in (90, 70, 50, 30, 15)},
        "webp 50": _plain(partial(_file, kind="WEBP", quality=50)),
        "gif": _plain(_gif),
    },
    "resize": {
        "half": _plain(partial(_scaled, factor=0.5)),
        "quarter": _plain(partial(_scaled, factor=0.25)),
        "six tenths": _plain(partial(_scaled, factor=0.6)),
        "double": _plain(partial(_scaled, factor=2)),
    },
    "aspect": {f"stretch {factor}": _plain(partial(_stretch, factor=factor)) for factor in (1.2, 1.1, 0.8)},
    "blur": {
        "blur 1": _plain(partial(_blur, radius=1)),
        "blur 2": _plain(partial(_blur, radius=2)),
        "noise 8": partial(_noise, deviation=8),
        "noise 15": partial(_noise, deviation=15),
        "sharpen": _plain(lambda picture: picture.filter(ImageFilter.UnsharpMask(2, 150))),
        "median": _plain(lambda picture: _picture(cv2.medianBlur(_pixels(picture), 5))),
    },
    "tone": {
        "gamma 0.5": _plain(partial(_curve, function=lambda value: value**0.5)),
        "gamma 2": _plain(partial(_curve, function=lambda value: value**2)),
        "brighter": _plain(partial(_curve, function=lambda value: value * 1.4)),
        "darker": _plain(partial(_curve, function=lambda value: value * 0.6)),
        "more contrast": _plain(partial(_curve, function=lambda value: 0.5 + 1.6 * (value - 0.5))),
        "less contrast": _plain(partial(_curve, function=lambda value: 0.5 + 0.5 * (value - 0.5))),
        "levels": _plain(partial(_curve, function=lambda value: (value - 0.12) / 0.7)),
        "fade": _plain(partial(_curve, function=lambda value: 0.25 + 0.6 * value)),
        "equalise": _plain(ImageOps.equalize),
    },
    "colour": {
        "grey": _plain(lambda picture: picture.convert("L").convert("RGB")),
        "sepia": _plain(partial(_mixed, matrix=_SEPIA)),
        "saturation 0.4": _plain(lambda picture: ImageEnhance.Color(picture).enhance(0.4)),
        "saturation 2": _plain(lambda picture: ImageEnhance.Color(picture).enhance(2)),
        "hue 60": _plain(partial(_hue, degrees=60)),
        "hue 180": _plain(partial(_hue, degrees=180)),
        "invert": _plain(ImageChops.invert),
        "channels swapped": _plain(partial(_mixed, matrix=_SWAP)),
        "warm tint": _plain(partial(_mixed, matrix=_WARM)),
        "posterise": _plain(lambda picture: ImageOps.posterize(picture, 2)),
        "duotone": _plain(_duotone),
    },
    "flip": {"mirror": _MIRROR, "upside down": _plain(ImageOps.flip)},
    "rot90": {
        "rotate 90": _plain(lambda picture: picture.transpose(_TRANSPOSED.ROTATE_90)),
        "rotate 180": _plain(lambda picture: picture.transpose(_TRANSPOSED.ROTATE_180)),
        "rotate 270": _plain(lambda picture: picture.transpose(_TRANSPOSED.ROTATE_270)),
    },
    "rotate": {
        "rotate 2 cropped": _plain(partial(_rotate_inside, degrees=2)),
        "rotate 5 black": _plain(partial(_rotate, degrees=5, corners=_BLACK)),
        "rotate 5 cropped": _plain(partial(_rotate_inside, degrees=-5)),
        "rotate 10 white": _plain(partial(_rotate, degrees=-10, corners=_WHITE)),
        "rotate 20 black": _plain(partial(_rotate, degrees=20, corners=_BLACK)),
        "rotate 45 white": _plain(partial(_rotate, degrees=45, corners=_WHITE)),
    },
    **{
        f"crop{percent}": {
            f"crop {percent}": partial(_crop, percent=percent),
            f"crop {percent} off one side": partial(_crop_side, percent=percent),
        }
        for percent in (5, 10, 20, 30, 50, 75)
    },
    "border": {
        "white border": _plain(partial(_border, share=0.06, colour=_WHITE)),
        "black border": _plain(partial(_border, share=0.12, colour=_BLACK)),
        "blurred border": _plain(_blurred_portrait),
        "padded to square": _plain(partial(_square, colour=_WHITE)),
    },
    "overlay": {
        "tiled watermark": _tiled_watermark,
        "logo": _logo,
        "caption bar": _caption_bar,
        "meme text": _meme_text,
        "stickers": _stickers,
        "date stamp": _date_stamp,
    },
    "frame": {
        "wooden frame": _plain(partial(_framed, mat=(245, 242, 232), frame=(110, 70, 35), wall=None)),
        "frame on a wall": _plain(
            partial(_framed, mat=_WHITE, frame=(30, 30, 30), wall=(186, 178, 164)),
        ),
    },
    "screenshot": {
        "phone": partial(_phone, dark=False),
        "phone, dark": partial(_phone, dark=True),
        "browser": _browser,
    },
    "collage": {
        "collage 2 x 1": partial(_collage, columns=2, rows=1, gap=0),
        "collage 2 x 2": partial(_collage, columns=2, rows=2, gap=12),
        "collage 3 x 1": partial(_collage, columns=3, rows=1, gap=6),
    },
    "inset": {
        "inset 1/4": partial(_inset, area=1 / 4),
        "inset 1/9": partial(_inset, area=1 / 9),
        "picture in picture": _in_corner,
    },
    "sketch": {"edges": _plain(_edges), "pencil": _plain(_pencil)},
    "style": {
        "oil": _plain(_oil),
        "cartoon": _plain(_cartoon),
        "painterly": _plain(_painterly),
        "mode filter": _plain(_mode),
    },
    "cover": {
        "block over 20": partial(_block, percent=20),
        "patches over 30": partial(_patches, percent=30),
        "oval": _ellipse,
    },
    "perspective": {
        "perspective": partial(_perspective, most=0.08, ground=None),
        "perspective on white": partial(_perspective, most=0.12, ground=_WHITE),
        "photo of a screen": _photo_of_screen,
    },
    "combo": {
        "recolour, mirror, crop": _then(
            _plain(partial(_hue, degrees=120)), _MIRROR, partial(_crop, percent=20)
        ),
        "crop, text, jpeg": _then(partial(_crop, percent=15), _meme_text, _jpeg(50)),
        "screenshot, jpeg, resize": _then(
            partial(_phone, dark=False), _jpeg(30), _plain(partial(_scaled, factor=0.6))
        ),
        "rotate, crop, border": _then(
            _plain(partial(_rotate_inside, degrees=4)),
            partial(_crop, percent=10),
            _plain(partial(_border, share=0.05, colour=_BLACK)),
        ),
        "border, resize, jpeg": _then(
            _plain(partial(_border, share=0.08, colour=_WHITE)),
            _plain(partial(_scaled, factor=0.5)),
            _jpeg(40),
        ),
        "mirror, overlay": _then(_MIRROR, _tiled_watermark, _logo),
    },
    "strips": {
        "strip of 3": partial(_strip, panels=3, own=1),
        "strip of 6": partial(_strip, panels=6, own=3),
    },
    "ninegrid": {
        "nine, in the middle": partial(_nine, middle=True),
        "nine, anywhere": partial(_nine, middle=False),
    },
}

ALTERATIONS: Final = tuple(
    Alteration(name, group, change) for group, named in _TABLE.items() for name, change in named.items()
)


def main() -> None:
    """Write every alteration of one picture into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--others", type=Path, nargs="*", default=[], help="unrelated pictures")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    picture = prepared(Image.open(arguments.picture))
    others = [prepared(Image.open(path)) for path in arguments.others]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for alteration in ALTERATIONS:
        file = as_file(alteration(picture, arguments.seed, others))
        kind: Literal["jpg", "webp", "gif"] = "jpg"
        if file.startswith(b"GIF"):
            kind = "gif"
        elif file.startswith(b"RIFF"):
            kind = "webp"
        name = f"{alteration.group} {alteration.name}".replace("/", "of").replace(",", "").replace(" ", "-")
        (arguments.folder / f"{name}.{kind}").write_bytes(file)


if __name__ == "__main__":
    main()
