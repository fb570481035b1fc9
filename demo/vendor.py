"""The vendor's side of the demonstration: a program with a key, over HTTP like any other."""

import base64
import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pyarrow as pa
import pyarrow.parquet as pq

from holdout.vocabulary import UsageCategory

PICTURES_A_CALL: Final = 16
PARQUET: Final = "application/vnd.apache.parquet"
_POLL_SECONDS: Final = 0.2
_PATIENCE_SECONDS: Final = 600
_INITIALS: Final = {"deny": "D", "conditional": "C", "review": "R", "allow": "A", "unknown": "U"}
FAILED: Final = "F" * len(UsageCategory)


class Vendor:
    """A vendor's client. Anything but the expected answer raises `httpx.HTTPStatusError`."""

    def __init__(self, *, url: str, key: str) -> None:
        self._http = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False
        )

    def status(self, **query: str) -> dict[str, Any]:
        """The public status of one picture."""
        return self._json(self._http.get("/v1/status", params=query))

    def look_at(self, pictures: Sequence[bytes]) -> list[dict[str, Any]]:
        """The results for some pictures, in their order."""
        results: list[dict[str, Any]] = []
        for start in range(0, len(pictures), PICTURES_A_CALL):
            batch = pictures[start : start + PICTURES_A_CALL]
            queries = [{"picture": base64.b64encode(picture).decode()} for picture in batch]
            results += self._json(self._http.post("/v1/lookups", json={"queries": queries}))["results"]
        return results

    def screen(self, table: Path, *, progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Send a Parquet file as a job and wait for its end; `progress` sees every state on the way."""
        headers = {"Content-Type": PARQUET}
        job = self._json(self._http.post("/v1/jobs", content=table.read_bytes(), headers=headers))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while job["state"] in {"queued", "running"} and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
            job = self._json(self._http.get(f"/v1/jobs/{job['id']}"))
            progress(job)
        return job

    def result(self, job: dict[str, Any]) -> pa.Table:
        """The rows of a finished job with their answers."""
        response = self._http.get(f"/v1/jobs/{job['id']}/result")
        response.raise_for_status()
        return pq.read_table(io.BytesIO(response.content))

    def receipt(self, job: dict[str, Any]) -> dict[str, Any]:
        """The receipt of a finished job, as soon as the sequencer has placed it."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while (response := self._http.get(f"/v1/jobs/{job['id']}/receipt")).status_code == 404:
            if time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
        return self._json(response)

    @staticmethod
    def _json(response: httpx.Response) -> dict[str, Any]:
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer


def codes(result: pa.Table) -> list[str]:
    """Each row's answer as five letters in the order of the uses (D C R A U), or FFFFF."""
    status = result["holdout_status"].to_pylist()
    columns = [result[f"holdout_{use.value}"].to_pylist() for use in UsageCategory]
    return [
        "".join(_INITIALS[outcome] for outcome in outcomes) if checked == "checked" else FAILED
        for checked, *outcomes in zip(status, *columns, strict=True)
    ]
