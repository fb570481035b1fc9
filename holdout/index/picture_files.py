"""One table of pictures as one file (`sections`)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from holdout.durable import replacing_file
from holdout.index import cells, codes
from holdout.index.cells import KeypointTable
from holdout.index.codes import CodeTable
from holdout.index.pictures import PictureTable
from holdout.index.sections import Damaged, Identity, Layout, damaged, open_sections, write_sections

FORMAT: Final = 1
_MOST: Final = 2**32 - 1
_Length = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_FAMILIES: Final = ("phash", "pdq")


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file that is open: its table lies in the mapped file."""

    name: str
    table: PictureTable
    identity: Identity


class _CodesAbout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    codes: _Length
    indexed: bool


class _About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    assets: _Length
    panes: _Length
    keypoints: _Length
    phash: _CodesAbout
    pdq: _CodesAbout


def write_pictures(path: Path, table: PictureTable) -> None:
    """Write a file, whole or not at all. Raises `Unavailable` (`storage_full`, `storage_failed`)."""
    about = _About(
        assets=table.assets,
        panes=len(table.asset),
        keypoints=len(table.keypoints.signature),
        **{name: _codes_about(getattr(table, name)) for name in _FAMILIES},
    )
    with replacing_file(path) as file:
        write_sections(file, path.name, _LAYOUT, about, _columns(table))


def open_pictures(path: Path) -> PictureFile:
    """Map a file and verify every byte of it.

    Raises FileNotFoundError where there is none, and `Unavailable` (`index_damaged`) for anything but exactly
    what `write_pictures` wrote under that name.
    """
    try:
        about, sections, identity = open_sections(path, _LAYOUT)
        table = _table(about, sections)
        if not table.sound():
            raise Damaged("its pictures are not in order")
    except FileNotFoundError:
        raise
    except (OSError, ValueError, Damaged) as error:
        raise damaged(path, error) from error
    return PictureFile(path.name, table, identity)


def _codes_about(table: CodeTable) -> _CodesAbout:
    return _CodesAbout(table.codes, len(table.start) > 0)


_OWN: Final[dict[str, tuple[np.dtype[Any], int]]] = {
    "digest": (np.dtype("u1"), 32),
    "standing": (np.dtype("u1"), 1),
    "asset": (np.dtype("<u4"), 1),
    "extent": (np.dtype("<u2"), 2),
}
"""A table's own columns: their types, and how many numbers a row has."""


def _columns(table: PictureTable) -> Iterator[tuple[str, NDArray[Any]]]:
    for label in _OWN:
        yield label, getattr(table, label)
    for family in _FAMILIES:
        for label in codes.COLUMNS:
            yield f"{family}.{label}", getattr(getattr(table, family), label)
    for label in cells.COLUMNS:
        yield f"keypoints.{label}", getattr(table.keypoints, label)


def _shapes(about: _About) -> Iterator[tuple[str, np.dtype[Any], tuple[int, ...]]]:
    rows = {"digest": about.assets, "standing": about.assets, "asset": about.panes, "extent": about.panes}
    for label, (dtype, width) in _OWN.items():
        yield label, dtype, (rows[label],) if width == 1 else (rows[label], width)
    for family in _FAMILIES:
        said: _CodesAbout = getattr(about, family)
        for label, shape in codes.shapes(said.codes, indexed=said.indexed).items():
            yield f"{family}.{label}", codes.COLUMNS[label], shape
    for label, shape in cells.shapes(panes=about.panes, keypoints=about.keypoints).items():
        yield f"keypoints.{label}", cells.COLUMNS[label], shape


def _lengths(about: _About) -> Iterator[tuple[str, int]]:
    for label, dtype, shape in _shapes(about):
        yield label, dtype.itemsize * int(np.prod(shape, dtype=object))


_LAYOUT: Final = Layout(b"hldpicts", FORMAT, _About, _lengths)


def _table(about: _About, sections: dict[str, memoryview]) -> PictureTable:
    column = {
        label: np.frombuffer(sections[label], dtype=dtype).reshape(shape)
        for label, dtype, shape in _shapes(about)
    }
    phash, pdq = (
        CodeTable(*(column[f"{family}.{label}"] for label in codes.COLUMNS)) for family in _FAMILIES
    )
    return PictureTable(
        digest=column["digest"],
        standing=column["standing"],
        asset=column["asset"],
        extent=column["extent"],
        phash=phash,
        pdq=pdq,
        keypoints=KeypointTable(*(column[f"keypoints.{label}"] for label in cells.COLUMNS)),
    )
