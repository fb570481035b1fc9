"""The readers' side: the state of the index that holds now, at the cost of one stat."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from holdout.errors import Unavailable
from holdout.index.generation import Generation, open_generation
from holdout.index.manifest import MANIFEST, Manifest, Stamp, read_manifest
from holdout.index.view import Found, View
from holdout.verdicts import AsOf

__all__ = ["Found", "ReadIndex", "View"]

STALE_AFTER_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class _State:
    """What came of one manifest: a view, or the error that it leads to."""

    stamp: Stamp | None
    heartbeat: float = 0
    view: View | None = None
    generation: Generation | None = None
    error: Unavailable | None = None


class ReadIndex:
    """The index in one folder. Threads share it; a process has one, and keeps it.

    `clock` gives unix seconds.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._path = str(folder / MANIFEST)
        self._clock = clock
        self._state: _State | None = None
        self._loading = threading.Lock()

    def view(self) -> View:
        """What holds now.

        Raises `Unavailable`: `index_missing` where none was built; `index_damaged` where the manifest or a
        file that it names is not as it was written, however good what it replaced; `index_stale` where the
        writer has given no sign of life for a minute, so that nobody knows what holds now.
        """
        state = self._state
        if state is None or state.stamp != self._stamp():
            state = self._reloaded()
        if state.view is None:
            raise _again(state.error)
        # Either way: after a clock was set back, an index would stay fresh for ever.
        if abs(self._clock() - state.heartbeat) > STALE_AFTER_SECONDS:
            raise Unavailable("index_stale", "The registry's index is not kept up to date; try again later.")
        return state.view

    def _stamp(self) -> Stamp | None:
        try:
            return Stamp.of(os.stat(self._path))  # noqa: PTH116 - a Path would double what a lookup pays
        except OSError:
            return None

    def _reloaded(self) -> _State:
        before = self._state
        # Opening a new base takes a while; who has a view from just before goes on with it.
        if not self._loading.acquire(blocking=before is None or before.view is None):
            return before  # type: ignore[return-value]  # there is one: otherwise acquire() waits
        try:
            state = self._state
            if state is None or state.stamp != self._stamp():
                self._state = state = self._loaded(state.generation if state else None)
            return state
        finally:
            self._loading.release()

    def _loaded(self, known: Generation | None) -> _State:
        in_vain: Stamp | None = None
        while True:
            stamp = self._stamp()
            try:
                stamp, manifest = read_manifest(self._folder / MANIFEST)
                generation = open_generation(self._folder, manifest, known=known)
            except FileNotFoundError:
                if stamp == in_vain:
                    return _State(stamp, error=_file_missing())
                # The writer removed the file after we read the manifest: there is a new one.
                in_vain = stamp
            except Unavailable as error:
                return _State(stamp, error=error)
            else:
                return _State(stamp, manifest.heartbeat, _view(manifest, generation), generation)


def _view(manifest: Manifest, generation: Generation) -> View:
    return View(
        version=manifest.version,
        as_of=AsOf(manifest.watermark, manifest.time),
        leaf_hash=bytes.fromhex(manifest.leaf_hash),
        base=generation.base.tables,
        overlay=generation.changes,
        pictures=tuple(file.table for file in generation.pictures),
    )


def _file_missing() -> Unavailable:
    return Unavailable("index_damaged", "A file of the registry's index is missing; it is being built anew.")


def _again(error: Unavailable | None) -> Unavailable:
    """The same error as a new one: an exception that is raised twice keeps all its tracebacks."""
    return Unavailable(error.code, error.detail) if error else _file_missing()
