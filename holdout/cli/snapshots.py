"""`holdout snapshot`: keep a registry's snapshot on this machine."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from holdout.cli import options
from holdout.cli.show import octets, out, print_json
from holdout.client import Client
from holdout.durable import replacing_file
from holdout.errors import InvalidInput, SnapshotRefused
from holdout.signing import PublicKey

app = typer.Typer(
    no_args_is_help=True, help="Keep a registry's snapshot on this machine, and screen with it."
)

Folder = Annotated[Path, typer.Option("--dir", help="The folder in which the snapshot is kept.")]


@app.command()
def fetch(
    folder: Folder,
    public_key: options.PublicKeys = None,
    server: options.Server = None,
    key: options.Key = None,
    as_json: options.AsJson = False,
) -> None:
    """Bring a folder to the newest snapshot: all of it at first, later only what changed.

    The first time, say which key signs it (--public-key); it is kept beside the snapshot.
    """
    with options.registry(server, key) as registry:
        _fetch(registry, folder, public_key or options.kept_keys(folder), as_json=as_json)


@app.command()
def update(
    folder: Folder,
    public_key: options.PublicKeys = None,
    server: options.Server = None,
    key: options.Key = None,
    as_json: options.AsJson = False,
) -> None:
    """As fetch, for a folder that has a snapshot already: for a timer, which must not begin anew."""
    known = public_key or options.kept_keys(folder)
    if not known or not any(folder.glob("base-*.snapshot")):
        raise SnapshotRefused(
            "snapshot_missing", f"There is no snapshot in {folder} yet: holdout snapshot fetch."
        )
    with options.registry(server, key) as registry:
        _fetch(registry, folder, known, as_json=as_json)


@app.command()
def info(folder: Folder, public_key: options.PublicKeys = None, as_json: options.AsJson = False) -> None:
    """What is in a folder, by its signed headers. Ends with 2 when it cannot be used any more."""
    said = _described(folder, public_key)
    _show(said, as_json=as_json)
    if said["expired"]:
        raise typer.Exit(2)


@app.command()
def verify(folder: Folder, public_key: options.PublicKeys = None, as_json: options.AsJson = False) -> None:
    """Check signatures and every entry of a snapshot, from the files alone. Ends with 2 for a bad one."""
    # Here, since the compiler behind snapshots takes a second to load, and a registry needs none.
    from holdout.snapshot.folder import seen_version
    from holdout.snapshot.load import load, refuse_outdated, state_of

    files = load(folder, public_keys=_trusted(folder, public_key))
    state_of(files)
    refuse_outdated(files[-1].header, now=datetime.now(UTC), seen=seen_version(folder))
    _show({**_described(folder, public_key), "verified": True}, as_json=as_json)


def _fetch(registry: Client, folder: Path, trusted: list[str], *, as_json: bool) -> None:
    if not trusted:
        raise InvalidInput("public_key_missing", _introduced(registry))
    keys = [PublicKey.from_text(text) for text in trusted]
    registry.fetch_snapshot(folder, public_keys=keys)
    with replacing_file(folder / options.KEY_FILE, shared=True) as file:
        file.write("".join(f"{text}\n" for text in trusted).encode())
    _show(_described(folder, trusted), as_json=as_json)


def _introduced(registry: Client) -> str:
    said = ", ".join(key.public_key for key in registry.snapshots().public_keys)
    return (
        f"Say which key signs the snapshot: --public-key. The registry says that it is {said}; compare that"
        " with what its operator published elsewhere."
    )


def _trusted(folder: Path, given: list[str] | None) -> list[PublicKey]:
    known = given or options.kept_keys(folder)
    if not known:
        raise InvalidInput("public_key_missing", "Say which key signs the snapshot: --public-key.")
    return [PublicKey.from_text(text) for text in known]


def _described(folder: Path, given: list[str] | None) -> dict[str, Any]:
    from holdout.snapshot.load import load

    header = load(folder, public_keys=_trusted(folder, given))[-1].header
    return {
        "version": header.version,
        "created": header.created.isoformat(),
        "expires": header.expires.isoformat(),
        "expired": datetime.now(UTC) >= header.expires,
        "log_index": header.log_index,
        "keys": header.prefixes,
        "bytes": sum(path.stat().st_size for path in folder.glob("*.snapshot")),
    }


def _show(said: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(said)
        return
    out().print(
        f"version {said['version']}, {said['keys']:,} keys, {octets(said['bytes'])}\n"
        f"of {said['created']}, log index {said['log_index']}\n"
        f"{'EXPIRED' if said['expired'] else 'good until'} {said['expires']}",
        highlight=False,
    )
    if said.get("verified"):
        out().print("Every signature and every entry is sound.", highlight=False)
