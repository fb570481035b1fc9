"""What is finished: `manifest/UNIT.json` for each unit, written after its results.

A unit is done again when its input has changed, when the settings of the run have, or when a file that it
wrote is not there any more.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final

from holdout.policy import Tally
from holdout.screening.places import Place
from holdout.screening.results import Written
from holdout.screening.units import Unit

FOLDER: Final = "manifest"
_READERS: Final = 16


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
    finished: str

    def is_of(self, unit: Unit, settings: str) -> bool:
        """Whether it is this unit, of the input as it is now, by these settings."""
        return (self.unit, self.input, self.version, self.start, self.end, self.settings) == (
            unit.id, unit.input.url, unit.input.version, unit.start, unit.end, settings,
        )  # fmt: skip

    def counted(self) -> Tally:
        return Tally.from_record(self.tally)


def settings_digest(settings: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def write_done(place: Place, done: Done) -> None:
    """Raises OSError of the disk or the store."""
    place.write(f"{FOLDER}/{done.unit}.json", json.dumps(asdict(done), indent=1).encode() + b"\n")


def read_manifest(place: Place) -> list[Done]:
    """Everything finished, by any run. What cannot be read is as if it were not there: it is done again."""
    with ThreadPoolExecutor(_READERS) as pool:
        read = pool.map(lambda name: _read(place.read(name)), place.names(FOLDER))
    return [done for done in read if done is not None]


def _read(content: bytes | None) -> Done | None:
    try:
        said = json.loads(content or b"")
        done = Done(**{**said, "outputs": tuple(Written(**output) for output in said["outputs"])})
        done.counted()
    except (ValueError, TypeError, KeyError):
        return None
    return done


def still_good(place: Place, done: Done) -> bool:
    """Whether every file that it wrote is there, as long as it was."""
    return all(place.size(output.name) == output.bytes for output in done.outputs)


def remove(place: Place, stale: Iterable[Done]) -> None:
    """Forget units, and delete what they wrote."""
    for done in stale:
        place.delete(f"{FOLDER}/{done.unit}.json")
        for output in done.outputs:
            place.delete(output.name)
