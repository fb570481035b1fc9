"""Options that several commands have."""

import os
from pathlib import Path
from typing import Annotated

import typer

from holdout.client import Client, Retry
from holdout.errors import InvalidInput
from holdout.opening import PATIENT, Choice
from holdout.policy import ON_REVIEW, ON_UNSET
from holdout.vocabulary import UsageCategory

KEY_FILE = "public-keys.txt"
"""In a snapshot's folder: the keys that were trusted when it was fetched, one a line."""

Server = Annotated[
    str | None,
    typer.Option("--server", envvar="HOLDOUT_URL", help="The registry: https://registry.example"),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key", envvar="HOLDOUT_KEY", show_envvar=True, help="Your API key. Better in HOLDOUT_KEY than here."
    ),
]
Snapshot = Annotated[
    Path | None,
    typer.Option("--snapshot", help="Screen with the snapshot in this folder; nobody is told what you ask."),
]
PublicKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--public-key",
        envvar="HOLDOUT_PUBLIC_KEY",
        help="The key that signs the registry's snapshots (base64). May be given twice while it changes.",
    ),
]
Confirm = Annotated[
    bool,
    typer.Option("--confirm", help="With --snapshot: ask the registry about what the snapshot finds."),
]
ByRanges = Annotated[
    bool,
    typer.Option(
        "--confirm-by-ranges", help="As --confirm, without telling the registry which pictures are meant."
    ),
]
UseHelp = (
    f"What the pictures are wanted for: {', '.join(UsageCategory)}. May be repeated; each must be permitted."
)
UnsetHelp = f"Pictures of which nobody spoke: {' or '.join(ON_UNSET)}."
ReviewHelp = f"Pictures that a person would have to look at: {', '.join(ON_REVIEW)}."
Only = Annotated[
    list[str] | None,
    typer.Option(help="Below folders look at files of such names alone: '*.jpg'. May be repeated."),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="So many pictures at a time. Without it: as many as there are cores."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def chosen(
    *,
    server: str | None,
    key: str | None,
    snapshot: Path | None,
    public_keys: list[str] | None,
    confirm: bool,
    by_ranges: bool,
    retry: Retry = PATIENT,
) -> Choice:
    """A registry, or a snapshot, or with `confirm` both. Raises `InvalidInput` (`source_missing`,
    `options_exclusive`).
    """
    if confirm and by_ranges:
        raise InvalidInput("options_exclusive", "Give --confirm or --confirm-by-ranges, not both.")
    if snapshot is None:
        if confirm or by_ranges:
            raise InvalidInput("source_missing", "--confirm goes with --snapshot FOLDER.")
        return Choice(required_server(server), key, retry=retry)
    return Choice(
        server=required_server(server) if confirm or by_ranges else None,
        key=key,
        snapshot=snapshot.absolute(),
        public_keys=tuple(public_keys or kept_keys(snapshot)),
        by_ranges=by_ranges,
        retry=retry,
    )


def required_server(server: str | None) -> str:
    if not server:
        raise InvalidInput(
            "source_missing", "Say whom to ask: --server URL, HOLDOUT_URL, or --snapshot FOLDER."
        )
    return server


def registry(server: str | None, key: str | None) -> Client:
    """A client for what needs a key. Raises `InvalidInput` (`source_missing`, `key_missing`)."""
    if not key:
        raise InvalidInput("key_missing", "This needs an API key: set HOLDOUT_KEY.")
    return Client(required_server(server), key)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def kept_keys(folder: Path) -> list[str]:
    """The keys that were trusted when a snapshot was fetched; none where nothing was kept."""
    try:
        return (folder / KEY_FILE).read_text().split()
    except OSError:
        return []
