"""The main job, on real parts."""

import base64
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from consent.services import declare
from holdout.errors import UnreadablePicture
from holdout.receipts import verify_opening
from ledger.queries import receipt
from ledger.services import wait_for_entry
from lookup.indexing import wait_until_indexed
from registry.models import Asset, Declarant, Work
from registry.services import await_fingerprints, receive_picture
from tests.factories import NO_AI, place
from tests.flows.conftest import WORKER, Start, kill_with_children, until

pytestmark = pytest.mark.slow


def painting(seed: int) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((400, 400), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def table(urls: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"url": urls}), out)
    return out.getvalue()


def finished(vendor: httpx.Client, job: dict[str, Any]) -> Any:
    def look() -> dict[str, Any] | None:
        state: dict[str, Any] = vendor.get(f"/v1/jobs/{job['id']}").json()
        return state if state["state"] in ("done", "failed") else None

    return until(look)


def test_from_an_upload_to_a_vendors_answer_and_both_receipts(
    product: None, alice: Declarant, vendor: httpx.Client
) -> None:
    with pytest.raises(UnreadablePicture, match="format"):
        await_fingerprints(
            asset=receive_picture(declarant=alice, title="", picture=b"PK\x03\x04 a zip renamed to .jpg")
        )
    assert not Work.objects.exists()
    assert not Asset.objects.exists()
    picture = encoded(painting(1), "PNG")
    asset = await_fingerprints(asset=receive_picture(declarant=alice, title="Tide", picture=picture))
    statement = declare(declarant=alice, subject=asset.work, preferences=NO_AI)
    entry = wait_for_entry(record_id=statement.public_id, timeout_seconds=120)
    wait_until_indexed(entry.index, timeout_seconds=120)
    verify_opening(receipt(statement.public_id))

    pictures = [picture, encoded(painting(1).transpose(Image.Transpose.FLIP_LEFT_RIGHT), "JPEG", quality=60)]
    pictures.append(encoded(painting(2), "PNG"))
    queries = [{"picture": base64.b64encode(p).decode()} for p in pictures]
    results = vendor.post("/v1/lookups", json={"queries": queries}).json()["results"]
    assert [r["uses"]["train_gen"] for r in results] == ["deny", "review", "unknown"]

    site = declare(declarant=alice, subject=place(alice, "https://alice.example/tide.png"), preferences=NO_AI)
    entry = wait_for_entry(record_id=site.public_id, timeout_seconds=120)
    wait_until_indexed(entry.index, timeout_seconds=120)
    body = table(["http://ALICE.example/tide.png", "https://alice.example/ebb.png"])
    job = vendor.post("/v1/jobs", content=body, headers={"Content-Type": "application/x-parquet"}).json()
    assert finished(vendor, job)["counts"] == {"deny": 1, "unknown": 1}
    verify_opening(until(lambda: _receipt(vendor, job)))


def _receipt(vendor: httpx.Client, job: dict[str, Any]) -> Any:
    response = vendor.get(f"/v1/jobs/{job['id']}/receipt")
    return response.json() if response.status_code == 200 else None


def test_a_job_survives_the_death_of_its_worker(start: Start, vendor: httpx.Client, tmp_path: Path) -> None:
    """Killed at once, without a word; another worker finishes, and every row is there once."""
    start("manage.py", "sequencer")
    urls = [f"https://x.example/{i}.jpg" for i in range(150_000)]
    doomed = start(*WORKER)
    job = vendor.post(
        "/v1/jobs", content=table(urls), headers={"Content-Type": "application/x-parquet"}
    ).json()
    until(lambda: vendor.get(f"/v1/jobs/{job['id']}").json()["state"] == "running")
    kill_with_children(doomed)
    start(*WORKER)
    start("-m", "celery", "-A", "config.celery", "beat", "-s", str(tmp_path / "beat"), "-l", "warning")
    state = finished(vendor, job)
    assert (state["state"], state["counts"]) == ("done", {"unknown": 150_000})
    result = pq.read_table(io.BytesIO(vendor.get(f"/v1/jobs/{job['id']}/result").content))
    assert result["url"].to_pylist() == urls
