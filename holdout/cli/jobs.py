"""`holdout job`: let the registry screen a file."""

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from holdout.cli import options
from holdout.cli.show import FAILED, notes, out, print_json
from holdout.client import Job
from holdout.durable import replacing_file

app = typer.Typer(no_args_is_help=True, help="Let the registry screen a file, and fetch result and receipt.")

JobId = Annotated[str, typer.Argument(help="job_...", show_default=False)]


@app.command()
def submit(
    file: Annotated[Path, typer.Argument(help="Parquet, CSV, NDJSON or lines.", show_default=False)],
    url_column: Annotated[str | None, typer.Option(help="Column of URLs, if it is not called url.")] = None,
    sha256_column: Annotated[
        str | None, typer.Option(help="Column of files' SHA-256, if it is not called sha256.")
    ] = None,
    page_url_column: Annotated[
        str | None, typer.Option(help="Column of pages where pictures were found, if not called page_url.")
    ] = None,
    phash_column: Annotated[
        str | None, typer.Option(help="Column of phash-256/1 codes, if it is not called phash.")
    ] = None,
    fingerprints_column: Annotated[
        str | None,
        typer.Option(help="Column of what holdout fingerprint found, if it is not called fingerprints."),
    ] = None,
    hits_only: Annotated[
        bool, typer.Option("--hits-only", help="Leave rows out of the result of which nothing is said.")
    ] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key within 24 hours makes no second job.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until the job has ended.")] = False,
    server: options.Server = None,
    key: options.Key = None,
    as_json: options.AsJson = False,
) -> None:
    """Send a file; prints the job's id."""
    with options.registry(server, key) as registry:
        job = registry.submit_job(
            file,
            url_column=url_column,
            sha256_column=sha256_column,
            page_url_column=page_url_column,
            phash_column=phash_column,
            fingerprints_column=fingerprints_column,
            answers="hits" if hits_only else None,
            idempotency_key=idempotency_key,
        )
        if not as_json:
            out().print(job.id, highlight=False)
        if wait:
            with _bar() as progress:
                task = progress.add_task("rows", total=None)
                job = registry.wait(job, lambda j: progress.update(task, total=j.rows, completed=j.rows_done))
        if as_json:
            print_json(_json(job))
        elif wait:
            _print(job, notes())
    _end_as(job)


@app.command()
def status(
    job: JobId, server: options.Server = None, key: options.Key = None, as_json: options.AsJson = False
) -> None:
    """How far a job is. Ends with 2 for one that failed or was cancelled."""
    with options.registry(server, key) as registry:
        found = registry.job(job)
    if as_json:
        print_json(_json(found))
    else:
        _print(found)
    _end_as(found)


@app.command()
def result(
    job: JobId,
    to: Annotated[Path | None, typer.Option("--out", help="Without it: JOB.parquet here.")] = None,
    server: options.Server = None,
    key: options.Key = None,
) -> None:
    """Save the answered rows of a finished job (Parquet), compared with the job's digest."""
    with options.registry(server, key) as registry:
        out().print(registry.result(job, to or Path(f"{job}.parquet")), highlight=False)


@app.command()
def receipt(
    job: JobId,
    to: Annotated[Path | None, typer.Option("--out", help="Without it: print it.")] = None,
    server: options.Server = None,
    key: options.Key = None,
) -> None:
    """Save the receipt of a finished job: proof of what was asked and answered."""
    with options.registry(server, key) as registry:
        found = registry.receipt(job)
    if to is None:
        print_json(found)
        return
    with replacing_file(to) as file:
        file.write(json.dumps(found, indent=2).encode() + b"\n")
    out().print(to, highlight=False)


@app.command()
def cancel(job: JobId, server: options.Server = None, key: options.Key = None) -> None:
    """Stop a job that has not ended."""
    with options.registry(server, key) as registry:
        _print(registry.cancel(job))


@app.command()
def resume(job: JobId, server: options.Server = None, key: options.Key = None) -> None:
    """Go on with a job that was cancelled or failed."""
    with options.registry(server, key) as registry:
        _print(registry.resume(job))


def _bar() -> Progress:
    console = notes()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _print(job: Job, to: Console | None = None) -> None:
    to = to or out()
    rows = "?" if job.rows is None else f"{job.rows:,}"
    to.print(f"{job.id} {job.state}: {job.rows_done:,} of {rows} rows", highlight=False)
    for name, count in sorted(job.counts.items()):
        to.print(f"  {name} {count:,}", highlight=False)
    if job.error:
        to.print(f"  {job.error.code}: {job.error.detail}", highlight=False)


def _json(job: Job) -> Any:
    return msgspec.to_builtins(job)


def _end_as(job: Job) -> None:
    if job.state in ("failed", "cancelled"):
        raise typer.Exit(FAILED)
