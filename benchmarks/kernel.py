"""`./run bench kernel`: how many URLs a core turns into keys in a second, without asking anything.

Over real-shaped URLs (`benchmarks.urls`), in processor seconds of this process. `compile_s` is what they
cost a machine that has never run them: measured in a process of its own, with an empty cache.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks import results
from benchmarks.urls import urls
from holdout.url_keys import lines, url_keys, warm

ROWS = 1_000_000
CHUNKS = (10_000, 65_536)
REPEATS = 5

_COMPILE = """
import time
from holdout.url_keys import warm
began = time.process_time()
warm()
print(time.process_time() - began)
"""


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench kernel", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    results.write("kernel", {**figures(parser.parse_args(argv).rows), "compile_s": compile_seconds()})
    return 0


def figures(rows: int = ROWS, *, repeats: int = REPEATS) -> Mapping[str, float]:
    """URLs a core-second by rows in a call; and which share of the rows the compiled loop read itself."""
    warm()
    buffer = np.frombuffer(urls(rows, seed=1), np.uint8)
    starts, ends = lines(buffer)
    found: dict[str, float] = {}
    for chunk in CHUNKS:
        _full_parser_rows(
            buffer, starts, ends, chunk
        )  # the first calls of a process also wait for its memory
        spent, full = [], 0
        for _ in range(repeats):
            began = time.process_time()
            full = _full_parser_rows(buffer, starts, ends, chunk)
            spent.append(time.process_time() - began)
        found[f"keys_{chunk}_per_core_s"] = round(rows / statistics.median(spent))
        found["fast_path_ratio"] = 1 - full / rows
    began = time.process_time()
    lines(buffer)
    found["lines_per_core_s"] = round(rows / (time.process_time() - began))
    return found


def _full_parser_rows(
    buffer: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], chunk: int
) -> int:
    return sum(
        url_keys(buffer, starts[i : i + chunk], ends[i : i + chunk]).full_parser_rows
        for i in range(0, len(starts), chunk)
    )


def compile_seconds() -> float:
    with tempfile.TemporaryDirectory() as folder:
        told = subprocess.run(
            [sys.executable, "-c", _COMPILE],
            env=os.environ | {"NUMBA_CACHE_DIR": folder},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return round(float(told.stdout), 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
