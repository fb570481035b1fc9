"""What `./run check` looks at."""

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from launcher.paths import CHECKOUT
from launcher.roles import manage

_BIN = Path(sys.executable).parent

# Made up: the check looks at the settings, and none of it is used.
_PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "only-0123456789-to-abcdefghijklmnopqrstuvwxyz-see-ABCDEFGHIJ",
    "HOLDOUT_SNAPSHOT_SIGNING_KEY": "b25seS0wMTIzNDU2Nzg5LXRvLWFiY2RlZmdoaWprbG0=",
    "ALLOWED_HOSTS": "registry.example.org",
    "EMAIL_HOST": "mail.example.org",
}


@dataclass(frozen=True)
class Check:
    """A program that ends with 0 when all is well; `environment` is what it needs beside that of all."""

    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)


# `run` has no .py ending, so the tools must be told of it.
CHECKS = {
    "lint": Check([str(_BIN / "ruff"), "check", ".", "run"]),
    "format": Check([str(_BIN / "ruff"), "format", "--check", ".", "run"]),
    "types": Check([sys.executable, "-m", "mypy", ".", "run"]),
    "layers": Check([str(_BIN / "lint-imports")]),
    "migrations": Check(manage("makemigrations", "--check", "--dry-run")),
    "locks": Check(manage("lintmigrations")),
    "production": Check(manage("check", "--deploy", "--fail-level", "WARNING"), _PRODUCTION),
}


def run_all(environment: Mapping[str, str]) -> int:
    """Run every check, one after the other; 1 when any failed. What a failing one printed is shown."""
    failed = [name for name, check in CHECKS.items() if not _passes(name, check, environment)]
    print(
        f"{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}"
        if failed
        else "all checks passed"
    )
    return 1 if failed else 0


def _passes(name: str, check: Check, environment: Mapping[str, str]) -> bool:
    print(f"{name:<10} ", end="", flush=True)
    began = time.monotonic()
    done = subprocess.run(
        check.argv,
        cwd=CHECKOUT,
        env={**environment, **check.environment},
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
