"""The first steps of `./run`, under the host's Python: make `.venv`, fill it, turn into the launcher inside.

A stamp in `.venv` tells what is installed, so every later start goes straight through.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher import failures, installer, locks, usage
from launcher.failures import Failure
from launcher.paths import CHECKOUT

VENV = CHECKOUT / ".venv"
RUN_SET = [CHECKOUT / "requirements.txt"]
DEV_SET = [*RUN_SET, CHECKOUT / "requirements-dev.txt"]
SOURCES = [CHECKOUT / "requirements.in", CHECKOUT / "requirements-dev.in", CHECKOUT / "launcher" / "uv.in"]

_NEEDED = {
    "demo": RUN_SET,
    "serve": RUN_SET,
    "manage": RUN_SET,
    "bench": RUN_SET,
    "test": DEV_SET,
    "check": DEV_SET,
    "docs": DEV_SET,
    "screenshots": DEV_SET,
}


def main(argv: Sequence[str]) -> int:
    """Carry out the command; returns only when there was nothing to start, or something to mend (2)."""
    name, *arguments = argv or ["help"]
    if name in {"help", "-h", "--help"}:
        print(usage.text())
        return 0
    if name not in usage.COMMANDS:
        print(f"There is no command {name}.\n\n{usage.text()}", file=sys.stderr)
        return 2
    try:
        if name == "lock":
            return lock(arguments)
        ensure(VENV, _NEEDED[name])
        return _become_launcher(name, arguments)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    except OSError as error:
        known = failures.from_os_error(error)
        if known is None:
            raise
        print(known, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def ensure(venv: Path, requirements: Sequence[Path]) -> None:
    """Make sure that `venv` is of this Python and has what the lock files name."""
    wanted = _digest(requirements)
    if wanted in _stamps(venv):
        return
    with _alone_in(venv):
        if wanted in _stamps(venv):  # another start did it meanwhile
            return
        installer.check_space(venv)
        with _step("1/3 making the environment"):
            _make(venv)
        tool = installer.Installer(venv)
        with _step("2/3 getting the installer"):
            tool.get_uv()
        with _step("3/3 installing the packages"):
            tool.install(requirements, say=_say)
        # Stamps of older lock files would be wrong now; the run set is part of the development set.
        _write_stamps(venv, {wanted, _digest(RUN_SET)} | (_stamps(venv) & {_digest(DEV_SET)}))


def lock(options: Sequence[str]) -> int:
    """Compile the lock files anew. It needs uv only, so a broken lock file does not stand in its way."""
    with _alone_in(VENV):
        _make(VENV)
        tool = installer.Installer(VENV)
        tool.get_uv()
        if not tool.has_uv:
            raise Failure(f"uv cannot be had, and only uv makes the lock files. Details: {VENV}/install.log")
        for source in SOURCES:
            with _step(f"compiling {source.name}"):
                tool.compile(source, source.with_suffix(".txt"), options)
    return 0


def _become_launcher(name: str, arguments: Sequence[str]) -> int:
    python = str(VENV / "bin" / "python")
    os.chdir(CHECKOUT)
    sys.stdout.flush()
    os.execve(python, [python, "-m", "launcher", name, *arguments], dict(os.environ))  # noqa: S606


@contextmanager
def _alone_in(venv: Path) -> Iterator[None]:
    """Hold the environment's lock: two first starts at once would spoil each other's work."""
    venv.mkdir(exist_ok=True)
    with locks.exclusive(venv / "setup.lock"):
        yield


def _make(venv: Path) -> None:
    """Make the environment, without pip, unless there is a working one of this Python."""
    if _python_of(venv) == sys.version_info[:3]:
        return
    for path in venv.iterdir():
        if path.name != "setup.lock":  # we hold it
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(venv)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise failures.from_output(made.stdout, doing="Making the environment", where=str(venv))


def _python_of(venv: Path) -> tuple[int, ...]:
    """The version of the Python in the environment; empty when there is none that works."""
    script = "import sys; print(*sys.version_info[:3])"
    try:
        asked = subprocess.run(
            [venv / "bin" / "python", "-c", script], capture_output=True, text=True, check=False
        )
    except OSError:
        return ()
    return tuple(map(int, asked.stdout.split())) if asked.returncode == 0 else ()


def _digest(requirements: Sequence[Path]) -> str:
    """A name for these lock files under this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for path in requirements:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _stamps(venv: Path) -> set[str]:
    try:
        return set(json.loads((venv / "installed.json").read_text()))
    except (OSError, ValueError):
        return set()


def _write_stamps(venv: Path, stamps: set[str]) -> None:
    unfinished = venv / "installed.json.new"
    unfinished.write_text(json.dumps(sorted(stamps)))
    unfinished.replace(venv / "installed.json")


@contextmanager
def _step(what: str) -> Iterator[None]:
    print(f"{what} ... ", end="", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        yield
    except BaseException:
        _say("failed")
        raise
    _say(f"{time.monotonic() - began:.1f} s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
