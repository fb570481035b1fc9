"""What `./run check` looks at."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from launcher.paths import CHECKOUT
from launcher.roles import manage

_BIN = Path(sys.executable).parent

# `run` has no .py ending, so the tools must be told of it.
CHECKS = {
    "lint": [str(_BIN / "ruff"), "check", ".", "run"],
    "format": [str(_BIN / "ruff"), "format", "--check", ".", "run"],
    "types": [sys.executable, "-m", "mypy", ".", "run"],
    "layers": [str(_BIN / "lint-imports")],
    "migrations": manage("makemigrations", "--check", "--dry-run"),
}


def run_all(environment: Mapping[str, str]) -> int:
    """Run every check, one after the other; 1 when any failed. What a failing one printed is shown."""
    failed = [name for name, argv in CHECKS.items() if not _passes(name, argv, environment)]
    print(
        f"{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}"
        if failed
        else "all checks passed"
    )
    return 1 if failed else 0


def _passes(name: str, argv: list[str], environment: Mapping[str, str]) -> bool:
    print(f"{name:<10} ", end="", flush=True)
    began = time.monotonic()
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
    print(f"{'ok' if done.returncode == 0 else 'FAILED':<6} {time.monotonic() - began:5.1f} s", flush=True)
    if done.returncode != 0:
        print(done.stdout, flush=True)
    return done.returncode == 0
