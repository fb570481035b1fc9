"""Fit `benchmarks/real_codes.npy` to real pictures: `python -m benchmarks.codes_fit CLASS=FOLDER...`

The benchmark of perceptual codes needs millions that are distributed as real ones are, and no pictures. Kept
of each class is what `benchmarks.codes.real_like` makes codes of: where the threshold of each of the 256 bits
lies, and the directions in which they move together, estimated from pictures that pass the quality gate. The
classes, in the order of `benchmarks.codes.CLASSES`:

- photographs: crops (the whole, and 60 of 20 to 80 % a side) of the packages gnome-backgrounds,
  mate-backgrounds and ukui-wallpapers, and of `demo/pictures`;
- drawings: openclipart-png and tuxpaint-stamps-default;
- game art: wesnoth-1.16-data.

The packages are Debian 12's (`apt-get download NAME; dpkg -x NAME*.deb FOLDER`).
"""

import argparse
import random
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.codes import CLASSES, DIRECTIONS, MODEL
from holdout.fingerprints.perceptual import phash_256
from holdout.fingerprints.picture import Gate
from holdout.fingerprints.quality import gate

_CROPS = 60
_SIDE = 1600
"""Pixels; crops are made of pictures no larger."""
_MOST = 0.9
"""The most of a bit's variance that the directions may explain: the rest is its own."""
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def main(argv: Sequence[str] = ()) -> int:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument(
        "folders", nargs="+", metavar="CLASS=FOLDER", help=f"CLASS one of {', '.join(CLASSES)}"
    )
    parser.add_argument("--most", type=int, default=5_000, help="pictures of a class, chosen by chance")
    given = parser.parse_args(argv)
    folders: dict[str, list[Path]] = {name: [] for name in CLASSES}
    for name, _, folder in (text.partition("=") for text in given.folders):
        folders[name].append(Path(folder))
    fitted = [fit(codes(folders[name], given.most, crops=name == "photographs")) for name in CLASSES]
    np.save(MODEL, np.stack(fitted).astype(np.float16))
    return 0


def codes(folders: list[Path], most: int, *, crops: bool) -> NDArray[np.uint8]:
    """The different codes of the pictures below these folders that pass the quality gate."""
    paths = sorted(
        path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES
    )
    chance = random.Random(1)  # noqa: S311
    found = set()
    for path in chance.sample(paths, min(most, len(paths))):
        try:
            with Image.open(path) as file:
                layer = file.convert("RGBA")
        except (OSError, Image.DecompressionBombError):
            continue
        picture = Image.new("RGB", layer.size, "white")
        picture.paste(layer, mask=layer)
        for part in _parts(picture, chance, crops=crops):
            if gate(part.convert("L"), size=part.size) is Gate.OK:
                found.add(phash_256(part))
    print(f"{len(paths)} pictures, {len(found)} codes", flush=True)
    return np.frombuffer(b"".join(sorted(found)), dtype=np.uint8).reshape(-1, 32)


def _parts(picture: Image.Image, chance: random.Random, *, crops: bool) -> Iterator[Image.Image]:
    yield picture
    if not crops:
        return
    picture.thumbnail((_SIDE, _SIDE))
    for _ in range(_CROPS):
        share = chance.uniform(0.2, 0.8)
        width, height = (min(side, int(side * share * chance.uniform(0.8, 1.25))) for side in picture.size)
        left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        yield picture.crop((left, top, left + width, top + height))


def fit(codes: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Thresholds and directions, (1 + DIRECTIONS, 256), of normal variables of variance 1 with such signs."""
    bits = np.unpackbits(codes, axis=1)
    normal = statistics.NormalDist()
    rate = bits.mean(axis=0).clip(0.001, 0.999)
    thresholds = np.array([normal.inv_cdf(one) for one in rate])
    # Of two normal variables with correlation r the signs have the correlation 2 / pi * asin(r), if both
    # thresholds are 0; most are near it. A bit that hardly varies says nothing of the others.
    varies = (rate > 0.02) & (rate < 0.98)
    correlation = np.zeros((256, 256))
    correlation[np.ix_(varies, varies)] = np.sin(np.pi / 2 * np.corrcoef(bits[:, varies].T))
    shared = correlation.copy()
    directions = np.zeros((DIRECTIONS, 256))
    for _ in range(50):  # principal factors: the diagonal holds what the directions explain
        np.fill_diagonal(shared, np.square(directions).sum(axis=0).clip(max=_MOST))
        values, vectors = np.linalg.eigh(shared)
        directions = (vectors[:, -DIRECTIONS:] * np.sqrt(values[-DIRECTIONS:].clip(min=0))).T
    explained = np.square(directions).sum(axis=0)
    return np.vstack([thresholds, directions * np.sqrt((_MOST / explained.clip(min=1e-9)).clip(max=1))])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
