import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from holdout.fingerprints.perceptual import grey_thumbnail
from holdout.fingerprints.picture import Gate
from holdout.fingerprints.quality import gate
from holdout.fingerprints.vectors import texture

Levels = NDArray[np.float64]


def grid(side: int = 256) -> tuple[Levels, Levels]:
    y, x = np.mgrid[0:side, 0:side] / side
    return y, x


def grey(levels: NDArray[np.floating[Any]]) -> Image.Image:
    return Image.fromarray(np.clip(np.round(levels), 0, 255).astype(np.uint8))


def as_jpeg(image: Image.Image, *, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.convert("RGB").save(file, "JPEG", quality=quality)
    return Image.open(file)


def usable(image: Image.Image) -> bool:
    return gate(image.convert("L"), size=image.size) is Gate.OK


def sketch(*, strokes: int, width: int) -> Image.Image:
    random = np.random.RandomState(strokes)
    image = Image.new("RGB", (1600, 1600), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(strokes):
        x, y, right, down = (int(value) for value in random.randint(-400, 400, 4))
        draw.line([(800 + x, 800 + y), (800 + x + right, 800 + y + down)], fill="black", width=width)
    return image


@pytest.mark.parametrize("colour", ["white", "black", "#808080", "#123456"])
def test_a_flat_picture_is_refused(colour: str) -> None:
    assert not usable(Image.new("RGB", (300, 200), colour))


@pytest.mark.parametrize("strength", [0.5, 1, 2, 4, 6])
@pytest.mark.parametrize("side", [64, 100, 256, 600])
def test_one_colour_with_a_little_noise_is_refused(side: int, strength: float) -> None:
    noise = np.random.RandomState(1).normal(0, strength, (side, side))
    assert not usable(grey(180 + noise))
    assert not usable(as_jpeg(grey(180 + noise), quality=80))


@pytest.mark.parametrize("degrees", [0, 20, 45, 90, 155, 230, 300])
def test_a_linear_gradient_is_refused_at_any_angle(degrees: int) -> None:
    y, x = grid()
    angle = np.deg2rad(degrees)
    slope = x * np.cos(angle) + y * np.sin(angle)
    levels = 255 * (slope - slope.min()) / np.ptp(slope)
    assert not usable(grey(levels))
    assert not usable(as_jpeg(grey(levels), quality=75))


@pytest.mark.parametrize("radius", [0.5, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("centre", [(0.5, 0.5), (0.3, 0.4), (0.0, 0.0), (0.8, 0.5), (1.2, -0.2)])
def test_a_radial_gradient_is_refused_wherever_its_centre_lies(
    centre: tuple[float, float], radius: float
) -> None:
    y, x = grid()
    levels = 255 * np.clip(np.hypot(x - centre[0], y - centre[1]) / radius, 0, 1)
    assert not usable(grey(levels))
    assert not usable(grey(255 - levels))
    assert not usable(as_jpeg(grey(levels), quality=75))


def test_a_soft_glow_is_refused() -> None:
    y, x = grid()
    assert not usable(grey(255 * np.exp(-6 * ((x - 0.4) ** 2 + (y - 0.55) ** 2))))


def test_stripes_and_halves_are_refused_for_they_leave_most_of_the_code_to_chance() -> None:
    _, x = grid()
    assert not usable(grey(255.0 * (x > 0.5)))
    assert not usable(grey(255.0 * (x * 8 % 1 > 0.5)))


@pytest.mark.parametrize(("width", "height", "passes"), [(31, 500, False), (500, 31, False), (32, 32, True)])
def test_a_side_under_32_pixels_is_too_small(width: int, height: int, *, passes: bool) -> None:
    photo = Image.fromarray(texture(seed=1, width=400, height=300))
    assert usable(photo.resize((width, height))) is passes


@pytest.mark.parametrize("seed", range(10))
def test_photographs_pass(seed: int) -> None:
    photo = Image.fromarray(texture(seed=seed, width=400, height=300))
    assert usable(photo)
    assert usable(as_jpeg(photo, quality=30))


def test_a_pale_photograph_passes() -> None:
    assert usable(grey(200 + texture(seed=3, width=400, height=300) / 8.0))


@pytest.mark.parametrize("strokes", [4, 12, 40, 120])
@pytest.mark.parametrize("width", [2, 4, 10])
def test_line_art_on_white_passes(strokes: int, width: int) -> None:
    assert usable(sketch(strokes=strokes, width=width))


def test_the_thumbnail_may_be_handed_in() -> None:
    photo = Image.fromarray(texture(seed=1))
    assert (
        gate(photo, size=photo.size, thumbnail=grey_thumbnail(photo))
        is gate(photo, size=photo.size)
        is Gate.OK
    )


def test_the_gate_says_why() -> None:
    flat = Image.new("L", (300, 200), 120)
    assert gate(flat, size=(31, 500)) is Gate.TINY
    assert gate(flat, size=flat.size) is Gate.FLAT


def test_what_is_tiny_is_measured_in_the_picture_and_not_in_its_copy() -> None:
    photo = Image.fromarray(texture(seed=1)).resize((90, 24))
    assert gate(photo, size=(4000, 1067)) is Gate.OK
