"""The command `holdout`: ask, look at sites, fingerprint, screen, keep a snapshot, follow jobs, plan.

0    done, and for `check`: everything may be used
1    something is reserved, or not permitted
2    something failed: an error, a picture or file that could not be screened, a wrong option
130  interrupted
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from holdout import __version__
from holdout.cli import jobs, planning, snapshots
from holdout.cli.check import check
from holdout.cli.doctor import doctor
from holdout.cli.fingerprint import fingerprint
from holdout.cli.screen import screen
from holdout.cli.show import FAILED, INTERRUPTED, complain
from holdout.errors import HoldoutError

app = typer.Typer(
    name="holdout",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Screen pictures against a Holdout registry, online or on this machine.",
    epilog="HOLDOUT_URL and HOLDOUT_KEY name the registry and your key to it.",
)
app.command()(check)
app.command()(doctor)
app.command()(fingerprint)
app.command()(screen)
app.command()(planning.plan)
app.add_typer(snapshots.app, name="snapshot")
app.add_typer(jobs.app, name="job")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"holdout {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Screen pictures against a Holdout registry, online or on this machine."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    try:
        app(args=None if arguments is None else list(arguments), prog_name="holdout")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # what typer makes of KeyboardInterrupt, without a word
            complain("Interrupted. What was finished stays finished.", code="interrupted")
        return end.code if isinstance(end.code, int) else FAILED
    except HoldoutError as error:
        complain(error.detail, code=error.code)
        return FAILED
    except OSError as error:
        complain(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", code="os")
        return FAILED
    return 0
