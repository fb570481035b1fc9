"""A whole run: every file below some folders, looked at once, into one Parquet file."""

import time
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from holdout.errors import Conflict, HoldoutError, InvalidInput
from holdout.fingerprinting.kept import Kept, held
from holdout.fingerprinting.look import can_look, look
from holdout.fingerprinting.pool import in_order
from holdout.fingerprinting.table import Run, is_ours, row
from holdout.fingerprinting.walk import Found, walk
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.sandbox import Sandbox

_NO_SANDBOX: Final = "sandbox_unavailable"
_MOST_UNAVAILABLE: Final = 32
"""So many pictures in a row for which no process was to be had: none will be for the others."""


@dataclass(slots=True)
class Summary:
    """What a run has come to, so far."""

    pictures: int = 0
    """Rows with fingerprints."""
    errors: Counter[str] = field(default_factory=Counter)
    """Rows without, by code."""
    skipped: int = 0
    """Files that are no pictures, and that nobody took for some."""
    found_again: int = 0
    """Rows that an earlier run had done."""
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return self.errors.total()

    @property
    def files(self) -> int:
        return self.pictures + self.failed + self.skipped

    @property
    def per_second(self) -> float:
        """Files that this run looked at itself."""
        looked_at = self.pictures + self.failed - self.found_again
        return looked_at / self.seconds if self.seconds else 0.0

    def record(self) -> dict[str, Any]:
        """For a program."""
        return {
            "pictures": self.pictures,
            "failed": self.failed,
            "errors": dict(self.errors.most_common()),
            "skipped": self.skipped,
            "found_again": self.found_again,
            "seconds": round(self.seconds, 3),
            "per_second": round(self.per_second, 3),
        }


def fingerprint(
    paths: Sequence[Path],
    out: Path,
    *,
    workers: int,
    only: Sequence[str] = (),
    again: bool = False,
    progress: Callable[[Summary], None] | None = None,
) -> Summary:
    """Take the fingerprints of all pictures among and below `paths` (`walk`) into the Parquet file `out`.

    `workers` pictures at a time, each in a disposable process. A file that cannot be read or decoded is a row
    with an error. `out` is written whole or not at all; what an interrupted run had done, and what a finished
    `out` says of files that have not changed since (size and time), is not done again unless `again`.

    Raises what ends the run: `InvalidInput` (`pictures_missing`, `input_missing`), `Conflict` (`out_in_use`,
    `out_not_ours`), `Unavailable` (`sandbox_unavailable`, and as `durable_file`). What was done stays done.
    """
    _check(paths, out)
    began = time.monotonic()
    with held(out), Sandbox() as sandbox:
        ready(sandbox)
        rows = _Rows(Kept(out, Run.below(paths), again=again))
        looked = in_order(partial(_one, rows.kept, sandbox), walk(paths, only=only), threads=workers)
        try:
            with closing(looked):
                for found, what in looked:
                    rows.add(found, what)
                    rows.summary.seconds = time.monotonic() - began
                    if progress:
                        progress(rows.summary)
        finally:
            rows.kept.flush()
        rows.finish()
    rows.summary.seconds = time.monotonic() - began
    return rows.summary


def _check(paths: Sequence[Path], out: Path) -> None:
    if not can_look():
        raise InvalidInput("pictures_missing", "Install holdout-registry[pictures]: it takes fingerprints.")
    for path in paths:
        if not path.exists():
            raise InvalidInput("input_missing", f"There is no file or folder {path}.")
    if out.exists() and not is_ours(out):
        raise Conflict("out_not_ours", f"{out} holds something else than fingerprints; name another file.")


def ready(sandbox: Sandbox) -> None:
    """Raises Unavailable (`sandbox_unavailable`) where no picture could ever be looked at."""
    sandbox.run(b"", query=True)


_Again = tuple[int, str | None]
_Looked = _Again | PictureFingerprints | HoldoutError | None


def _one(kept: Kept, sandbox: Sandbox, found: Found) -> tuple[Found, _Looked]:
    if (again := kept.find(found)) is not None:
        return found, again
    try:
        return found, look(found, sandbox)
    except HoldoutError as error:
        return found, error
    except Exception as error:  # our mistake with one file is no reason to lose the others
        return found, InvalidInput("unit_crashed", f"{type(error).__name__}: {error}")


class _Rows:
    """The rows of a run in their order, as far as it has come."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.summary = Summary()
        self._places = array("Q")
        self._unavailable = 0

    def add(self, found: Found, looked: _Looked) -> None:
        """Raises what `Kept.add` does, and Unavailable where nothing can be looked at any more."""
        if looked is None:
            self.summary.skipped += 1
            return
        if isinstance(looked, tuple):
            place, code = looked
            self.summary.found_again += 1
        else:
            place = self.kept.add(row(found, looked))
            code = looked.code if isinstance(looked, HoldoutError) else None
        self._places.append(place)
        if code is None:
            self.summary.pictures += 1
        else:
            self.summary.errors[code] += 1
        self._unavailable = self._unavailable + 1 if code == _NO_SANDBOX else 0
        if self._unavailable >= _MOST_UNAVAILABLE and isinstance(looked, HoldoutError):
            raise looked

    def finish(self) -> None:
        """Raises InvalidInput (`input_missing`) where there is no row."""
        if not self._places:
            raise InvalidInput(
                "input_missing", f"There is no picture; {self.summary.skipped:,} files are something else."
            )
        self.kept.finish(self._places)
