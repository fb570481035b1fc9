"""`./run bench jobs`: what a row of a bulk job costs, from the upload to the signed-off result.

A file of URLs as a crawl has them (3 % registered, 15 % dirty) against a registry of 1,000,000 URLs and
200,000 rules. All processor time of workers, PostgreSQL and Valkey counts, receipt and hit counts included.
The answer with the hits alone is the design's figure; the whole table, and CSV, stand beside it.
"""

import argparse
import io
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django.setup()

import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from accounts.models import Organization  # noqa: E402
from accounts.services import issue_key  # noqa: E402
from benchmarks import cpu, product, registry, results  # noqa: E402
from benchmarks.urls import generated  # noqa: E402
from lookup.indexing import Indexer  # noqa: E402

_ROLES = ("web", "worker-lookup", "sequencer", "indexer", "beat")
_WAYS = {
    "text_hits": ("text/plain", "hits"),
    "parquet_hits": ("application/vnd.apache.parquet", "hits"),
    "parquet_all": ("application/vnd.apache.parquet", "all"),
    "csv_all": ("text/csv", "all"),
}


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench jobs", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the registry, to try the benchmark itself"
    )
    parser.add_argument("--rows", type=int, default=2_000_000)
    given = parser.parse_args(argv)
    loaded = registry.load(urls=int(1_000_000 * given.scale), rules=int(200_000 * given.scale))
    with Indexer() as indexer:
        while indexer.catch_up():
            pass
    vendor = Organization.objects.create(name="Benchmark vendor", side=Organization.Side.VENDOR)
    key = issue_key(organization=vendor, name="bench")[1]
    urls = questions(loaded, given.rows)
    figures = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        product.running(*_ROLES, schedule=Path(folder) / "beat") as running,
    ):
        running.await_ready()
        screen(running, key, "text/plain", "hits", "\n".join(urls[:100_000]).encode())  # warm
        for name, (kind, answers) in _WAYS.items():
            rows, wall = screen(running, key, kind, answers, upload(kind, urls))
            figures[f"{name}_rows_per_core_s"], figures[f"{name}_rows_per_s"] = rows, wall
    results.write("jobs", {"rows_per_core_s": figures["text_hits_rows_per_core_s"], **figures})
    return 0


def questions(loaded: registry.Loaded, rows: int) -> list[str]:
    chance = random.Random(3)  # noqa: S311
    urls = list(generated(rows, seed=5))
    for place in chance.sample(range(rows), int(0.03 * rows)):
        urls[place] = chance.choice(loaded.urls)
    return [url.replace("\n", "") for url in urls]


def upload(kind: str, urls: list[str]) -> bytes:
    if kind == "text/plain":
        return "\n".join(urls).encode()
    if kind == "text/csv":
        return ("url\n" + "\n".join('"' + url.replace('"', '""') + '"' for url in urls)).encode()
    file = io.BytesIO()
    pq.write_table(pa.table({"url": urls}), file, compression="zstd")
    return file.getvalue()


def screen(running: product.Product, key: str, kind: str, answers: str, body: bytes) -> tuple[float, float]:
    """Rows a processor second, and rows a second by the clock, of one job."""
    roots = [*running.pids(), *cpu.engines()]
    before, began = cpu.seconds(roots), time.monotonic()
    job = json.loads(running.post(f"/v1/jobs?answers={answers}", key, kind, body))
    while job["state"] in ("queued", "running"):
        time.sleep(0.1)
        job = json.loads(running.get(f"/v1/jobs/{job['id']}", key))
    wall = time.monotonic() - began
    if job["state"] != "done":
        raise SystemExit(f"The job ended as {job['state']}: {job['error']}")
    print(f"{kind} {answers}: {job['rows']:,} rows in {wall:.1f} s; {job['counts']}", flush=True)
    return job["rows"] / (cpu.seconds(roots) - before), job["rows"] / wall


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
