"""The folder in which a vendor keeps a registry's snapshot: a base, the deltas since, and what was seen.

    base-0000000012.snapshot               version 12, whole
    delta-0000000012-0000000019.snapshot   from version 12 to 19
    seen-0000000019                        version 19 was opened here once: nothing older is, ever again

Files are added by `holdout.snapshot.load.install`, which knows that they are sound.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_BASE: Final = re.compile(r"base-(\d{10})\.snapshot")
_DELTA: Final = re.compile(r"delta-(\d{10})-(\d{10})\.snapshot")
_SEEN: Final = re.compile(r"seen-(\d{10})")


@dataclass(frozen=True, slots=True)
class Stored:
    """A file of a folder, by what its name says; only its signed header says whether that is so."""

    path: Path
    since: int
    """0 for a base."""
    version: int


def file_name(*, since: int, version: int) -> str:
    """How a base (`since` 0) or a delta is called."""
    return f"delta-{since:010}-{version:010}.snapshot" if since else f"base-{version:010}.snapshot"


def stored_files(folder: Path) -> list[Stored]:
    """All snapshot files of a folder, in no order. OSError where it cannot be listed."""
    return [stored for path in folder.iterdir() if (stored := _stored(path))]


def chain(files: list[Stored]) -> list[Stored]:
    """A base and deltas, each from the version before, that lead to the newest version that can be reached.

    From the newest base that leads there; empty without any base.
    """
    longest: list[Stored] = []
    for base in sorted((stored for stored in files if not stored.since), key=lambda s: s.version):
        links = [base]
        while following := [stored for stored in files if stored.since == links[-1].version]:
            links.append(max(following, key=lambda s: s.version))
        if not longest or links[-1].version >= longest[-1].version:
            longest = links
    return longest


def seen_version(folder: Path) -> int:
    """The newest version that was ever opened in this folder; 0 for none."""
    return max((int(m[1]) for path in folder.iterdir() if (m := _SEEN.fullmatch(path.name))), default=0)


def remember_seen(folder: Path, version: int) -> None:
    """From now on `seen_version` is at least `version`; a folder that cannot be written to stays as it is."""
    marker = folder / f"seen-{version:010}"
    if marker.exists():
        return
    with suppress(OSError):
        marker.touch()
        # Only once the new one is there, so that another process never finds none.
        for path in folder.iterdir():
            if (found := _SEEN.fullmatch(path.name)) and int(found[1]) < version:
                path.unlink(missing_ok=True)


def _stored(path: Path) -> Stored | None:
    if found := _BASE.fullmatch(path.name):
        return Stored(path, 0, int(found[1]))
    found = _DELTA.fullmatch(path.name)
    # A delta leads forwards, or a chain might have no end.
    if found and 0 < int(found[1]) < int(found[2]):
        return Stored(path, int(found[1]), int(found[2]))
    return None
