"""Train `holdout/fingerprints/local/trained.npz`: what turns SIFT descriptors into signatures and cells.

    python -m benchmarks.train_keypoints FOLDER [OUT]

FOLDER holds the pictures of `benchmarks.pictures` (fetched where it is empty); only the set `training` is
used, which is in the public domain or CC0 and is listed by name there. The same pictures, versions of OpenCV
and NumPy and the same seed give the same file. Another file is another version of `keypoints/1`: registered
signatures can be compared with no others.
"""

import io
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import pictures
from holdout.fingerprints.local.detect import detect, shrunk
from holdout.fingerprints.local.keypoints import REGISTERED_SIDE
from holdout.fingerprints.local.signatures import WORDS, rooted

_SEED: Final = 20261123
_OF_EACH: Final = 200
_BITS: Final = 64
_LEADING: Final = 32
_SAMPLE: Final = 120_000
_ROUNDS: Final = 15
_OUT: Final = Path("holdout/fingerprints/local/trained.npz")


def train(descriptors: NDArray[np.uint8]) -> dict[str, NDArray[np.float16]]:
    """The columns of the file, of descriptors (n, 128)."""
    root = rooted(descriptors)
    mean = root.mean(axis=0)
    _, directions = np.linalg.eigh(np.cov((root - mean).T))
    directions = directions[:, ::-1][:, :_BITS]
    # Of a direction its opposite would do as well; which one it is must not depend on the machine.
    directions = directions * np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(_BITS)])
    along = ((root - mean) @ directions).astype(np.float32)
    random = np.random.default_rng(_SEED)
    words = [_words(along[:, part:_LEADING:2], random) for part in range(2)]
    columns = {
        "mean": mean,
        "directions": directions,
        "medians": np.median(along, axis=0),
        "words": np.stack(words),
    }
    return {name: column.astype(np.float16) for name, column in columns.items()}


def _words(along: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """k-means: 1,024 centres."""
    sample = along[random.choice(len(along), min(len(along), _SAMPLE), replace=False)]
    words = sample[random.choice(len(sample), WORDS, replace=False)]
    for _ in range(_ROUNDS):
        nearest = (np.square(words).sum(axis=1) - 2 * sample @ words.T).argmin(axis=1)
        count = np.bincount(nearest, minlength=WORDS)
        total = np.stack([np.bincount(nearest, column, WORDS) for column in sample.T], axis=1)
        lone = sample[random.choice(len(sample), WORDS)]
        words = np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], lone).astype(np.float32)
    return words


def descriptors_of(files: Iterable[bytes]) -> NDArray[np.uint8]:
    """The strongest descriptors of each picture, (n, 128)."""
    found = []
    for data in files:
        grey = np.asarray(_flat(data).convert("L"))
        found.append(detect(shrunk(grey, side=REGISTERED_SIDE), count=_OF_EACH, faint=True).descriptor)
    return np.concatenate(found)


def _flat(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.thumbnail((1024, 1024))
        layer = image.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer)
    return white


def main(arguments: list[str]) -> None:
    """Train, write and say from how many pictures."""
    folder, out = Path(arguments[0]), Path(arguments[1]) if len(arguments) > 1 else _OUT
    cv2.setNumThreads(1)
    pictures.fetch(folder)
    chosen = pictures.pictures("training")
    descriptors = descriptors_of(pictures.load(folder, picture) for picture in chosen)
    np.savez_compressed(out, **train(descriptors))  # type: ignore[arg-type]
    print(f"{len(chosen)} pictures, {len(descriptors)} descriptors -> {out} ({out.stat().st_size} bytes)")


if __name__ == "__main__":
    main(sys.argv[1:])
