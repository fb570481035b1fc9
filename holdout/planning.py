"""What a screening of so many rows costs, stage by stage, from measured figures.

`data/figures.json` is made from the results of the project's benchmarks (`benchmarks/plan_figures.py`).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from holdout.errors import InvalidInput

SHARE_OF_HITS: Final = 0.0209
"""Of relaion2B-en-research-safe, by Hugging Face's full scan of Spawning's registry: 43,913,814 of
2,097,653,553 URLs. Other sets differ by a factor of ten in both directions."""
KEYS: Final = 10_000_000
CALL_ROWS: Final = 10_000
_HOUR: Final = 3_600

KEYS_OF_FIGURES: Final = frozenset(
    {
        *(
            f"online_{what}_per_{whose}_core_s"
            for what in ("urls", "files", "pairs")
            for whose in ("server", "client")
        ),
        *(f"{way}_bytes_up_per_{what}" for way in ("online", "job") for what in ("url", "file", "pair")),
        "online_bytes_down_per_hit",
        "job_rows_per_server_core_s",
        "job_bytes_down_per_row",
        "snapshot_urls_per_core_s",
        "snapshot_files_per_core_s",
        "snapshot_bytes_per_key",
        "snapshot_false_hits_per_url",
    }
)
"""Every figure that a plan is made from: rows or bytes as the name says, `core_s` is CPU time of one core."""


class Asked(StrEnum):
    """What a row is asked about by."""

    URLS = "urls"
    FILES = "files"
    PAIRS = "pairs"
    """A URL and a digest."""

    @property
    def one(self) -> str:
        return self.value.removesuffix("s")


@dataclass(frozen=True, slots=True)
class Figures:
    """Measured figures, and what they were measured on."""

    values: Mapping[str, float]
    machine: str
    date: str
    provisional: bool

    def __getitem__(self, key: str) -> float:
        return self.values[key]


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of one way to screen. `core_hours` are spent by `where`: "yours" or "registry"."""

    way: str
    stage: str
    bytes: float = 0.0
    core_hours: float = 0.0
    where: str = "yours"
    note: str = ""


def read_figures(path: Path | None = None) -> Figures:
    """The library's own figures, or those of a file. Raises `InvalidInput` (`figures_malformed`)."""
    try:
        content = (
            files("holdout").joinpath("data/figures.json").read_text() if path is None else path.read_text()
        )
        said: dict[str, Any] = json.loads(content)
        values = {key: float(said["figures"][key]) for key in KEYS_OF_FIGURES}
        if not all(value > 0 for value in values.values()):
            raise ValueError("a figure is not above zero")
        return Figures(values, str(said["machine"]), str(said["date"]), bool(said.get("provisional", False)))
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput("figures_malformed", f"These are no figures to plan with: {error!r}.") from error


def asked_by(columns: str) -> Asked:
    """From the names of columns, `url`, `sha256` or both with a comma. Raises `InvalidInput`."""
    named = {name.strip() for name in columns.split(",")}
    found = {
        frozenset({"url"}): Asked.URLS,
        frozenset({"sha256"}): Asked.FILES,
        frozenset({"url", "sha256"}): Asked.PAIRS,
    }.get(frozenset(named))
    if found is None:
        raise InvalidInput("columns_unknown", "Columns are url, sha256, or url,sha256.")
    return found


def stages(
    rows: float, *, asked: Asked, figures: Figures, hits: float = SHARE_OF_HITS, keys: float = KEYS
) -> list[Stage]:
    """All stages of the three ways: online, as a job, and with a snapshot. `hits` is the share of hits."""
    return [
        *_online(rows, asked, figures, hits),
        *_job(rows, asked, figures),
        *_snapshot(rows, asked, figures, hits, keys),
    ]


def _online(rows: float, asked: Asked, figures: Figures, hits: float) -> Iterator[Stage]:
    way = "online"
    yield Stage(
        way,
        "ask",
        bytes=rows * figures[f"online_bytes_up_per_{asked.one}"],
        core_hours=_hours(rows, figures[f"online_{asked}_per_client_core_s"]),
        note=f"{-(-rows // CALL_ROWS):,.0f} calls",
    )
    yield Stage(
        way,
        "answer",
        bytes=rows * hits * figures["online_bytes_down_per_hit"],
        core_hours=_hours(rows, figures[f"online_{asked}_per_server_core_s"]),
        where="registry",
    )


def _job(rows: float, asked: Asked, figures: Figures) -> Iterator[Stage]:
    yield Stage("job", "upload", bytes=rows * figures[f"job_bytes_up_per_{asked.one}"])
    yield Stage(
        "job", "screen", core_hours=_hours(rows, figures["job_rows_per_server_core_s"]), where="registry"
    )
    yield Stage("job", "result", bytes=rows * figures["job_bytes_down_per_row"])


def _snapshot(rows: float, asked: Asked, figures: Figures, hits: float, keys: float) -> Iterator[Stage]:
    way = "snapshot"
    seconds = 0.0 if asked is Asked.FILES else rows / figures["snapshot_urls_per_core_s"]
    seconds += 0.0 if asked is Asked.URLS else rows / figures["snapshot_files_per_core_s"]
    yield Stage(way, "fetch", bytes=keys * figures["snapshot_bytes_per_key"], note=f"{keys:,.0f} keys")
    yield Stage(way, "screen", core_hours=seconds / _HOUR)
    found = rows * (hits + figures["snapshot_false_hits_per_url"])
    per_hit = figures[f"online_bytes_up_per_{asked.one}"] + figures["online_bytes_down_per_hit"]
    yield Stage(
        way,
        "confirm",
        bytes=found * per_hit,
        core_hours=_hours(found, figures[f"online_{asked}_per_server_core_s"]),
        where="registry",
        note=f"{found:,.0f} hits",
    )


def _hours(rows: float, per_core_second: float) -> float:
    return rows / per_core_second / _HOUR
