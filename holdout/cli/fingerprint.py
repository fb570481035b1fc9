"""`holdout fingerprint`: what is known of pictures by their looks, without sending them anywhere."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from holdout.cli import options
from holdout.cli.show import FAILED, amount, notes, out, print_json
from holdout.fingerprinting.run import Summary
from holdout.fingerprinting.run import fingerprint as run
from holdout.fingerprinting.walk import walk


def fingerprint(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Folders and files.", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--out", help="The Parquet file to write.", show_default=False)],
    only: options.Only = None,
    workers: options.Workers = None,
    again: Annotated[bool, typer.Option("--again", help="Do what is finished once more.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Take the fingerprints of pictures on this machine, as one Parquet file.

    Below folders every file is tried, whatever it is called. What cannot be read or decoded is a row with an
    error; files that are no pictures, and are not called like some, are counted.

    A run that was interrupted goes on where it stopped when you repeat the command, and a finished one looks
    only at what has changed. Ends with 0 when every picture was looked at, and with 2 when one was not.

    Then let the registry compare them: holdout job submit FILE.parquet.
    """
    with _Bar(paths, only or []) as bar:
        summary = run(
            paths, to, workers=workers or options.cores(), only=only or [], again=again, progress=bar.advanced
        )
    if as_json:
        print_json(summary.record())
    else:
        _print(summary, to)
    if summary.failed:
        raise typer.Exit(FAILED)


class _Bar:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self, paths: list[Path], only: list[str]) -> None:
        console = notes()
        self._progress = Progress(
            TextColumn("{task.completed:,.0f} files"),
            BarColumn(),
            TextColumn("{task.fields[rate]:.1f}/s, {task.fields[failed]:,} failed"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        # To count them first costs thousandths of what it costs to look at them.
        files = sum(1 for _ in walk(paths, only=only)) if console.is_terminal else None
        self._task = self._progress.add_task("files", total=files, rate=0.0, failed=0)

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def advanced(self, summary: Summary) -> None:
        self._progress.update(
            self._task, completed=summary.files, rate=summary.per_second, failed=summary.failed
        )


def _print(summary: Summary, to: Path) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("pictures", amount(summary.pictures))
    if summary.failed:
        table.add_row("[red]failed, with an error in their row[/]", amount(summary.failed))
    for code, count in summary.errors.most_common():
        table.add_row(f"  {code}", amount(count))
    table.add_row("skipped, no pictures", amount(summary.skipped))
    if summary.per_second:
        table.add_row("pictures per second", amount(summary.per_second))
    out().print(table)
    if summary.found_again:
        notes().print(
            f"[dim]{summary.found_again:,} were done by an earlier run; --again does them once more.[/]"
        )
    out().print(str(to), highlight=False, markup=False)
