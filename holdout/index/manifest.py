"""The manifest: which base and which overlay hold now, and when the writer was last alive."""

import os
import time
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec
from xxhash import xxh3_128_hexdigest

from holdout.durable import replacing_file
from holdout.errors import Unavailable
from holdout.index.files import Moment

MANIFEST: Final = "manifest.json"
FORMAT: Final = 2

_Base = Annotated[str, msgspec.Meta(pattern=r"^base-(-1|\d+)-\d+\.index\Z")]
_Pictures = Annotated[str, msgspec.Meta(pattern=r"^pictures-(-1|\d+)-\d+\.index\Z")]
_Overlay = Annotated[str, msgspec.Meta(pattern=r"^overlay-(-1|\d+)-\d+\.index\Z")]


class Manifest(Moment, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `manifest.json` holds. The moment is that up to which base and overlay together speak."""

    format: int = FORMAT
    version: int
    """One more with each publication; a heartbeat is none."""
    base: _Base
    overlay: _Overlay | None
    pictures: tuple[_Pictures, ...] = ()
    """Registered pictures by their looks; what a later file says of one counts."""
    heartbeat: float
    """Unix seconds."""
    checksum: str = ""
    """XXH3-128, hex, over the manifest without it."""

    @property
    def moment(self) -> Moment:
        return Moment(self.watermark, self.leaf_hash, self.time)

    @property
    def files(self) -> frozenset[str]:
        """The names of the files that it names."""
        return frozenset(name for name in (self.base, self.overlay, *self.pictures) if name)


class Stamp(NamedTuple):
    """Which manifest it is, without reading it: each one written has another time, to the nanosecond."""

    inode: int
    written_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> "Stamp":
        return cls(stat.st_ino, stat.st_mtime_ns)


def read_manifest(path: Path) -> tuple[Stamp, Manifest]:
    """The manifest that stands there. Raises `Unavailable` (`index_missing`, `index_damaged`)."""
    try:
        with path.open("rb") as file:
            stamp = Stamp.of(os.fstat(file.fileno()))
            written = file.read()
        manifest = msgspec.json.decode(written, type=Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise missing() from None
    except (OSError, ValueError) as error:
        raise _damaged(str(error)) from error
    if manifest.format != FORMAT:
        raise _damaged("it has another format")
    # To the byte: JSON has many ways to write the same.
    if _checksum(manifest) != manifest.checksum or msgspec.json.encode(manifest) != written:
        raise _damaged("it has another checksum")
    return stamp, manifest


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Replace the manifest. Raises `Unavailable` (`storage_full`, `storage_failed`): the old one stays.

    Only one process may do so at a time.
    """
    written_ns = max(time.time_ns(), _last_written_ns(path) + 1)
    with replacing_file(path) as file:
        file.write(msgspec.json.encode(msgspec.structs.replace(manifest, checksum=_checksum(manifest))))
        file.flush()
        # The kernel's own stamp only moves every few milliseconds, and an inode may be used again.
        os.utime(file.fileno(), ns=(written_ns, written_ns))


def missing() -> Unavailable:
    """The error of a registry whose index has not been built."""
    return Unavailable("index_missing", "The registry's index has not been built yet; try again later.")


def _damaged(why: str) -> Unavailable:
    detail = f"The registry's index is damaged (its manifest: {why}); it is being built anew."
    return Unavailable("index_damaged", detail)


def _checksum(manifest: Manifest) -> str:
    return xxh3_128_hexdigest(msgspec.json.encode(msgspec.structs.replace(manifest, checksum="")))


def _last_written_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
