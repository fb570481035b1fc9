import io

import iscc_lib
import numpy as np
import pytest
from PIL import Image

from holdout.fingerprints.distance import distance
from holdout.fingerprints.iscc import image_code, instance_code
from holdout.fingerprints.vectors import texture


def photo() -> Image.Image:
    return Image.fromarray(np.dstack([texture(seed=seed, width=320, height=240) for seed in range(3)]))


def test_the_library_passes_the_standards_own_conformance_tests() -> None:
    assert iscc_lib.conformance_selftest()


def test_the_instance_code_is_blake3_of_the_bytes() -> None:
    """The digests of BLAKE3's own test vectors for no input and for the bytes 0, 1, 2."""
    assert instance_code(b"").hex() == "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert instance_code(b"\0\1\2").hex().startswith("e1be4d7a8ab5560aa4199eea339849ba")


def test_the_image_code_is_the_body_of_the_published_iscc() -> None:
    grey = photo().convert("L").resize((32, 32), Image.Resampling.BICUBIC)
    whole = iscc_lib.gen_image_code_v0(list(grey.tobytes()), bits=256)["iscc"]
    assert iscc_lib.encode_component(2, 1, 0, 256, image_code(photo())) == whole.removeprefix("ISCC:")


def test_a_border_of_one_colour_does_not_count() -> None:
    framed = Image.new("RGB", (420, 300), "white")
    framed.paste(photo(), (50, 30))
    assert image_code(framed) == image_code(photo())
    assert len(image_code(Image.new("RGB", (50, 50), "white"))) == 32


@pytest.mark.parametrize("quality", [30, 60, 90])
def test_a_copy_is_near(quality: int) -> None:
    file = io.BytesIO()
    photo().resize((200, 150)).save(file, "JPEG", quality=quality)
    assert distance(image_code(Image.open(file).convert("RGB")), image_code(photo())) <= 31
