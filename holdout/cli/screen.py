"""`holdout screen`: files of any number of rows."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from holdout.cli import options
from holdout.cli.show import FAILED, amount, complain, notes, out, print_json
from holdout.errors import InvalidInput
from holdout.policy import policy
from holdout.screening.inputs import Format, find_inputs
from holdout.screening.readers import Columns
from holdout.screening.run import SUMMARY, Failure, Summary
from holdout.screening.run import screen as run_screen
from holdout.screening.work import Settings

_WORKERS_ONLINE: Final = 4
"""A registry answers so many lookups of one caller at a time."""


def screen(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, patterns ('shards/*.parquet'), s3://bucket/...", show_default=False
        ),
    ],
    out_url: Annotated[str, typer.Option("--out", help="Folder for the results; may be s3://...")],
    use: Annotated[list[str], typer.Option("--use", help=options.UseHelp)],
    on_unset: Annotated[str, typer.Option("--on-unset", help=options.UnsetHelp)],
    on_review: Annotated[str, typer.Option("--on-review", help=options.ReviewHelp)],
    url_column: Annotated[str | None, typer.Option(help="Column of URLs, if it is not called url.")] = None,
    sha256_column: Annotated[
        str | None, typer.Option(help="Column of files' SHA-256, if it is not called sha256.")
    ] = None,
    page_url_column: Annotated[
        str | None, typer.Option(help="Column of pages where pictures were found, if not called page_url.")
    ] = None,
    only_format: Annotated[
        Format | None, typer.Option("--format", help="What the inputs are, whatever their names.")
    ] = None,
    server: options.Server = None,
    key: options.Key = None,
    snapshot: options.Snapshot = None,
    public_key: options.PublicKeys = None,
    confirm: options.Confirm = False,
    confirm_by_ranges: options.ByRanges = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes. Without it: as many as there are cores.")
    ] = None,
    hits_only: Annotated[
        bool,
        typer.Option("--hits-only", help="Write no copy of the rows, only the hits and where they stand."),
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Do what is finished once more.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Screen Parquet, CSV, NDJSON and lists of URLs.

    Writes Parquet: hits/ has every row of which something is said or that failed, with its file, row group
    and row; rows/ has all rows with the answer's columns (holdout_...). summary.json says what was done.

    A run that was interrupted goes on where it stopped when you repeat the command. Ends with 0 when every
    row was looked at, and with 2 when an input could not be screened; the others are done all the same.
    """
    choice = options.chosen(
        server=server,
        key=key,
        snapshot=snapshot,
        public_keys=public_key,
        confirm=confirm,
        by_ranges=confirm_by_ranges,
    )
    if choice.server is not None and not key:
        raise InvalidInput("key_missing", "Screening online needs an API key: set HOLDOUT_KEY.")
    settings = Settings(
        choice=choice,
        policy=policy(use=use, on_unset=on_unset, on_review=on_review),
        columns=Columns(url_column, sha256_column, page_url_column),
        out=out_url if "://" in out_url else str(Path(out_url).absolute()),
        hits_only=hits_only,
    )
    found = find_inputs(inputs, only=only_format)
    with _Bar() as watcher:
        summary = run_screen(
            found, settings, workers=workers or _cores(choice.server), watcher=watcher, again=again
        )
    if as_json:
        print_json(summary.record)
    else:
        _print(summary, settings)
    if not summary.full_scan:
        raise typer.Exit(FAILED)


def _cores(server: str | None) -> int:
    cores = options.cores()
    return cores if server is None else min(cores, _WORKERS_ONLINE)


class _Bar:
    """A progress bar on standard error, where that is a terminal."""

    def __init__(self) -> None:
        console = notes()
        self._rows = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]} rows"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> "_Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def planned(self, *, weight: int, done: int, inputs: int) -> None:
        files = f"{inputs} file{'' if inputs == 1 else 's'}"
        self._task = self._progress.add_task(files, total=max(1, weight - done), rows="0")

    def advanced(self, rows: int, weight: int) -> None:
        self._rows += rows
        if self._task is not None:
            self._progress.update(self._task, advance=weight, rows=f"{self._rows:,}")

    def failed(self, failure: Failure) -> None:
        complain(failure.detail, code=failure.code)


def _print(summary: Summary, settings: Settings) -> None:
    tally = summary.tally
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("files", amount(summary.inputs))
    table.add_row("rows", amount(tally.rows))
    for name, count in sorted(tally.outcomes.items(), key=lambda pair: -pair[1]):
        table.add_row(f"  {name}", amount(count))
    for decision, count in tally.record()["decisions"].items():
        table.add_row(f"to {decision}" if decision != "fail" else "failed, not to be used", amount(count))
    table.add_row("full scan", "yes" if summary.full_scan else "[red]no[/]")
    out().print(table)
    if summary.rows_found_again:
        notes().print(
            f"[dim]{summary.rows_found_again:,} rows were finished by an earlier run; --again does them once"
            " more.[/]"
        )
    out().print(f"{settings.out}/{SUMMARY}", highlight=False)
