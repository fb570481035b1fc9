"""Keypoints as they are taken, kept and sent."""

import hashlib
from importlib import resources

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from holdout.fingerprints.local import take
from holdout.fingerprints.local.detect import detect, shrunk
from holdout.fingerprints.local.keypoints import (
    QUERY_COUNT,
    REGISTERED,
    REGISTERED_COUNT,
    query_keypoints,
    registered_keypoints,
)
from holdout.fingerprints.local.signatures import (
    CELLS,
    VARIANTS,
    cells,
    projected,
    signatures,
    trained,
    variants,
)
from tests.holdout.painted import painted


def grey(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"))


def test_the_trained_file_is_that_of_this_version() -> None:
    """Another file would be another algorithm: registered signatures could be compared with no others."""
    data = resources.files("holdout.fingerprints.local").joinpath("trained.npz").read_bytes()
    assert len(data) < 300_000
    columns = trained()
    assert [columns.mean.shape, columns.directions.shape] == [(128,), (128, 64)]
    assert [columns.medians.shape, columns.words.shape] == [(64,), (2, 1024, 16)]
    digest = hashlib.sha256(b"".join(getattr(columns, n).tobytes() for n in columns.__slots__))
    assert digest.hexdigest() == TRAINED


def test_a_registered_picture_keeps_so_many_keypoints_spread_over_it() -> None:
    found = registered_keypoints(take.registered(grey(painted(1, width=800, height=800))))
    assert len(found) == REGISTERED_COUNT
    quadrants = np.bincount((found["x"] // 128).astype(int) + 2 * (found["y"] // 128), minlength=4)
    assert quadrants.min() >= REGISTERED_COUNT // 10
    assert found["cell"].max() < CELLS


def test_a_query_keeps_more_with_their_descriptors() -> None:
    found = query_keypoints(take.asked(grey(painted(1, width=800, height=800))))
    assert REGISTERED_COUNT < len(found) <= QUERY_COUNT
    assert found["descriptor"].any(axis=1).all()


def test_equal_pictures_have_equal_keypoints() -> None:
    picture = grey(painted(2))
    assert take.registered(picture) == take.registered(picture.copy())
    assert take.asked(picture) == take.asked(picture.copy())


@pytest.mark.parametrize("shape", [(1, 1), (3, 300), (40, 40)])
def test_pictures_with_nothing_to_see_have_none(shape: tuple[int, int]) -> None:
    plain = np.full(shape, 77, dtype=np.uint8)
    assert take.registered(plain) == take.asked(plain) == b""


def test_bytes_that_are_no_keypoints_are_refused() -> None:
    for read, dtype in ((registered_keypoints, REGISTERED), (query_keypoints, None)):
        with pytest.raises(ValueError, match="keypoints"):
            read(b"x" * 7)
        if dtype:
            with pytest.raises(ValueError, match="keypoints"):
                read(bytes(dtype.itemsize * (REGISTERED_COUNT + 1)))


@pytest.mark.parametrize(
    ("variant", "alter"),
    [
        (1, ImageOps.mirror),
        (2, ImageOps.invert),
        (3, lambda image: ImageOps.invert(ImageOps.mirror(image))),
    ],
)
def test_permuted_descriptors_are_those_of_the_altered_picture(variant: int, alter) -> None:  # type: ignore[no-untyped-def]
    """Nothing is detected again for a mirrored or an inverted picture."""
    picture = painted(3)
    one, other = (detect(grey(image), count=200, faint=True) for image in (picture, alter(picture)))
    position = one.position.copy()
    if variant & 1:
        position[:, 0] = picture.width - 1 - position[:, 0]
    permuted = variants(one.descriptor)[variant].astype(int)
    gaps, others = [], []
    for at, descriptor, plain in zip(position, permuted, one.descriptor.astype(int), strict=True):
        away = np.abs(other.position - at).max(axis=1)
        if away.min() < 1:
            same = np.flatnonzero(away < 1)
            gaps.append(min(np.linalg.norm(descriptor - other.descriptor[i].astype(int)) for i in same))
            others.append(min(np.linalg.norm(plain - other.descriptor[i].astype(int)) for i in same))
    assert len(gaps) > 100
    assert np.median(gaps) < 120 < np.median(others)
    assert len(variants(one.descriptor)) == VARIANTS


def test_signatures_of_one_point_are_near_and_of_others_far() -> None:
    picture = painted(4)
    smaller = picture.resize((picture.width * 3 // 4, picture.height * 3 // 4))
    one, other = (detect(grey(image), count=150, faint=True) for image in (picture, smaller))
    by = trained()
    mine, theirs = (signatures(projected(found.descriptor, by), by) for found in (one, other))
    gap = np.abs(one.position[:, None] * 0.75 - other.position[None]).max(axis=2)
    size = np.abs(np.log2(one.size[:, None] * 0.75 / other.size[None]))
    bits = np.bitwise_count(mine[:, None] ^ theirs[None])
    assert np.median(bits[(gap < 1) & (size < 0.3)]) <= 8
    assert np.median(bits[gap > 50]) >= 28


def test_shrinking_keeps_the_shape_and_enlarges_nothing() -> None:
    assert shrunk(np.zeros((600, 1200), np.uint8), side=512).shape == (256, 512)
    assert shrunk(np.zeros((60, 120), np.uint8), side=512).shape == (60, 120)
    assert cv2.getNumThreads() >= 1


def test_cells_are_spread() -> None:
    by = trained()
    along = projected(detect(grey(painted(5)), count=300, faint=True).descriptor, by)
    assert len(np.unique(cells(along, by))) > 150


TRAINED = "3e08d68922540bab64c2e59553bb81e4d73f38c217a938640e82516a2ec73d06"
