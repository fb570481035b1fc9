"""`./run bench setup`: how long a newcomer waits, from a bare checkout to a true answer, and for the tests.

It measures a fresh clone of HEAD with an empty home: what is not committed is not measured.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import results

_FIRST_ANSWER = re.compile(r"first true answer after\W+([\d.]+) s")
# A newcomer has none of these; HOLDOUT_* goes too. What says where packages come from (PIP_*, UV_*) stays.
_OURS = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "VIRTUAL_ENV"}
_CACHES = {"XDG_CACHE_HOME", "PIP_CACHE_DIR", "UV_CACHE_DIR"}


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run bench setup", description=__doc__)
    parser.add_argument("--no-tests", action="store_true", help="measure the first answer only")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="holdout-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL, which is another account where we are root, keeps its data in it
        checkout, home = folder / "checkout", folder / "home"
        home.mkdir()
        _run(["git", "clone", "--quiet", "--no-hardlinks", str(results.CHECKOUT), str(checkout)])
        environment = newcomer(os.environ, home=home)
        told = _run([str(checkout / "run"), "demo"], environment=environment)
        figures = {"cold_first_answer_s": first_answer_seconds(told)}
        if not options.no_tests:
            _run(
                [str(checkout / "run"), "test", "--version"], environment=environment
            )  # installs, and no more
            began = time.monotonic()
            _run([str(checkout / "run"), "test"], environment=environment)
            figures["test_suite_s"] = round(time.monotonic() - began, 1)
    results.write("setup", figures)
    return 0


def newcomer(environment: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """The environment of somebody who has just cloned the repository: an empty home and no caches."""
    ours = {name for name in environment if name in _OURS | _CACHES or name.startswith("HOLDOUT_")}
    return {name: value for name, value in environment.items() if name not in ours} | {"HOME": str(home)}


def first_answer_seconds(told: str) -> float:
    """Read from what `./run demo` prints; ValueError when it does not say."""
    found = _FIRST_ANSWER.search(told)
    if found is None:
        raise ValueError("the demonstration does not tell when the first true answer came")
    return float(found[1])


def _run(argv: Sequence[str], *, environment: Mapping[str, str] | None = None) -> str:
    """What the program printed; ends the benchmark with it when the program fails."""
    print("$", Path(argv[0]).name, *argv[1:2], file=sys.stderr, flush=True)
    done = subprocess.run(
        argv,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{done.stdout}\n{Path(argv[0]).name} failed: there is nothing to measure.")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
