"""Where figures are kept: `benchmarks/results/NAME.json`, with what they were measured on."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

CHECKOUT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"


def write(name: str, figures: Mapping[str, float], *, folder: Path = RESULTS) -> Path:
    """Print the figures and write them to `folder/NAME.json`; returns the file.

    A figure's unit is the end of its name (`_s`, `_per_s`, `_mb`, `_ratio`). Nothing of it tells whose
    machine it was.
    """
    table = Table(title=f"{name} on {machine()}", title_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for figure, value in figures.items():
        table.add_row(figure, f"{value:,.4g}" if value < 1_000 else f"{value:,.0f}")
    Console().print(table)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = {
        "machine": machine(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "figures": dict(figures),
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def machine() -> str:
    """What it is, never which one: processors, memory, architecture, Python."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.system()} {platform.machine()},"
        f" Python {platform.python_version()}"
    )


def commit() -> str:
    """The commit that was measured, marked when the checkout differs from it; "unknown" outside git."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "unknown"
