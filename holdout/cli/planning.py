"""`holdout plan`: what a screening will cost."""

from dataclasses import asdict
from math import inf
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from holdout.cli import options
from holdout.cli.show import notes, octets, out, print_json
from holdout.errors import InvalidInput
from holdout.planning import KEYS, SHARE_OF_HITS, asked_by, read_figures, stages


def plan(
    rows: Annotated[float, typer.Option(help="How many rows: 2e9.")],
    columns: Annotated[str, typer.Option(help="What is asked by: url, sha256, or url,sha256.")] = "url",
    hits: Annotated[float, typer.Option(help="Share of rows of which something is said.")] = SHARE_OF_HITS,
    keys: Annotated[float, typer.Option(help="Keys in the registry.")] = float(KEYS),
    figures: Annotated[Path | None, typer.Option(help="Figures of your own (figures.json).")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Bytes and core-hours of each stage, for the three ways to screen, from measured figures."""
    if not (0 < rows < inf and 0 < keys < inf and 0 <= hits <= 1):
        raise InvalidInput(
            "plan_invalid", "Rows and keys are numbers above zero, the share of hits is within 0 and 1."
        )
    measured = read_figures(figures)
    found = stages(rows, asked=asked_by(columns), figures=measured, hits=hits, keys=keys)
    if as_json:
        print_json({"rows": rows, "machine": measured.machine, "stages": [asdict(stage) for stage in found]})
        return
    table = Table(box=None, pad_edge=False, title=f"{rows:,.0f} rows by {columns}", title_justify="left")
    for name, justify in (("way", "left"), ("stage", "left"), ("bytes", "right"), ("core-hours", "right")):
        table.add_column(name, justify="right" if justify == "right" else "left")
    table.add_column("whose")
    table.add_column("")
    last = ""
    for stage in found:
        hours = f"{stage.core_hours:,.3g}" if stage.core_hours else ""
        size = octets(stage.bytes) if stage.bytes else ""
        whose = stage.where if stage.core_hours else ""
        table.add_row(stage.way if stage.way != last else "", stage.stage, size, hours, whose, stage.note)
        last = stage.way
    out().print(table)
    what = "Provisional figures" if measured.provisional else "Measured"
    notes().print(f"[dim]{what}: {measured.machine}, {measured.date}.[/]", highlight=False)
