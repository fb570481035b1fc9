"""`./run bench client`: what screening costs a vendor's own machine, and what goes over the wire.

Everything in processor seconds of this process, over real-shaped URLs (`benchmarks.urls`) of which 2 % are
hits; no registry is asked: its answers are made beforehand. `snapshot_...` is with a snapshot of `KEYS`
entries; `screen_...` is all of `holdout screen`, from a Parquet file to the hits on disk, in one process.
`holdout plan` counts with these figures (`benchmarks/plan_figures.py`).
"""

import argparse
import contextlib
import io
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import results
from benchmarks.urls import generated
from holdout.cli import main as holdout
from holdout.client import Client
from holdout.offline import SnapshotSource
from holdout.picture_hosts import TABLE_VERSION
from holdout.questions import Questions, questions, slices
from holdout.signing import SigningKey
from holdout.snapshot.files import Header, snapshot_file
from holdout.snapshot.folder import file_name
from holdout.snapshot.read import Snapshot
from holdout.snapshot.state import Change, State
from holdout.url_keys import url_keys
from holdout.vocabulary import UsageCategory

ROWS = 1_000_000
KEYS = 10_000_000
HITS = 0.02
REPEATS = 5
_KEY = SigningKey(b"\x07" * 32)
_DENY = 240


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench client", description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--keys", type=int, default=KEYS)
    asked = parser.parse_args(argv)
    results.write("client", figures(rows=asked.rows, keys=asked.keys))
    return 0


def figures(*, rows: int = ROWS, keys: int = KEYS, repeats: int = REPEATS) -> Mapping[str, float]:
    """Rows a core-second, and bytes a row."""
    urls = pa.array(generated(rows, seed=1), pa.large_string())
    octets = np.random.default_rng(1).bytes(32 * rows)
    digests = pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), rows, [None, pa.py_buffer(octets)])
    wire, found = _Wire(), {}
    with Client("http://registry.invalid", "key", transport=httpx.MockTransport(wire), parallel=1) as client:
        for name, asked in {
            "url": questions(urls=urls),
            "file": questions(sha256=digests),
            "pair": questions(urls=urls, sha256=digests),
        }.items():
            wire.clear()
            found[f"{name}s_per_core_s"] = _median(rows, partial(client.ask, asked), repeats)
            found[f"bytes_up_per_{name}"] = wire.up / wire.rows
        found["bytes_down_per_hit"] = wire.down / wire.hits
    found |= _uploads(urls, digests)
    with tempfile.TemporaryDirectory() as folder:
        found |= _with_snapshot(Path(folder), urls, digests, keys, repeats)
    return found


class _Wire:
    """Answers every call with the same share of hits, made once, and counts bytes."""

    def __init__(self) -> None:
        self._answers: dict[int, bytes] = {}
        self.clear()

    def clear(self) -> None:
        self.up = self.down = self.hits = self.rows = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        rows = _rows_in(request)
        answer = self._answers.setdefault(rows, _answer(rows))
        self.up += len(request.content)
        self.down += len(answer)
        self.rows += rows
        self.hits += int(rows * HITS)
        return httpx.Response(200, content=answer)


def _rows_in(request: httpx.Request) -> int:
    if request.headers["content-type"].endswith("keys"):
        return len(request.content) // 16
    if request.headers["content-type"].startswith("text/"):
        return request.content.count(b"\n") + 1
    body = msgspec.json.decode(request.content, type=_Asked)
    return len(body.urls) + len(body.queries)


class _Asked(msgspec.Struct):
    urls: list[msgspec.Raw] = []
    queries: list[msgspec.Raw] = []


def _answer(rows: int) -> bytes:
    hits = int(rows * HITS)
    chosen = sorted(random.Random(1).sample(range(rows), hits))  # noqa: S311
    return json.dumps(
        {
            "as_of": {"log_index": 1, "time": "2026-11-22T09:30:00+00:00"},
            "index_version": 1,
            "queries": rows,
            "outcomes": [dict.fromkeys(UsageCategory, "deny")],
            "hits": {
                "row": chosen,
                "outcome": [0] * hits,
                "source": ["stm_5m2k7q3vz6n4c2x7hw3a5ybd4e"] * hits,
                "disputed": [],
            },
            "failed": {"row": [], "code": []},
        },
        separators=(",", ":"),
    ).encode()


def _uploads(urls: pa.Array, digests: pa.Array) -> dict[str, float]:
    """Bytes a row of the Parquet files that jobs are sent, and of what comes back for each row."""
    spelt = pa.array([digest.hex() for digest in digests.to_pylist()])
    rows = len(urls)
    unknown = pa.array(["unknown"] * rows)
    answered = {f"holdout_{use}": unknown for use in UsageCategory}
    sizes = {
        "job_bytes_up_per_url": {"url": urls},
        "job_bytes_up_per_file": {"sha256": spelt},
        "job_bytes_up_per_pair": {"url": urls, "sha256": spelt},
        "job_bytes_down_per_row": {"url": urls, "holdout_status": pa.array(["checked"] * rows), **answered},
    }
    return {name: _parquet_bytes(columns) / rows for name, columns in sizes.items()}


def _parquet_bytes(columns: Mapping[str, pa.Array]) -> int:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, compression="zstd")
    return out.tell()


def _with_snapshot(
    folder: Path, urls: pa.Array, digests: pa.Array, keys: int, repeats: int
) -> dict[str, float]:
    snapshot, size = _snapshot(folder / "snapshot", urls, keys)
    source, rows = SnapshotSource(snapshot), len(urls)
    strangers = questions(urls=pa.array(generated(rows, seed=2), pa.large_string()))
    wrong = sum(_asked(source, strangers))
    table = folder / "rows.parquet"
    pq.write_table(pa.table({"url": urls}), table, compression="zstd", row_group_size=100_000)
    return {
        "snapshot_keys": keys,
        "snapshot_bytes_per_key": size / keys,
        "snapshot_false_hits_per_url": wrong / rows,
        "snapshot_urls_per_core_s": _median(rows, lambda: _asked(source, questions(urls=urls)), repeats),
        "snapshot_files_per_core_s": _median(
            rows, lambda: _asked(source, questions(sha256=digests)), repeats
        ),
        "screen_parquet_rows_per_core_s": _median(rows, lambda: _screen(table, folder), repeats),
    }


def _snapshot(folder: Path, urls: pa.Array, keys: int) -> tuple[Snapshot, int]:
    """One of `keys` entries: 2 % of the URLs, and strangers."""
    known = urls.take(pa.array(np.arange(0, len(urls), round(1 / HITS)))).cast(pa.large_binary())
    ends = np.frombuffer(known.buffers()[1], np.int64)
    probes = url_keys(np.frombuffer(known.buffers()[2], np.uint8), ends[:-1], ends[1:]).url_probe
    others = np.random.default_rng(3).integers(0, 2**64, keys - len(probes), dtype=np.uint64)
    state = State.of(np.concatenate([probes, others]), np.full(keys, _DENY, np.uint8))
    now = datetime.now(UTC)
    header = Header(
        version=1,
        since=0,
        created=now,
        expires=now + timedelta(days=2),
        log_index=1,
        hosts=TABLE_VERSION,
        prefixes=len(state),
        digest=state.digest(),
    )
    content = snapshot_file(header, Change.from_nothing(state), key=_KEY)
    folder.mkdir()
    (folder / file_name(since=0, version=1)).write_bytes(content)
    return Snapshot.open(folder, public_key=_KEY.public, now=now), len(content)


def _asked(source: SnapshotSource, asked: Questions) -> list[int]:
    """In batches, as the filter and the command ask; how many of each have an answer."""
    return [int(np.count_nonzero(source.ask(part).outcome)) for part in slices(asked, 65_536)]


def _screen(table: Path, folder: Path) -> None:
    words = ["screen", str(table), "--out", str(folder / "out"), "--snapshot", str(folder / "snapshot")]
    words += ["--public-key", _KEY.public.text, "--use", "train_gen", "--on-unset", "keep"]
    with contextlib.redirect_stdout(io.StringIO()):
        done = holdout([*words, "--on-review", "hold", "--hits-only", "--workers", "1", "--again"])
    if done:
        raise RuntimeError(f"holdout screen ended with {done}")


def _median(rows: int, work: Callable[[], object], repeats: int) -> float:
    """Rows a core-second; one run before the others is for what is made once."""
    work()
    return round(rows / statistics.median(_seconds(work, repeats)))


def _seconds(work: Callable[[], object], repeats: int) -> Iterator[float]:
    for _ in range(repeats):
        began = time.process_time()
        work()
        yield time.process_time() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
