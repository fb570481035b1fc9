"""The columns of a file of fingerprints, and how it is known as one.

Digests and codes are hexadecimal, as the registry's jobs and `holdout screen` take them. A row with an error
has neither digest nor fingerprints, so whoever is asked about it answers `failed`, and not `unknown`.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from holdout import __version__
from holdout.errors import HoldoutError
from holdout.fingerprinting.walk import Found
from holdout.fingerprints.algorithms import (
    ISCC_INSTANCE,
    KEYPOINTS,
    PDQ_256,
    PHASH_256,
    PIXELS_SHA256,
    SHA256,
)
from holdout.fingerprints.picture import PictureFingerprints

GROUP_ROWS: Final = 256
GROUP_BYTES: Final = 64 * 1024**2
"""A row group has fewer rows when they are large: a registry reads one whole."""

_MARK: Final = b"holdout"
_RECORD: Final = "holdout-fingerprints/1"
_ALGORITHMS: Final = tuple(
    algorithm.id for algorithm in (SHA256, PIXELS_SHA256, ISCC_INSTANCE, PHASH_256, PDQ_256, KEYPOINTS)
)
_MAX_INT: Final = 2**63 - 1

SCHEMA: Final = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        ("size", pa.int64()),
        ("modified_ns", pa.int64()),
        ("sha256", pa.string()),
        ("pixels_sha256", pa.string()),
        ("iscc_instance", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("format", pa.string()),
        ("gate", pa.string()),
        ("quality", pa.int32()),
        ("phash_256", pa.string()),
        ("pdq_256", pa.string()),
        ("fingerprints", pa.binary()),
        ("error", pa.string()),
        ("error_detail", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Run:
    """What makes the rows of two runs the same: the folders, and how fingerprints are taken.

    `of` is a digest of the folders' absolute paths, which are nobody else's business.
    """

    of: str
    algorithms: tuple[str, ...] = _ALGORITHMS
    record: str = _RECORD

    @classmethod
    def below(cls, paths: Sequence[Path]) -> "Run":
        """A run over these files and folders."""
        named = "\0".join(str(path.absolute()) for path in paths)
        return cls(hashlib.sha256(named.encode("utf-8", "surrogateescape")).hexdigest())

    @property
    def schema(self) -> pa.Schema:
        said = {"record": self.record, "library": __version__, "algorithms": self.algorithms, "of": self.of}
        return SCHEMA.with_metadata({_MARK: json.dumps(said).encode()})


def is_of(path: Path, run: Run) -> bool:
    """Whether a file holds rows of such a run."""
    said = _said(path)
    expected = (run.record, list(run.algorithms), run.of)
    return said is not None and (said.get("record"), said.get("algorithms"), said.get("of")) == expected


def is_ours(path: Path) -> bool:
    """Whether a file holds fingerprints, of whatever run."""
    return _said(path) is not None


def _said(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, pa.ArrowException, ValueError):
        schema = pq.read_schema(path)
        said = json.loads((schema.metadata or {}).get(_MARK, b"null"))
        if isinstance(said, dict) and str(said.get("record")).startswith("holdout-fingerprints/"):
            return said if schema.equals(SCHEMA) or said["record"] != _RECORD else None
    return None


def row(found: Found, looked: PictureFingerprints | HoldoutError) -> dict[str, Any]:
    """One file, as it is written down."""
    named = {
        "path": found.name,
        "size": found.size,
        "modified_ns": None if found.modified_ns is None else clipped(found.modified_ns),
    }
    if isinstance(looked, HoldoutError):
        return {**named, "error": looked.code, "error_detail": looked.detail}
    whole = looked.panes[0]
    return {
        **named,
        "sha256": looked.sha256.hex(),
        "pixels_sha256": _hex(looked.pixels),
        "iscc_instance": looked.iscc_instance.hex(),
        "width": looked.width,
        "height": looked.height,
        "format": looked.format,
        "gate": whole.gate.value,
        "quality": whole.quality,
        "phash_256": _hex(looked.phash),
        "pdq_256": _hex(looked.pdq),
        "fingerprints": looked.to_bytes(),
    }


def clipped(nanoseconds: int) -> int:
    """A file may say that it was changed in the year 5000."""
    return max(-_MAX_INT, min(_MAX_INT, nanoseconds))


def _hex(code: bytes | None) -> str | None:
    return None if code is None else code.hex()


def writer(file: BinaryIO, schema: pa.Schema) -> pq.ParquetWriter:
    """For tables of `schema`."""
    return pq.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=["format", "gate", "error", "error_detail"]
    )
