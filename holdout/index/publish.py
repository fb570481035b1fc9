"""The one writer of an index: bases, overlays, merges and heartbeats."""

import fcntl
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import msgspec
import numpy as np

from holdout.errors import Conflict, Unavailable
from holdout.index.files import TABLES, IndexFile, Moment, Tables, open_index, write_index
from holdout.index.generation import Generation, open_generation
from holdout.index.manifest import MANIFEST, Manifest, missing, read_manifest, write_manifest
from holdout.index.merge import changed, merged
from holdout.index.picture_files import PictureFile, open_pictures, write_pictures
from holdout.index.pictures import PictureTable
from holdout.index.records import Kind

_LOCK: Final = "publisher.lock"
_FILE: Final = re.compile(r"(?:base|overlay|pictures)-(?:-1|\d+)-(\d+)\.index(?:\.new)?")
_KINDS: Final = {
    "urls": (Kind.URL, Kind.PICTURE),
    "places": (Kind.PATH, Kind.HOST, Kind.DOMAIN, Kind.ACCOUNT),
    "files": (Kind.FILE,),
    "grants": (Kind.GRANTEE,),
}


class Publisher:
    """Writes the index of one folder. There is one at a time: a second is refused (`Conflict`).

    Whatever fails, readers keep what was published last. One thread publishes and gives heartbeats; another
    may `merge` meanwhile. `clock` gives unix seconds.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._clock = clock
        self._state = threading.RLock()
        self._writing: set[str] = set()
        self._previous: frozenset[str] = frozenset()
        self._exclusive = (folder / _LOCK).open("ab")
        try:
            fcntl.flock(self._exclusive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._exclusive.close()
            raise Conflict("index_publisher_runs", "Another process keeps this index already.") from None
        self._manifest, self._generation = self._found(None)
        numbers = (int(match[1]) for _, match in self._files())
        self._number = max([self._manifest.version if self._manifest else 0, *numbers])
        self._version = self._manifest.version if self._manifest else self._number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another publisher in."""
        self._exclusive.close()

    @property
    def current(self) -> Generation | None:
        """What is published; None where there is nothing, or something damaged: it takes a new base."""
        return self._generation

    def publish_base(
        self,
        tables: Tables,
        *,
        pictures: PictureTable | None = None,
        watermark: int,
        leaf_hash: bytes,
        time: datetime,
    ) -> int:
        """Publish everything that is said at log index `watermark`, about all pictures that have looks.

        Returns the index's new version.

        The watermark may lie before the one published: the log may have been restored. Raises `Unavailable`
        (`storage_full`, `storage_failed`), and ValueError for a record of a kind that its table does not
        hold.
        """
        with (
            self._written("base", tables, _moment(watermark, leaf_hash, time), since=None) as base,
            self._written_pictures(pictures, watermark) as file,
            self._state,
        ):
            return self._publish(Generation(base, None, file))

    def publish_overlay(
        self,
        tables: Tables,
        *,
        pictures: PictureTable | None = None,
        watermark: int,
        leaf_hash: bytes,
        time: datetime,
    ) -> int:
        """Publish every change since the base in place of the overlay before; new pictures beside the old.

        `pictures` are those that are new, or stand otherwise, since what was published last. Returns the new
        version.

        Each key stands there with all its records, or with none where nothing is said about it any more.
        Raises `Unavailable` (`index_missing`, `storage_full`, `storage_failed`), and ValueError as
        `publish_base`, or for a watermark before the one published.
        """
        generation = self._current()
        if watermark < generation.moment.watermark:
            raise ValueError(f"{watermark} lies before {generation.moment.watermark}, which is published")
        moment = _moment(watermark, leaf_hash, time)
        since = generation.base.moment.watermark
        with (
            self._written("overlay", tables, moment, since=since) as overlay,
            self._written_pictures(pictures, watermark) as file,
            self._state,
        ):
            now = self._current()
            return self._publish(Generation(now.base, overlay, (*now.pictures, *file)))

    def merge(self) -> int:
        """Make base and overlay one new base; returns the version that then holds. Asks nobody but the files.

        Of an overlay that is published meanwhile, what the new base lacks stays. Raises `Unavailable` as
        `publish_overlay` does.
        """
        generation = self._current()
        if generation.overlay is None:
            return self._version
        pairs = zip(generation.base.tables, generation.changes, strict=True)
        tables = Tables(*(merged(base, overlay) for base, overlay in pairs))
        with self._written("base", tables, generation.moment, since=None) as base, self._state:
            now = self._current()
            if now.base is not generation.base:
                return self._version  # somebody published a base meanwhile: that one is newer
            if now.overlay is generation.overlay:
                return self._publish(Generation(base, None, now.pictures))
            pairs = zip(generation.changes, now.changes, strict=True)
            left = Tables(*(changed(before, after) for before, after in pairs))
            with self._written("overlay", left, now.moment, since=base.moment.watermark) as overlay:
                return self._publish(Generation(base, overlay, now.pictures))

    def merge_pictures(self) -> int:
        """Make one file of the youngest files of pictures, so that they stay few; returns the version then.

        A file is merged with the younger ones as soon as they are half as large together: each picture is
        written again some twenty times until there are ten million. Raises as `publish_overlay` does.
        """
        files = self._current().pictures
        first = _merged_from([file.table.assets for file in files])
        merging = files[first:]
        if len(merging) < 2:
            return self._version
        table = PictureTable.merged([file.table for file in merging], first=first == 0)
        with self._written_pictures(table, self._current().moment.watermark) as file, self._state:
            now = self._current()
            if now.pictures[: len(files)] != files:
                return self._version  # somebody published a base meanwhile: that one is newer
            pictures = (*files[:first], *file, *now.pictures[len(files) :])
            return self._publish(Generation(now.base, now.overlay, pictures))

    def heartbeat(self) -> None:
        """Tell readers that what is published still holds.

        Raises `Unavailable` as `publish_overlay` does, and `index_missing` where somebody deleted its files:
        the next publisher then finds nothing, and begins with a base.
        """
        with self._state:
            manifest = self._manifest_of(self._current(), self._version)
            if not all((self._folder / name).exists() for name in manifest.files):
                raise missing()
            write_manifest(self._folder / MANIFEST, manifest)

    def _current(self) -> Generation:
        if self._generation is None:
            raise missing()
        return self._generation

    @contextmanager
    def _written(
        self, kind: str, tables: Tables, moment: Moment, *, since: int | None
    ) -> Iterator[IndexFile]:
        """A new file, to be published inside the block; until then nobody clears it away."""
        _check_kinds(tables)
        with self._name(kind, moment.watermark) as path:
            write_index(path, tables, moment=moment, since=since)
            yield open_index(path)

    @contextmanager
    def _name(self, kind: str, watermark: int) -> Iterator[Path]:
        """A name that nobody else takes, and a file that nobody clears away, as long as the block lasts."""
        with self._state:
            self._remove_unnamed()
            self._number += 1
            name = f"{kind}-{watermark}-{self._number}.index"
            self._writing.add(name)
        try:
            yield self._folder / name
        finally:
            self._writing.discard(name)

    @contextmanager
    def _written_pictures(
        self, table: PictureTable | None, watermark: int
    ) -> Iterator[tuple[PictureFile, ...]]:
        """A new file of pictures, if there are any, as `_written`."""
        if table is None or not table.assets:
            yield ()
            return
        with self._name("pictures", watermark) as path:
            write_pictures(path, table)
            yield (open_pictures(path),)

    def _publish(self, generation: Generation) -> int:
        manifest = self._manifest_of(generation, self._version + 1)
        try:
            write_manifest(self._folder / MANIFEST, manifest)
        except Unavailable:
            # It may have failed before or after the new manifest came to stand there.
            self._manifest, self._generation = self._found(self._generation)
            self._version = self._manifest.version if self._manifest else self._version
            raise
        self._previous = self._manifest.files if self._manifest else frozenset()
        self._manifest, self._generation, self._version = manifest, generation, manifest.version
        self._remove_unnamed()
        return self._version

    def _manifest_of(self, generation: Generation, version: int) -> Manifest:
        base, overlay, pictures = generation
        return Manifest(
            **msgspec.structs.asdict(generation.moment),
            version=version,
            base=base.name,
            overlay=overlay.name if overlay else None,
            pictures=tuple(file.name for file in pictures),
            heartbeat=self._clock(),
        )

    def _found(self, known: Generation | None) -> tuple[Manifest | None, Generation | None]:
        """What stands in the folder: the manifest if it can be read, and its files if they can."""
        try:
            _, manifest = read_manifest(self._folder / MANIFEST)
        except Unavailable:
            return None, None
        try:
            return manifest, open_generation(self._folder, manifest, known=known)
        except (Unavailable, FileNotFoundError):
            return manifest, None

    def _files(self) -> Iterator[tuple[Path, re.Match[str]]]:
        for path in self._folder.iterdir():
            if match := _FILE.fullmatch(path.name):
                yield path, match

    def _remove_unnamed(self) -> None:
        """Remove all files but the manifest's, and those of the one before, which readers may be opening."""
        named = self._manifest.files if self._manifest else frozenset()
        kept = named | self._previous | self._writing
        for path, _ in self._files():
            if path.name.removesuffix(".new") not in kept:
                with suppress(OSError):  # next time
                    path.unlink()


def _moment(watermark: int, leaf_hash: bytes, time: datetime) -> Moment:
    if time.tzinfo is None:
        raise ValueError("a log entry's time has a zone")
    return Moment(watermark, leaf_hash.hex(), time)


def _merged_from(sizes: Sequence[int]) -> int:
    """The first of the files, by size, oldest first, that is to be merged with all younger ones."""
    for i, size in enumerate(sizes):
        if sum(sizes[i + 1 :]) * 2 >= size:
            return i
    return len(sizes)


def _check_kinds(tables: Tables) -> None:
    for name in TABLES:
        allowed = np.zeros(256, dtype=np.bool_)
        allowed[list(_KINDS[name])] = True
        if not allowed[getattr(tables, name).record["kind"]].all():
            raise ValueError(f"{name} holds no records of some kind that was given")
