import io
from functools import cache
from itertools import combinations

import imagehash
import numpy as np
import pytest
from PIL import Image

from holdout.fingerprints.algorithms import PHASH_256
from holdout.fingerprints.decode import decode
from holdout.fingerprints.distance import distance, hamming
from holdout.fingerprints.perceptual import grey_thumbnail, phash_256, phash_256_orientations
from holdout.fingerprints.vectors import PICTURES, png, texture


@cache
def photo(*, seed: int) -> Image.Image:
    bands = [texture(seed=seed * 3 + band, width=320, height=240) for band in range(3)]
    return Image.fromarray(np.dstack(bands))


def encoded(image: Image.Image, kind: str, **options: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return decode(file.getvalue()).frames[0]


@pytest.mark.parametrize("name", PICTURES)
def test_the_code_is_imagehashs_in_imagehashs_bit_order(name: str) -> None:
    image = decode(png(PICTURES[name]())).frames[0]
    assert phash_256(image).hex() == str(imagehash.phash(image, hash_size=16))


@pytest.mark.parametrize("name", PICTURES)
def test_the_code_of_the_thumbnail_is_the_code_of_the_picture(name: str) -> None:
    image = decode(png(PICTURES[name]())).frames[0]
    assert phash_256(grey_thumbnail(image)) == phash_256(image)
    assert phash_256_orientations(image)[0].tobytes() == phash_256(image)


def test_orientations_are_eight_rows_of_32_bytes() -> None:
    codes = phash_256_orientations(photo(seed=1))
    assert codes.shape == (8, 32)
    assert codes.dtype == np.uint8


@pytest.mark.parametrize("turn", Image.Transpose)
def test_among_a_turned_pictures_orientations_is_the_originals_code(turn: Image.Transpose) -> None:
    original = photo(seed=1)
    codes = phash_256_orientations(original.transpose(turn))
    wanted = np.frombuffer(phash_256(original), np.uint8).reshape(1, 32)
    assert hamming(codes=codes, queries=wanted).min() <= 10


def test_the_orientations_stand_in_the_order_that_is_promised() -> None:
    original = photo(seed=1)
    mirrored = original.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = [side.rotate(90 * turns, expand=True) for side in (original, mirrored) for turns in range(4)]
    codes = phash_256_orientations(original)
    assert all(
        distance(phash_256(image), code.tobytes()) <= 10 for image, code in zip(turned, codes, strict=True)
    )


@pytest.mark.parametrize("seed", range(4))
def test_re_encoded_and_resized_copies_are_within_the_radius(seed: int) -> None:
    original = photo(seed=seed)
    code = phash_256(original)
    copies = [
        encoded(original, "JPEG", quality=40),
        encoded(original, "WEBP", quality=50),
        encoded(original, "AVIF", quality=50),
        original.resize((160, 120)),
        original.resize((700, 500)),
        encoded(original.resize((200, 150)), "JPEG", quality=70),
        original.convert("L").convert("RGB"),
        original.point(lambda level: min(255, level + 20)),
    ]
    assert max(distance(code, phash_256(copy)) for copy in copies) <= PHASH_256.radius


def test_strangers_are_outside_the_radius_in_every_orientation() -> None:
    codes = [phash_256_orientations(photo(seed=seed)) for seed in range(10)]
    nearest = min(hamming(codes=left, queries=right[:1]).min() for left, right in combinations(codes, 2))
    assert nearest > 2 * PHASH_256.radius
