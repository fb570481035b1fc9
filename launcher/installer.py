"""Fills `.venv` from the lock files, with uv when it can be had, else with pip. Runs outside `.venv`."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from launcher import failures, indexes
from launcher.failures import Failure
from launcher.paths import CHECKOUT

NEEDED_BYTES = 1_500_000_000
UV_LOCK = CHECKOUT / "launcher" / "uv.txt"

_NO_PACKAGES = (
    "Could not get the packages: no package index answered, or it does not have them. Holdout's first start"
    " needs one: look at the network, or at the index settings of pip. Details: {log}"
)
_SIGNS_OF_NO_NETWORK = (
    "Could not find a version",
    "No matching distribution",
    "Failed to establish a new connection",
    "name resolution",
    "Network is unreachable",
    "Connection refused",
    "error sending request",
    "Failed to fetch",
    "Failed to download",
    "Max retries exceeded",
    "timed out",
)


_PIP_OPTIONS = ["--quiet", "--no-input", "--require-hashes", "--retries", "2"]


class Installer:
    """Installs into the environment `venv`, which exists. Raises Failure with what there is to do."""

    def __init__(self, venv: Path) -> None:
        self._venv = venv
        self._python = venv / "bin" / "python"
        self._uv = venv / "uv" / "bin" / "uv"
        self._log = venv / "install.log"
        self._environment = dict(os.environ)
        self._environment |= indexes.cache_environment(os.environ, fallback=venv / "cache")

    @property
    def has_uv(self) -> bool:
        return self._uv.exists()

    def get_uv(self) -> None:
        """Get uv into the environment if it can be had; `install` does without."""
        if self.has_uv:
            return
        target = self._venv / "uv"
        options = [*_PIP_OPTIONS, "--upgrade", "--target", str(target)]
        self._run([*self._pip(), "install", *options, "--requirement", str(UV_LOCK)])

    def install(self, requirements: Sequence[Path], *, say: Callable[[str], None]) -> None:
        """Install what the lock files name, each file checked against its hash."""
        files = [part for path in requirements for part in ("--requirement", str(path))]
        if self.has_uv:
            # Of several indexes the best match, as pip does it: the hashes guard against a wrong one.
            options = ["--quiet", "--no-config", "--require-hashes", "--index-strategy", "unsafe-best-match"]
            into = ["--python", str(self._python)]
            done = self._run([str(self._uv), "pip", "install", *into, *options, *files], for_uv=True)
            if done.returncode == 0:
                return
            self._raise_if_pip_cannot_help(done.stdout)
            say("uv could not install everything; pip tries")
        self._ensure_pip_inside()
        done = self._run([str(self._python), "-m", "pip", "install", *_PIP_OPTIONS, *files])
        if done.returncode != 0:
            raise self._failure(done.stdout)

    def compile(self, source: Path, target: Path, options: Sequence[str]) -> None:
        """Write the lock file of `source`, for all platforms and every Python that we support."""
        done = self._run(
            [
                *(str(self._uv), "pip", "compile", "--quiet", "--no-config"),
                *("--universal", "--python-version", "3.11", "--generate-hashes"),
                # The lock is for everybody, whichever index the one who made it has.
                *("--no-emit-index-url", "--no-emit-find-links"),
                *("--custom-compile-command", "./run lock"),
                *options,
                *(str(source.relative_to(CHECKOUT)), "--output-file", str(target.relative_to(CHECKOUT))),
            ],
            for_uv=True,
        )
        if done.returncode != 0:
            raise self._failure(done.stdout)

    def _pip(self) -> list[str]:
        """The host's pip, or else one in the environment."""
        outside = [sys.executable, "-m", "pip"]
        if self._run([*outside, "--version"]).returncode == 0:
            return outside
        self._ensure_pip_inside()
        return [str(self._python), "-m", "pip"]

    def _ensure_pip_inside(self) -> None:
        if self._run([str(self._python), "-m", "pip", "--version"]).returncode == 0:
            return
        made = self._run([str(self._python), "-m", "ensurepip", "--default-pip"])
        if made.returncode != 0:
            raise Failure("This Python has neither pip nor ensurepip. On Debian: apt install python3-venv")

    def _run(self, argv: list[str], *, for_uv: bool = False) -> subprocess.CompletedProcess[str]:
        environment = self._environment
        if for_uv:
            settings = indexes.pip_settings(self._pip(), environment)
            environment = environment | indexes.uv_environment(settings, environment)
        done = subprocess.run(
            argv,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        with self._log.open("a") as log:
            log.write(f"$ {' '.join(argv)}\n{done.stdout}\n")
        return done

    def _raise_if_pip_cannot_help(self, output: str) -> None:
        if "No space left on device" in output:
            raise self._failure(output)

    def _failure(self, output: str) -> Failure:
        if any(sign in output for sign in _SIGNS_OF_NO_NETWORK):
            return Failure(_NO_PACKAGES.format(log=self._log))
        return failures.from_output(output, doing="Installing the packages", where=str(CHECKOUT))


def check_space(folder: Path) -> None:
    """Failure when the packages would not fit."""
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise Failure(
            f"The disk is too full: the first start needs about {NEEDED_BYTES / 1e9:.1f} GB in {folder}, and"
            f" {free / 1e9:.1f} GB are free."
        )
