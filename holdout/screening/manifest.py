"""What is finished: `manifest/UNIT.json` for each unit, written after its results.

A unit is done again when its input has changed, when the settings of the run have, when a file that it wrote
is not there any more, or when a registry answered it too long ago.
"""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from holdout.policy import Tally
from holdout.screening.places import Place
from holdout.screening.results import HITS, ROWS, Written, output_name
from holdout.screening.units import Unit

FOLDER: Final = "manifest"
_READERS: Final = 16
_OURS: Final = re.compile(r"(.+-[0-9a-f]{12}-[0-9]{5,})\.(?:json|parquet)", re.DOTALL)
"""The file of a unit; others that lie there are left alone."""
ANSWERS_LAST: Final = timedelta(hours=48)
"""A registry's answer is its word of that hour, and nothing in the settings changes when its word does."""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished unit, as it is written down."""

    unit: str
    input: str
    version: str
    start: int
    end: int
    settings: str
    outputs: tuple[Written, ...]
    tally: Mapping[str, Any]
    finished: datetime

    def is_of(self, unit: Unit, settings: str) -> bool:
        """Whether it is this unit, of the input as it is now, by these settings."""
        return (self.unit, self.input, self.version, self.start, self.end, self.settings) == (
            unit.id, unit.input.url, unit.input.version, unit.start, unit.end, settings,
        )  # fmt: skip

    def is_recent(self, now: datetime) -> bool:
        """Whether a registry's answers still count. A time to come is a clock that was wrong."""
        return abs(now - self.finished) <= ANSWERS_LAST

    def counted(self) -> Tally:
        return Tally.from_record(self.tally)


def settings_digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def write_done(place: Place, done: Done) -> None:
    """Raises OSError of the disk or the store."""
    place.write(_name(done.unit), msgspec.json.format(msgspec.json.encode(done), indent=1) + b"\n")


def read_manifest(place: Place) -> list[Done]:
    """Everything finished, by any run. What cannot be read is as if it were not there: it is done again."""
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda name: _read(name, place.read(name)), place.names(FOLDER))
    return [done for done in read if done is not None]


def _read(name: str, content: bytes | None) -> Done | None:
    try:
        done = msgspec.json.decode(content or b"", type=Done)
        done.counted()
    except (msgspec.DecodeError, ValueError, TypeError, KeyError, RecursionError):
        return None
    possible = {output_name(kind, done.unit) for kind in (HITS, ROWS)}
    is_ours = name == _name(done.unit) and possible.issuperset(output.name for output in done.outputs)
    return done if is_ours and done.finished.tzinfo else None


def _name(unit_id: str) -> str:
    return f"{FOLDER}/{unit_id}.json"


def still_good(place: Place, done: Done) -> bool:
    """Whether every file that it wrote is there, as long as it was."""
    return all(place.size(output.name) == output.bytes for output in done.outputs)


def keep_only(place: Place, units: Collection[str], *, summary: str) -> None:
    """Forget all other units, and delete what they wrote, so that the folder holds one run.

    By their names, since a file of the manifest may be lost, or say anything. The file `summary`, which spoke
    of them, goes first: until the run has ended there is no evidence of one.
    """
    for folder in (FOLDER, HITS, ROWS):  # what is forgotten first is done again, whatever comes between
        for name in place.names(folder):
            unit = _OURS.fullmatch(name.removeprefix(f"{folder}/"))
            if unit and unit[1] not in units:
                place.delete(summary)
                place.delete(name)
