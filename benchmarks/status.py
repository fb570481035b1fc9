"""`./run bench status`: how long one picture's status takes, in a registry of 1,000,000 works' places.

Measured by a client on the same machine over one kept connection, so the client's own time is in it;
`livez_p50_ms` is what the same client needs for an answer that takes nothing.
"""

import argparse
import http.client
import os
import random
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django.setup()


from benchmarks import product, registry, results  # noqa: E402
from benchmarks.overload import quantile  # noqa: E402
from lookup.indexing import Indexer  # noqa: E402

_QUESTIONS = 3_000


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench status", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the registry, to try the benchmark itself"
    )
    scale = parser.parse_args(argv).scale
    # No organisation asks here, so one network's quota counts.
    os.environ |= {"HOLDOUT_QUOTA_STATUS_PER_MINUTE": "60000000", "HOLDOUT_QUOTA_STATUS_BURST": "60000000"}
    loaded = registry.load(urls=int(1_000_000 * scale), rules=int(200_000 * scale))
    with Indexer() as indexer:
        while indexer.catch_up():
            pass
    chance = random.Random(3)  # noqa: S311
    asked = [
        f"/v1/status?url={urllib.parse.quote(chance.choice(loaded.urls), safe='')}" for _ in range(_QUESTIONS)
    ]
    with (
        tempfile.TemporaryDirectory() as folder,
        product.running("web", "indexer", schedule=Path(folder) / "b") as web,
    ):
        web.await_ready()
        connection = http.client.HTTPConnection("127.0.0.1", web.port)

        def ask(path: str) -> float:
            began = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path} answers {answer.status}")
            return (time.perf_counter() - began) * 1000

        timed: Callable[[Sequence[str]], list[float]] = lambda paths: [ask(path) for path in paths]  # noqa: E731
        timed(asked[:300])
        nothing, status = timed(["/livez"] * _QUESTIONS), timed(asked)
    figures = {
        "p50_ms": quantile(status, 0.5),
        "p99_ms": quantile(status, 0.99),
        "livez_p50_ms": quantile(nothing, 0.5),
    }
    results.write("status", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
