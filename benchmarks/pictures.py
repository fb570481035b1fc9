"""Pictures to measure recognition with, from Debian's packages: fetched, never committed.

    python -m benchmarks.pictures [FOLDER]

`pictures.tsv` is the list: packages pinned by version and digest, and of each picture the set, the kind and
the family. Sets are `registered`, `stranger` (never registered) and `training` (public domain or CC0 alone:
openclipart, and NASA's and CC0 photographs that scikit-image ships). A family are pictures that may be taken
for each other: one drawing in several colours, frames of an animation, parts of one photograph. Names and
folders decided it, never codes: names that differ in digits, colours or sizes alone are one family within a
package; files equal to the byte stand once. One package's photographs are halved.
"""

import hashlib
import io
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from PIL import Image

LIST: Final = Path(__file__).with_name("pictures.tsv")
FOLDER: Final = Path("var/bench/pictures")
RELATED: Final = (
    frozenset({"kstars-data", "stellarium-data"}),
    frozenset({"openclipart-png", "tuxpaint-stamps-default"}),
    frozenset({"wesnoth-1.16-data", "wesnoth-1.16-httt"}),
)
"""Packages that share drawings: constellations and sky lore, Open Clip Art as stamps, one game's portraits.

Looked up by their file names, and at the pictures: a picture of the one may be that of the other.
"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the list."""

    id: str
    set: str
    kind: str
    family: str
    package: str
    path: str
    """In the package; behind a `!` in an archive of it."""
    tile: int
    tiles: int


@dataclass(frozen=True, slots=True)
class Package:
    """A Debian package: one file, to the byte."""

    name: str
    version: str
    digest: str


def pictures(set_: str) -> list[Picture]:
    """The pictures of one set, in the list's order."""
    return [picture for picture in _listed() if picture.set == set_]


def fetch(folder: Path = FOLDER) -> None:
    """Fetch and unpack all packages that are not there yet. Exits with what to do where that fails."""
    folder.mkdir(parents=True, exist_ok=True)
    for package in _packages():
        done = folder / package.name / ".unpacked"
        if done.exists() and done.read_text() == package.digest:
            continue
        target = folder / package.name
        target.mkdir(exist_ok=True)
        _unpack(_downloaded(folder, package), target)
        done.write_text(package.digest)


def load(folder: Path, picture: Picture) -> bytes:
    """The picture's file; a tile is cut out, as PNG."""
    outer, _, inner = picture.path.partition("!")
    path = folder / picture.package / outer
    data = _archive(path).read(inner) if inner else path.read_bytes()
    return data if picture.tiles == 1 else _cut(data, picture.tile, picture.tiles)


def _cut(data: bytes, tile: int, tiles: int) -> bytes:
    with Image.open(io.BytesIO(data)) as whole:
        wide = whole.width // tiles
        part = whole.convert("RGB").crop((tile * wide, 0, (tile + 1) * wide, whole.height))
    file = io.BytesIO()
    part.save(file, "PNG", compress_level=1)
    return file.getvalue()


@lru_cache(maxsize=8)
def _archive(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


@lru_cache(maxsize=1)
def _listed() -> tuple[Picture, ...]:
    return tuple(_read())


def _read() -> Iterator[Picture]:
    head: list[str] = []
    for fields in _lines():
        if fields[0] == "@folder":
            head = fields[1:]
        elif fields[0] != "@package":
            set_, kind, package, tiles, folder = head
            family, name = fields
            # Parts of one game are told apart by their packages' names alone.
            family = f"{package.split('-1.16')[0]}/{name if family == '=' else family}"
            path, count = f"{folder}/{name}", int(tiles)
            for tile in range(count):
                name_of_it = f"{package}/{path}" + (f"#{tile}" if count > 1 else "")
                yield Picture(name_of_it, set_, kind, family, package, path, tile, count)


def _packages() -> list[Package]:
    return [Package(*fields[1:]) for fields in _lines() if fields[0] == "@package"]


def _lines() -> Iterator[list[str]]:
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            yield line.split("\t")


def _downloaded(folder: Path, package: Package) -> Path:
    command = ["apt-get", "download", "-qq", f"{package.name}={package.version}"]
    subprocess.run(command, cwd=folder, check=False, stderr=subprocess.DEVNULL)
    found = sorted(folder.glob(f"{package.name}_*.deb"))
    if not found:
        sys.exit(f"{package.name} {package.version} cannot be fetched: run `apt-get update` on Debian 12.")
    if hashlib.sha256(found[0].read_bytes()).hexdigest() != package.digest:
        sys.exit(f"{found[0].name} is not the file that was measured with; its digest differs.")
    return found[0]


def _unpack(deb: Path, target: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", str(deb), str(target)], check=True)
    deb.unlink()


def main(arguments: list[str]) -> None:
    """Fetch all of them and say how many there are."""
    folder = Path(arguments[0]) if arguments else FOLDER
    fetch(folder)
    for (set_, kind), count in sorted(Counter((p.set, p.kind) for p in _listed()).items()):
        print(f"{set_:12}{kind:10}{count:6}")


if __name__ == "__main__":
    main(sys.argv[1:])
