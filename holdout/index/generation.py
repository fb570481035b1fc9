"""The files that one manifest names, open."""

from pathlib import Path
from typing import NamedTuple

from holdout.errors import Unavailable
from holdout.index.files import IndexFile, Moment, Tables, identity_of, open_index
from holdout.index.manifest import Manifest

_NOTHING = Tables.nothing()


class Generation(NamedTuple):
    """A base, and the overlay with the changes since."""

    base: IndexFile
    overlay: IndexFile | None

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
    still_open = {file.name: file for file in known or () if file}

    def opened(name: str) -> IndexFile:
        file = still_open.get(name)
        if file and _stands(folder / name, file):
            return file
        return open_index(folder / name)

    overlay = opened(manifest.overlay) if manifest.overlay else None
    generation = Generation(opened(manifest.base), overlay)
    if not _belong_together(generation, manifest):
        detail = "The registry's index files do not belong together; the index is being built anew."
        raise Unavailable("index_damaged", detail)
    return generation


def _stands(path: Path, file: IndexFile) -> bool:
    try:
        return identity_of(path) == file.identity
    except OSError:
        return False


def _belong_together(generation: Generation, manifest: Manifest) -> bool:
    base, overlay = generation
    if base.since is not None or generation.moment != manifest.moment:
        return False
    # A base may be younger than the one an overlay was made for: it then holds some of the same changes.
    return overlay is None or (
        overlay.since is not None and overlay.since <= base.moment.watermark <= overlay.moment.watermark
    )
