"""`./run bench faults`: does a job lose or double a row when everything round it fails?

For each seed a job of 300,000 URLs runs while faults come at random moments: the worker killed, Valkey
emptied, Valkey killed, PostgreSQL killed (both are started again), writing refused as on a full disk. In
the end every row of the result is compared with what the full parser and the registered keys themselves
say, asked in another way than the product asks.
"""

import argparse
import io
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import urllib.error
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
os.environ["HOLDOUT_JOB_LEASE_SECONDS"] = "3"
django.setup()

import pyarrow.parquet as pq  # noqa: E402
import redis  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from accounts.models import Organization  # noqa: E402
from accounts.services import issue_key  # noqa: E402
from benchmarks import cpu, product, registry, results  # noqa: E402
from benchmarks.urls import generated  # noqa: E402
from holdout.errors import HoldoutError  # noqa: E402
from holdout.urls import canonicalize, rule_keys  # noqa: E402
from launcher.postgres import Postgres  # noqa: E402
from launcher.valkey import Valkey  # noqa: E402
from registry.models import Locator  # noqa: E402

_ROLES = ("web", "worker-lookup", "sequencer", "indexer", "beat")
_PATIENCE_SECONDS = 300.0


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench faults", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--rows", type=int, default=300_000)
    given = parser.parse_args(argv)
    loaded = registry.load(urls=50_000, rules=10_000)
    vendor = Organization.objects.create(name="Benchmark vendor", side=Organization.Side.VENDOR)
    key = issue_key(organization=vendor, name="bench")[1]
    urls = questions(loaded, given.rows)
    expected = [said(url) for url in urls]
    connection.close()
    totals = dict.fromkeys(("lost", "doubled", "wrong", "faults", "failed_jobs"), 0)
    with (
        tempfile.TemporaryDirectory() as folder,
        product.running(*_ROLES, schedule=Path(folder) / "beat") as running,
    ):
        running.await_ready()
        for seed in range(given.seeds):
            seen = one_job(running, key, urls, expected, random.Random(seed))  # noqa: S311
            print(f"seed {seed}: {seen}", flush=True)
            totals = {name: total + seen[name] for name, total in totals.items()}
    results.write("faults", {**totals, "seeds": given.seeds, "rows_a_job": given.rows})
    return 1 if totals["lost"] or totals["doubled"] or totals["wrong"] else 0


def questions(loaded: registry.Loaded, rows: int) -> list[str]:
    chance = random.Random(3)  # noqa: S311
    urls = [url.replace("\n", "").rstrip("\r") for url in generated(rows, seed=5)]
    for place in chance.sample(range(rows), rows // 20):
        urls[place] = chance.choice(loaded.urls).replace("\n", "").rstrip("\r")
    return urls


_KEYS: set[str] = set()


def said(url: str) -> tuple[str, str | None]:
    """What a row must say: its status, and its outcome for generative training. All that is registered
    denies.
    """
    if not _KEYS:
        _KEYS.update(Locator.objects.values_list("key", flat=True))
    try:
        keys = rule_keys(canonicalize(url))
    except HoldoutError:
        return "failed", None
    return "checked", "deny" if any(key.text in _KEYS for key in keys) else "unknown"


def one_job(
    running: product.Product,
    key: str,
    urls: list[str],
    expected: list[tuple[str, str | None]],
    chance: random.Random,
) -> dict[str, int]:
    body = "\n".join(urls).encode()
    job = json.loads(patiently(lambda: running.post("/v1/jobs", key, "text/plain", body)))
    place = f"/v1/jobs/{job['id']}"
    faults = [chance.choice(_FAULTS) for _ in range(chance.randint(3, 5))]
    until = time.monotonic() + _PATIENCE_SECONDS
    for fault in faults:
        time.sleep(chance.uniform(0.2, 2.0))
        fault(running)
    while job["state"] in ("queued", "running") and time.monotonic() < until:
        time.sleep(0.3)
        running.tend()
        job = json.loads(patiently(lambda: running.get(place, key)))
    if job["state"] != "done":
        print(f"  ended as {job['state']}: {job['error']} after {[f.__name__ for f in faults]}")
        return {"lost": len(urls), "doubled": 0, "wrong": 0, "faults": len(faults), "failed_jobs": 1}
    table = pq.read_table(io.BytesIO(patiently(lambda: running.get(f"{place}/result", key))))
    answered = list(
        zip(
            table["url"].to_pylist(),
            table["holdout_status"].to_pylist(),
            table["holdout_train_gen"].to_pylist(),
            strict=True,
        )
    )
    wanted = [(url, *what) for url, what in zip(urls, expected, strict=True)]
    for given, due in [pair for pair in zip(answered, wanted, strict=False) if pair[0] != pair[1]][:3]:
        print(f"  wrong: {given} instead of {due}")
    return {
        "lost": max(0, len(wanted) - len(answered)),
        "doubled": max(0, len(answered) - len(wanted)),
        "wrong": sum(a != b for a, b in zip(answered, wanted, strict=False)),
        "faults": len(faults),
        "failed_jobs": 0,
    }


def patiently(ask: Callable[[], bytes]) -> bytes:
    """The answer, however often the service says "later" meanwhile."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in (500, 503) or time.monotonic() > until:
                    raise SystemExit(f"{error.code}: {error.read()!r}") from error
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(0.3)


def kill_worker(running: product.Product) -> None:
    running.kill("worker-lookup")
    running.start("worker-lookup")


def kill_indexer(running: product.Product) -> None:
    running.kill("indexer")
    running.start("indexer")


def empty_valkey(_running: product.Product) -> None:
    redis.Redis.from_url(settings.REDIS_URL).flushall()


def kill_valkey(_running: product.Product) -> None:
    with suppress(redis.RedisError):
        os.kill(int(redis.Redis.from_url(settings.REDIS_URL).info("server")["process_id"]), signal.SIGKILL)
    time.sleep(0.5)
    Valkey(settings.VAR_DIR).ensure_running()


def kill_postgresql(_running: product.Product) -> None:
    (postmaster, _) = cpu.engines()
    connection.close()
    os.kill(postmaster, signal.SIGKILL)
    time.sleep(0.5)
    Postgres(settings.VAR_DIR, durable=True).ensure_running()


def refuse_writing(running: product.Product) -> None:
    """For a second the worker's processes can write no more than a few bytes to a file."""
    pids = descendants(running.processes["worker-lookup"].pid)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    set_limits(pids, (4_096, resource.RLIM_INFINITY))
    time.sleep(1)
    set_limits(pids, unlimited)


def set_limits(pids: Sequence[int], limits: tuple[int, int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


_FAULTS: tuple[Callable[[product.Product], Any], ...] = (
    kill_worker, empty_valkey, kill_valkey, kill_postgresql, refuse_writing, kill_indexer,
)  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
