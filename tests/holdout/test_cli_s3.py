"""`holdout screen` on a store, here an S3 on loopback."""

import io
import json
from collections.abc import Iterator
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from holdout.cli import main
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import NO_AI, RegistryStub

pytestmark = pytest.mark.slow

RESERVED = "https://a.example/deny"
POLICY = ["--use", "train_gen", "--on-unset", "keep", "--on-review", "hold"]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """The address of an S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket `crawl`, opened by fsspec as a vendor would."""
    for name, value in {
        "AWS_ENDPOINT_URL": store,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3").clear_instance_cache()
    filesystem = fsspec.filesystem("s3")
    filesystem.mkdir("crawl")
    yield filesystem
    filesystem.rm("crawl", recursive=True)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[RegistryStub]:
    stub = RegistryStub()
    stub.says = {RESERVED: NO_AI}
    with serving(stub) as address:
        monkeypatch.setenv("HOLDOUT_URL", address)
        monkeypatch.setenv("HOLDOUT_KEY", "ho_test_key")
        yield stub


def put(bucket: Any, name: str, urls: list[str], *, group: int = 1_000) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"url": urls, "n": list(range(len(urls)))}), out, row_group_size=group)
    bucket.pipe_file(f"crawl/{name}", out.getvalue())


def urls(count: int, *reserved: int) -> list[str]:
    return [RESERVED if n in reserved else f"https://b.example/{n}" for n in range(count)]


def summary(bucket: Any) -> dict[str, Any]:
    bucket.invalidate_cache()
    said: dict[str, Any] = json.loads(bucket.cat_file("crawl/out/summary.json"))
    return said


def read(bucket: Any, kind: str) -> pa.Table:
    bucket.invalidate_cache()
    parts = [pq.read_table(io.BytesIO(bucket.cat_file(n))) for n in sorted(bucket.ls(f"crawl/out/{kind}"))]
    return pa.concat_tables(parts)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_from_a_store_into_a_store(workers: str, bucket: Any, stub: RegistryStub) -> None:
    put(bucket, "in/a.parquet", urls(2_500, 3, 2_499))
    put(bucket, "in/b.parquet", urls(10, 5))
    bucket.pipe_file("crawl/in/c.txt", f"https://b.example/\n{RESERVED}\n".encode())
    bucket.pipe_file("crawl/in/notes.md", b"not a table")
    words = ["screen", "s3://crawl/in", "--out", "s3://crawl/out", *POLICY, "--workers", workers]
    assert main(words) == 0
    assert [one["input"] for one in summary(bucket)["inputs"]] == [
        "s3://crawl/in/a.parquet",
        "s3://crawl/in/b.parquet",
        "s3://crawl/in/c.txt",
    ]
    assert (summary(bucket)["rows"], summary(bucket)["full_scan"]) == (2_512, True)
    hits = read(bucket, "hits").to_pylist()
    assert [(hit["file"][-9:], hit["row_group"], hit["row"]) for hit in hits] == [
        ("a.parquet", 0, 3),
        ("a.parquet", 2, 2_499),
        ("b.parquet", 0, 5),
        ("/in/c.txt", None, 1),
    ]


def test_a_pattern_finds_what_a_run_has_not_done_yet(bucket: Any, stub: RegistryStub) -> None:
    put(bucket, "in/a.parquet", urls(5, 1))
    words = ["screen", "s3://crawl/in/*.parquet", "--out", "s3://crawl/out", *POLICY, "--hits-only"]
    words += ["--workers", "1"]
    assert main(words) == 0
    put(bucket, "in/b.parquet", urls(5, 2))
    assert main(words) == 0
    assert len(stub.asked) == 2
    put(bucket, "in/a.parquet", urls(6, 4))  # another ETag
    assert main(words) == 0
    assert len(stub.asked) == 3
    assert sorted(read(bucket, "hits")["row"].to_pylist()) == [2, 4]
    assert summary(bucket)["rows"] == 11


def test_a_damaged_object_is_reported_and_the_others_are_screened(bucket: Any, stub: RegistryStub) -> None:
    put(bucket, "in/a.parquet", urls(5, 1))
    bucket.pipe_file("crawl/in/b.parquet", b"PAR1 and no more")
    words = ["screen", "s3://crawl/in", "--out", "s3://crawl/out", *POLICY, "--workers", "1"]
    assert main(words) == 2
    assert [one["state"] for one in summary(bucket)["inputs"]] == ["done", "failed"]


def test_a_bucket_that_is_not_there_is_explained(
    bucket: Any, stub: RegistryStub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["screen", "s3://nowhere/in", "--out", "s3://crawl/out", *POLICY]) == 2
    assert "(input_missing)" in capsys.readouterr().err
