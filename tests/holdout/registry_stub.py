"""A registry in memory, for httpx.MockTransport: it speaks /v1, and fails as it is told."""

import asyncio
import gzip
import hashlib
import json
from base64 import b64decode
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import httpx

from holdout.fingerprints import PictureFingerprints
from holdout.receipts import commitment, entry_bytes, leaf_hash
from holdout.vocabulary import UsageCategory

USES = [use.value for use in UsageCategory]
UNKNOWN = dict.fromkeys(USES, "unknown")
NO_AI = {**dict.fromkeys(USES, "deny"), "search": "unknown"}
ASK_FIRST = {**UNKNOWN, "train_gen": "conditional"}
LOOK = {**UNKNOWN, "train_gen": "review"}
OPEN = dict.fromkeys(USES, "allow")
AS_OF = {"log_index": 41, "time": "2026-11-22T09:30:00.123000+00:00"}
STATEMENT = "stm_" + "a" * 26
JOB = "job_" + "a" * 26

T = TypeVar("T")
Handler = Callable[[httpx.Request], httpx.Response]


class RegistryStub:
    """Answers by the asked URL or digest; `says` holds what is said, by URL or by digest in hex."""

    def __init__(self) -> None:
        self.says: dict[str, dict[str, str]] = {}
        self.disputed: set[str] = set()
        self.asked: list[list[str]] = []
        """The keys of each lookup that was answered."""
        self.requests: list[httpx.Request] = []
        self.faults: deque[Handler] = deque()
        """Each spoils one request, the next one."""
        self.headers: dict[str, str] = {}
        self.index_version: int = 7
        self.job_states: deque[dict[str, Any]] = deque()
        self.result = b"PAR1 the result"
        self.uploads: dict[str, bytes] = {}

    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.requests.append(request)
        if self.faults:
            return self.faults.popleft()(request)
        return self.answer(request)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/lookups":
            return self._lookup(request)
        if path == "/v1/status":
            said = self._verdict(dict(request.url.params))
            return self._json({"as_of": AS_OF, **said})
        if path.startswith("/v1/jobs"):
            return self._job(request)
        return problem(404, "not_found")

    def _lookup(self, request: httpx.Request) -> httpx.Response:
        keys = _keys(request)
        most = 100_000 if "keys" in request.headers["content-type"] else 10_000
        if not keys or len(keys) > most:
            return problem(422, "too_many_queries" if keys else "no_queries")
        if sum("fingerprints" in key for key in keys) > 64:
            return problem(422, "too_many_fingerprints")
        self.asked.append([key.get("url", _digest(key) or "") for key in keys])
        verdicts = [self._verdict(key) for key in keys]
        if request.url.params.get("answers") == "hits":
            return self._json(hits(verdicts, index_version=self.index_version))
        return self._json({"as_of": AS_OF, "results": verdicts})

    def _verdict(self, key: Mapping[str, Any]) -> dict[str, Any]:
        url = key.get("url")
        if url is not None and not url.strip().startswith(("http://", "https://")):
            error = {"code": "url_invalid", "detail": "This is no complete web address."}
            return {"status": "failed", "error": error}
        asked = (url, _digest(key), key.get("page_url"))
        name = next((k for k in asked if k in self.says), None)
        uses = UNKNOWN if name is None else self.says[name]
        reason = {"source": STATEMENT, "method": "url", "assurance": "L3", "uses": {}}
        reason["uses"] = {use: outcome for use, outcome in uses.items() if outcome != "unknown"}
        return {
            "status": "checked",
            "uses": uses,
            "access": "unknown",
            "disputed": name in self.disputed,
            "reasons": [reason] if reason["uses"] else [],
        }

    def _job(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.endswith("/resume"):
            return self._json(job("queued"))
        if request.method == "POST":
            self.uploads[request.headers["idempotency-key"]] = request.content
            return self._json(job("queued"), status=202)
        if request.method == "DELETE":
            return self._json(job("cancelled"))
        if path.endswith("/result"):
            return httpx.Response(200, content=self.result)
        if path.endswith("/receipt"):
            return self._json(receipt())
        state = self.job_states.popleft() if self.job_states else {"state": "done"}
        done = {"result_sha256": hashlib.sha256(self.result).hexdigest()} if state["state"] == "done" else {}
        return self._json({**job("running"), **done, **state})

    def _json(self, content: Any, *, status: int = 200) -> httpx.Response:
        return httpx.Response(status, json=content, headers=self.headers)


def problem(status: int, code: str, *, headers: Mapping[str, str] | None = None) -> httpx.Response:
    content = {
        "type": f"urn:holdout:problem:{code}",
        "status": status,
        "code": code,
        "detail": f"Because {code}.",
    }
    return httpx.Response(status, json=content, headers=headers)


def later(status: int = 503, code: str = "overloaded", **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: problem(status, code, headers=named)


def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.RemoteProtocolError("peer closed connection", request=request)


def instead(content: Any) -> Handler:
    """Something else than the answer."""
    return lambda request: httpx.Response(200, json=content)


def hits(verdicts: list[dict[str, Any]], *, index_version: int = 7) -> dict[str, Any]:
    """Columns, as `?answers=hits` has them."""
    said = [(row, v) for row, v in enumerate(verdicts) if v["status"] == "checked" and v["reasons"]]
    outcomes = [dict(o) for o in dict.fromkeys(tuple(v["uses"].items()) for _, v in said)]
    bad = [(row, v) for row, v in enumerate(verdicts) if v["status"] == "failed"]
    return {
        "as_of": AS_OF,
        "index_version": index_version,
        "queries": len(verdicts),
        "outcomes": outcomes,
        "hits": {
            "row": [row for row, _ in said],
            "outcome": [outcomes.index(v["uses"]) for _, v in said],
            "source": [v["reasons"][0]["source"] for _, v in said],
            "disputed": [row for row, v in said if v["disputed"]],
        },
        "failed": {"row": [row for row, _ in bad], "code": [v["error"]["code"] for _, v in bad]},
    }


def job(state: str) -> dict[str, Any]:
    return {
        "id": JOB,
        "state": state,
        "rows": None,
        "rows_done": 0,
        "counts": {},
        "columns": {"url": "url", "sha256": ""},
        "created_at": AS_OF["time"],
        "finished_at": None,
        "result_sha256": None,
        "error": None,
    }


def receipt() -> dict[str, Any]:
    record, salt = {"receipt": "lrc_" + "a" * 26, "counts": {"deny": 1}}, b"\7" * 32
    committed = commitment(salt=salt, record=record)
    leaf = leaf_hash(entry_bytes(entry_type="lookup-job", time_ms=1, committed=committed))
    entry = {"index": 7, "type": "lookup-job", "time_ms": 1, "leaf_hash": leaf.hex()}
    return {"version": 1, "log": "lookups", "entry": entry, "record": record, "salt": salt.hex()}


def run_to_end(program: Coroutine[Any, Any, T]) -> T:
    """What it returns; on a thread of its own, since Playwright leaves an event loop running on this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, program).result()


def _digest(key: Mapping[str, Any]) -> str | None:
    if "fingerprints" in key:
        return PictureFingerprints.from_bytes(b64decode(key["fingerprints"])).sha256.hex()
    digest: str | None = key.get("sha256")
    return digest


def _keys(request: httpx.Request) -> list[dict[str, Any]]:
    body = request.content
    if request.headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    media_type = request.headers["content-type"].partition(";")[0]
    if media_type == "text/plain":
        lines = body.decode().split("\n")
        return [{"url": line} for line in (lines[:-1] if lines[-1] == "" else lines)]
    if media_type == "application/vnd.holdout.keys":
        return [{"sha256": body[i : i + 16].hex()} for i in range(0, len(body), 16)]
    said = json.loads(body)
    return [{"url": url} for url in said["urls"]] if "urls" in said else said["queries"]
