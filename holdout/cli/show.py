"""What the command prints: results on standard output, everything else on standard error."""

import json
import math
from typing import Any, Final

import typer
from rich.console import Console

FAILED: Final = 2
INTERRUPTED: Final = 130


def out() -> Console:
    return Console(soft_wrap=True)


def notes() -> Console:
    return Console(stderr=True, soft_wrap=True)


def complain(detail: str, *, code: str) -> None:
    notes().print(f"[bold red]holdout:[/] {_plain(detail)} [dim]({code})[/]", highlight=False)


def print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False))


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def amount(number: float) -> str:
    """A number for a person: 2,000,000,000 or 1.3."""
    return f"{number:,.0f}" if number >= 100 or number == int(number) else f"{number:,.2g}"


def octets(number: float) -> str:
    """Bytes for a person, in powers of 1,000."""
    units = ("B", "kB", "MB", "GB", "TB", "PB")
    power = min(len(units) - 1, max(0, int(math.log10(max(1.0, number))) // 3))
    return f"{number / 1_000**power:,.{1 if power else 0}f} {units[power]}"
