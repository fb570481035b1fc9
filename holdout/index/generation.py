"""The files that one manifest names, open."""

from pathlib import Path
from typing import NamedTuple

from holdout.errors import Unavailable
from holdout.index.files import IndexFile, Moment, Tables, open_index
from holdout.index.manifest import Manifest
from holdout.index.picture_files import PictureFile, open_pictures
from holdout.index.sections import Identity, identity_of

_NOTHING = Tables.nothing()


class Generation(NamedTuple):
    """A base, the overlay with the changes since, and the pictures."""

    base: IndexFile
    overlay: IndexFile | None
    pictures: tuple[PictureFile, ...] = ()

    @property
    def moment(self) -> Moment:
        """Up to where both together speak."""
        return (self.overlay or self.base).moment

    @property
    def changes(self) -> Tables:
        """The overlay's tables."""
        return self.overlay.tables if self.overlay else _NOTHING


def open_generation(folder: Path, manifest: Manifest, *, known: Generation | None = None) -> Generation:
    """Open and verify what a manifest names, except for files that are open already in `known`.

    Raises FileNotFoundError where a file is gone: the manifest may have been replaced meanwhile, and the file
    removed. Raises `Unavailable` (`index_damaged`) for a damaged file, and for files that do not belong
    together.
    """
    opened = _Opened(folder, known)
    overlay = opened.index(manifest.overlay) if manifest.overlay else None
    pictures = tuple(opened.pictures(name) for name in manifest.pictures)
    generation = Generation(opened.index(manifest.base), overlay, pictures)
    if not _belong_together(generation, manifest):
        detail = "The registry's index files do not belong together; the index is being built anew."
        raise Unavailable("index_damaged", detail)
    return generation


class _Opened:
    """Files of a folder, opened unless they are open already."""

    def __init__(self, folder: Path, known: Generation | None) -> None:
        self._folder = folder
        self._index = {file.name: file for file in (known.base, known.overlay) if file} if known else {}
        self._pictures = {file.name: file for file in known.pictures} if known else {}

    def index(self, name: str) -> IndexFile:
        file, path = self._index.get(name), self._folder / name
        return file if file and _stands(path, file.identity) else open_index(path)

    def pictures(self, name: str) -> PictureFile:
        file, path = self._pictures.get(name), self._folder / name
        return file if file and _stands(path, file.identity) else open_pictures(path)


def _stands(path: Path, identity: Identity) -> bool:
    try:
        return identity_of(path) == identity
    except OSError:
        return False


def _belong_together(generation: Generation, manifest: Manifest) -> bool:
    base, overlay = generation.base, generation.overlay
    if base.since is not None or generation.moment != manifest.moment:
        return False
    # A base may be younger than the one an overlay was made for: it then holds some of the same changes.
    return overlay is None or (
        overlay.since is not None and overlay.since <= base.moment.watermark <= overlay.moment.watermark
    )
