"""`./run bench lookup`: what a URL costs, through the door and in the bare kernel, against what is usual.

A registry of 1,000,000 URLs and 200,000 rules (folders, hosts, domains) is loaded into PostgreSQL by COPY
and indexed by the product's indexer; for the large one 9,000,000 further keys with the same statements join
it in the index alone. The questions are URLs as a crawl has them: 3 % registered ones, 15 % dirty. All
processor time counts: that of the web server, of PostgreSQL and of Valkey. The baselines answer the same
questions from the same tables. `python -m benchmarks.plots` draws what is written.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import django
import numpy as np
from datadiligence.rules import SpawningAPI

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django.setup()


from accounts.models import Organization  # noqa: E402
from accounts.services import issue_key  # noqa: E402
from benchmarks import baselines, cpu, overload, registry, results  # noqa: E402
from benchmarks.urls import generated  # noqa: E402
from holdout.index.files import Tables  # noqa: E402
from holdout.index.keys import packed_key  # noqa: E402
from holdout.index.publish import Publisher  # noqa: E402
from holdout.index.read import Found, View  # noqa: E402
from holdout.index.table import Table  # noqa: E402
from holdout.url_keys import lines, url_keys  # noqa: E402
from holdout.urls import canonicalize, rule_keys  # noqa: E402
from lookup.engine import current_view, index_folder  # noqa: E402
from lookup.indexing import Indexer  # noqa: E402
from lookup.models import HitBatch  # noqa: E402

ROWS: Final = 10_000
PACKED_ROWS: Final = 100_000
BATCHES: Final = 50
REPEATS: Final = 5
SIZES: Final = (1, 2, 5, 10)
"""Millions of URLs in the index."""
HITS: Final = 0.03


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench lookup", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the registry, to try the benchmark itself"
    )
    scale = parser.parse_args(argv).scale
    loaded = registry.load(urls=int(1_000_000 * scale), rules=int(200_000 * scale))
    with Indexer() as indexer:
        while indexer.catch_up():
            pass
    batches = questions(loaded)
    figures = baselines.figures(batches[:3])
    size = SIZES[0]
    for larger in SIZES:
        enlarge(int((larger - size) * 1_000_000 * scale))
        size = larger
        figures |= {f"{name}_at_{size}m": value for name, value in measured(batches).items()}
    results.write("lookup", figures | summary(figures))
    return 0


def summary(figures: dict[str, float]) -> dict[str, float]:
    """The keys that the design names."""
    text = figures["text_10k_per_core_s_at_10m"]
    return {
        "text_10k_at_10m_per_core_s": text,
        "ratio_to_drf_orm": figures["text_10k_per_core_s_at_1m"] / figures["drf_orm_per_core_s"],
        "ratio_to_kernel": text / figures["kernel_per_core_s_at_10m"],
        "kernel_per_core_s": figures["kernel_per_core_s_at_10m"],
        "packed_per_core_s": figures["packed_per_core_s_at_10m"],
        "json_pairs_per_core_s": figures["json_pairs_per_core_s_at_10m"],
        "growth_1m_to_10m": figures["text_10k_per_core_s_at_1m"] / text,
    }


def questions(loaded: registry.Loaded) -> list[bytes]:
    """Batches of URLs, a line each."""
    chance = random.Random(3)  # noqa: S311
    urls = list(generated(ROWS * BATCHES, seed=5))
    for place in chance.sample(range(len(urls)), int(HITS * len(urls))):
        urls[place] = chance.choice(loaded.urls)
    return ["\n".join(urls[i : i + ROWS]).encode() for i in range(0, len(urls), ROWS)]


def enlarge(more: int) -> None:
    """Further URL keys in the index, each with a statement that stands in PostgreSQL."""
    if not more:
        return
    view = current_view()
    urls = view.merged("urls")
    chance = np.random.default_rng(11)
    copies = urls.record[chance.integers(0, len(urls.record), size=more)]
    further = Table.build(
        probes=np.concatenate([urls.probe, chance.integers(0, 2**64, size=more, dtype=np.uint64)]),
        checks=np.concatenate(
            [
                urls.check.view(np.uint8).reshape(-1, 16),
                chance.integers(0, 256, size=(more, 16), dtype=np.uint8),
            ]
        ),
        counts=np.concatenate([urls.counts, np.ones(more, dtype=np.int64)]),
        records=np.concatenate([urls.record.view("V48"), copies.view("V48")]).view(urls.record.dtype),
    )
    with Publisher(index_folder()) as publisher:
        publisher.publish_base(
            Tables(further, view.merged("places"), view.merged("files"), view.merged("grants")),
            watermark=view.as_of.log_index,
            leaf_hash=view.leaf_hash,
            time=view.as_of.time,
        )


def measured(batches: list[bytes]) -> dict[str, float]:
    """URLs, or keys, a processor second, at the index as it is now."""
    view = current_view()
    print(f"index of {view.base.keys:,} keys", flush=True)
    kernel = [
        per_core(ROWS * len(batches), lambda: [ask_kernel(view, batch) for batch in batches])
        for _ in range(REPEATS)
    ]
    found = [ask_kernel(view, batch) for batch in batches]
    packed, pairs = packed_keys(batches), json_pairs(batches[0])
    with web_server() as (server, port, key):

        def post(kind: str, body: bytes) -> bytes:
            return asked(port, key, kind, body)

        roots = [server, *cpu.engines()]
        post("text/plain", batches[0])
        post("application/vnd.holdout.keys", packed)
        post("application/json", pairs)
        text = [
            per_core(ROWS * len(batches), lambda: [post("text/plain", batch) for batch in batches], roots)
            for _ in range(REPEATS)
        ]
        keys = [
            per_core(
                PACKED_ROWS * 10,
                lambda: [post("application/vnd.holdout.keys", packed) for _ in range(10)],
                roots,
            )
            for _ in range(REPEATS)
        ]
        theirs = [
            per_core(ROWS * 10, lambda: ask_as_spawnings_client(port, key, batches[:10]), roots)
            for _ in range(REPEATS)
        ]
        both = [
            per_core(ROWS * 10, lambda: [post("application/json", pairs) for _ in range(10)], roots)
            for _ in range(REPEATS)
        ]
    HitBatch.objects.all().delete()
    return {
        "kernel_per_core_s": statistics.median(kernel),
        "text_10k_per_core_s": statistics.median(text),
        "packed_per_core_s": statistics.median(keys),
        "json_pairs_per_core_s": statistics.median(both),
        "datadiligence_per_core_s": statistics.median(theirs),
        "hit_share": sum(len(np.unique(one.row)) for one in found) / (ROWS * len(batches)),
    }


def per_core(rows: int, work: Callable[[], object], roots: Sequence[int] | None = None) -> float:
    """Rows a processor second. With `roots` theirs alone count: this process then only asks."""
    if roots is None:
        return rows / cpu.spent(work)
    before = cpu.seconds(roots)
    work()
    return rows / (cpu.seconds(roots) - before)


def asked(port: int, key: str, kind: str, body: bytes) -> bytes:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/lookups?answers=hits",
        data=body,
        headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        answered: bytes = answer.read()
    return answered


def ask_as_spawnings_client(port: int, key: str, batches: Sequence[bytes]) -> None:
    """By datadiligence, which asks Spawning's door for ten batches at once."""
    os.environ[SpawningAPI.API_KEY_ENV_VAR] = key
    client = SpawningAPI(user_agent="benchmark")
    client.SPAWNING_AI_API_URL = f"http://127.0.0.1:{port}/api/v2/query/urls/"
    urls = [url for batch in batches for url in batch.decode().split("\n")]
    if len(client.is_allowed(urls=urls)) != len(urls):
        raise SystemExit("datadiligence was not answered for every URL")


def ask_kernel(view: View, batch: bytes) -> Found:
    buffer = np.frombuffer(batch, dtype=np.uint8)
    return view.urls(url_keys(buffer, *lines(buffer)))


def packed_keys(batches: list[bytes]) -> bytes:
    """Packed keys as a vendor sends them: those that its snapshot found, so one in ten is registered here."""
    chance = random.Random(13)  # noqa: S311
    known = [packed_key(rule_keys(canonicalize(url))[0].text) for url in _readable(batches[0])]
    return b"".join(
        chance.choice(known) if chance.random() < 0.1 else chance.randbytes(16) for _ in range(PACKED_ROWS)
    )


def json_pairs(batch: bytes) -> bytes:
    """The URLs of a batch, each with the SHA-256 of a file that nobody registered."""
    chance = random.Random(17)  # noqa: S311
    queries = [{"url": url, "sha256": chance.randbytes(32).hex()} for url in batch.decode().split("\n")]
    return json.dumps({"queries": queries}).encode()


def _readable(batch: bytes) -> Iterator[str]:
    for line in batch.decode().split("\n")[:1000]:
        keys = url_keys(
            np.frombuffer(line.encode(), dtype=np.uint8),
            np.zeros(1, np.int64),
            np.array([len(line.encode())]),
        )
        if not keys.error[0]:
            yield line


@contextmanager
def web_server() -> Iterator[tuple[int, int, str]]:
    """The product's web role and its indexer: the web server's process, its port, and a key for it."""
    organization = Organization.objects.create(name="Benchmark vendor", side=Organization.Side.VENDOR)
    key = issue_key(organization=organization, name="bench")[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    run = {"cwd": results.CHECKOUT, "env": overload.environment(), "stderr": subprocess.DEVNULL}
    indexer = subprocess.Popen([sys.executable, "manage.py", "indexer"], **run)  # type: ignore[call-overload]
    server = subprocess.Popen(overload.web(port, None), **run)  # type: ignore[call-overload]
    try:
        overload.await_ready(port)
        yield server.pid, port, key
    finally:
        for process in (server, indexer):
            process.terminate()
            process.wait(20)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
