"""Fetching snapshots, keeping them, and confirming by ranges what they find."""

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdout.cli import main
from holdout.client import AsyncClient, Client, Retry
from holdout.errors import AnswerUnusable, RequestRefused, SnapshotRefused
from holdout.index.keys import packed_key
from holdout.offline import ByRanges, SnapshotSource
from holdout.questions import questions
from holdout.signing import SigningKey
from holdout.snapshot.codes import ASK
from holdout.snapshot.ranges import range_bounds
from holdout.snapshot.read import Snapshot
from holdout.snapshot.state import State
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import AS_OF, RegistryStub, problem, run_to_end
from tests.holdout.snapshot_stories import KEY, OTHER_KEY, base, delta, saying
from tests.holdout.test_offline import CONDITIONAL, DENY, FILE, NOW, TRAIN

BITS = 4


class Publisher(RegistryStub):
    """A registry that publishes snapshots, and confirms by ranges what `keys` holds."""

    def __init__(self) -> None:
        super().__init__()
        self.key: SigningKey = KEY
        self.states: list[State] = []
        self.base = 1
        self.with_deltas = True
        self.keys: dict[bytes, int] = {}
        self.bits = BITS
        self.asked_ranges: list[list[str]] = []
        self.expires = NOW + timedelta(days=2)

    def publish(self, *said: dict[str, int], base_too: bool = False) -> None:
        self.states += [saying(one) for one in said]
        if base_too:
            self.base = len(self.states)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/snapshots":
            return httpx.Response(200, json=self._list())
        if path.startswith("/v1/snapshots/"):
            return httpx.Response(200, content=self._file(path))
        if path == "/v1/confirm":
            return self._confirm(json.loads(request.content))
        return super().answer(request)

    def _file(self, path: str) -> bytes:
        version = int(path.split("/")[3])
        changes: dict[str, Any] = {"created": NOW, "expires": self.expires, "key": self.key}
        if path.endswith("/delta"):
            newest = len(self.states)
            before, after = self.states[version - 1], self.states[-1]
            return delta(before, after, since=version, version=newest, **changes)
        return base(self.states[version - 1], version=version, **changes)

    def _list(self) -> dict[str, Any]:
        newest = len(self.states)
        deltas = [self._entry(n, newest) for n in range(1, newest)] if self.with_deltas else []
        return {
            "version": newest,
            "created": NOW.isoformat(),
            "expires": self.expires.isoformat(),
            "log_index": 41,
            "prefixes": len(self.states[-1]),
            "base": self._entry(0, self.base),
            "deltas": deltas,
            "public_keys": [
                {"id": self.key.public.id, "algorithm": "ed25519", "public_key": self.key.public.text}
            ],
            "confirm": {"bits": self.bits, "prefixes": 8},
        }

    def _entry(self, since: int, version: int) -> dict[str, Any]:
        url = f"/v1/snapshots/{since}/delta" if since else f"/v1/snapshots/{version}"
        content = self._file(url)
        digest = hashlib.sha256(content).hexdigest()
        return {"version": version, "since": since, "url": url, "bytes": len(content), "sha256": digest}

    def _confirm(self, asked: dict[str, Any]) -> httpx.Response:
        if asked["bits"] != self.bits:
            return problem(422, "confirm_bits")
        self.asked_ranges.append(asked["prefixes"])
        ranges = [self._range(prefix) for prefix in asked["prefixes"]]
        return httpx.Response(
            200, json={"as_of": AS_OF, "index_version": 7, "bits": self.bits, "ranges": ranges}
        )

    def _range(self, prefix: str) -> dict[str, Any]:
        first, last = range_bounds(prefix, bits=self.bits)
        found = {k: c for k, c in self.keys.items() if first <= int.from_bytes(k[:8], "big") <= last}
        return {
            "prefix": prefix,
            "keys": base64.b64encode(b"".join(found)).decode(),
            "codes": list(found.values()),
            "sources": [["stm_" + "b" * 26]] * len(found),
            "error": None,
        }


@pytest.fixture
def registry() -> Publisher:
    registry = Publisher()
    registry.publish({"d example,a": DENY, "u example,b)/": DENY}, {"d example,a": DENY})
    return registry


@pytest.fixture
def client(registry: Publisher) -> Iterator[Client]:
    hasty = Retry(attempts=2, first_seconds=0.001)
    with Client("https://registry.example", "k", transport=registry.transport(), retry=hasty) as opened:
        yield opened


def paths(registry: Publisher) -> list[str]:
    return [request.url.path for request in registry.requests]


def test_at_first_the_base_and_what_came_after_it_are_fetched(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    header = client.fetch_snapshot(tmp_path / "s", public_keys=[KEY.public])
    assert (header.version, header.prefixes) == (2, 1)
    assert paths(registry) == ["/v1/snapshots", "/v1/snapshots/1", "/v1/snapshots/1/delta"]
    opened = Snapshot.open(tmp_path / "s", public_key=KEY.public, now=NOW)
    (answer,) = SnapshotSource(opened).ask(questions(urls=["http://b.example/"]))
    assert answer.outcome() == "unknown"


def test_later_only_what_changed_is_fetched(registry: Publisher, client: Client, tmp_path: Path) -> None:
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    registry.requests.clear()
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    assert paths(registry) == ["/v1/snapshots"]
    registry.publish({"d example,c": DENY}, base_too=True)
    assert client.fetch_snapshot(tmp_path, public_keys=[KEY.public]).version == 3
    assert paths(registry)[1:] == ["/v1/snapshots", "/v1/snapshots/2/delta"]


def test_who_was_away_for_too_long_fetches_the_base(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    registry.publish({}, {"d example,c": DENY}, base_too=True)
    registry.with_deltas = False
    registry.requests.clear()
    assert client.fetch_snapshot(tmp_path, public_keys=[KEY.public]).version == 4
    assert paths(registry) == ["/v1/snapshots", "/v1/snapshots/4"]


def test_where_nothing_leads_to_the_newest_version_it_is_refused(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    """As when the delta from the base was too large to be kept, and no base took its place."""
    registry.with_deltas = False
    with pytest.raises(SnapshotRefused) as refused:
        client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    assert refused.value.code == "snapshot_gap"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("which", ["base-*", "delta-*"])
@pytest.mark.parametrize("harm", ["damaged", "deleted"])
def test_a_damaged_folder_is_repaired_by_fetching_again(
    harm: str, which: str, registry: Publisher, client: Client, tmp_path: Path
) -> None:
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    Snapshot.open(tmp_path, public_key=KEY.public, now=NOW)
    (path,) = tmp_path.glob(which)
    if harm == "damaged":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    else:
        path.unlink()
    assert client.fetch_snapshot(tmp_path, public_keys=[KEY.public]).version == 2
    assert Snapshot.open(tmp_path, public_key=KEY.public, now=NOW).version == 2


def test_after_a_change_of_keys_everything_is_fetched_anew(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    Snapshot.open(tmp_path, public_key=KEY.public, now=NOW)
    registry.key = OTHER_KEY
    assert client.fetch_snapshot(tmp_path, public_keys=[OTHER_KEY.public]).version == 2
    assert Snapshot.open(tmp_path, public_key=OTHER_KEY.public, now=NOW).version == 2


def test_what_is_published_in_between_is_asked_for_again(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    registry.faults.extend([registry.answer, lambda request: problem(410, "snapshot_too_old")])
    assert client.fetch_snapshot(tmp_path, public_keys=[KEY.public]).version == 2
    registry.publish({})
    gone = [registry.answer, lambda request: problem(410, "snapshot_too_old")] * 3
    registry.faults.extend(gone)
    with pytest.raises(RequestRefused):
        client.fetch_snapshot(tmp_path, public_keys=[KEY.public])


def test_a_file_that_is_not_the_listed_one_is_not_stored(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    registry.faults.extend([registry.answer, lambda request: httpx.Response(200, content=b"HOSNAP1\n")])
    with pytest.raises(AnswerUnusable):
        client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("how", "code"), [("signed by another", "snapshot_untrusted"), ("expired", "snapshot_expired")]
)
def test_a_snapshot_that_may_not_be_used_is_refused_and_the_old_one_stays(
    how: str, code: str, registry: Publisher, client: Client, tmp_path: Path
) -> None:
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    before = sorted(path.name for path in tmp_path.iterdir())
    registry.publish({"d example,c": DENY})
    if how == "expired":
        registry.expires = NOW - timedelta(days=1)
    else:
        registry.key = OTHER_KEY
    with pytest.raises(SnapshotRefused) as refused:
        client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    assert refused.value.code == code
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_the_async_client_fetches_and_confirms_too(registry: Publisher, tmp_path: Path) -> None:
    async def program() -> tuple[int, int]:
        async with AsyncClient("https://r.example", "k", transport=registry.transport()) as client:
            header = await client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
            return header.version, (await client.snapshots()).version

    assert run_to_end(program()) == (2, 2)


PLACES = {"d example,a": DENY, "u example,b)/": CONDITIONAL, "h example,c": ASK}


def test_hits_are_confirmed_without_saying_which_they_are(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    """Every key of a hit's URL is asked for by its range: of true hits, a false one, and one to ask about."""
    registry.publish({**PLACES, "u example,false)/": DENY})
    client.fetch_snapshot(tmp_path, public_keys=[KEY.public])
    registry.keys = {packed_key(text): code for text, code in PLACES.items()}
    registry.keys[FILE[:16]] = DENY
    snapshot = Snapshot.open(tmp_path, public_key=KEY.public, now=NOW)
    urls = [
        "https://x.a.example/1",
        "https://b.example/",
        "https://c.example/",
        "https://false.example/",
        "x",
    ]
    source = SnapshotSource(snapshot, ByRanges(client))
    answers = list(source.ask(questions(urls=urls)))
    assert [a.outcome(TRAIN) for a in answers] == ["deny", "conditional", None, "unknown", None]
    assert [a.error for a in answers] == [None, None, "confirmation_needed", None, "url_invalid"]
    assert answers[0].source == "stm_" + "b" * 26
    assert all(len(prefixes) <= 8 for prefixes in registry.asked_ranges)
    assert len(registry.asked_ranges) > 1
    assert registry.asked == []  # nobody was told a URL
    assert source.record()["confirmed_by"]["by"] == "ranges"
    registry.bits = 6  # it has grown
    assert [a.outcome(TRAIN) for a in source.ask(questions(urls=urls))] == [a.outcome(TRAIN) for a in answers]
    deep = ["https://x.a.example/" + "/".join(map(str, range(99))), "https://b.example/"]
    assert [a.outcome(TRAIN) for a in ByRanges(client).ask(questions(urls=deep))] == ["deny", "conditional"]
    (file,) = ByRanges(client).ask(questions(sha256=[FILE]))
    assert file.outcome(TRAIN) == "deny"


def test_a_range_that_is_not_answered_holds_its_rows_back(
    registry: Publisher, client: Client, tmp_path: Path
) -> None:
    class Silent(Publisher):
        def _range(self, prefix: str) -> dict[str, Any]:
            return {"prefix": prefix, "error": "range_too_full"}

    silent = Silent()
    silent.publish(PLACES)
    with Client("https://r.example", "k", transport=silent.transport()) as asked:
        asked.fetch_snapshot(tmp_path, public_keys=[KEY.public])
        snapshot = Snapshot.open(tmp_path, public_key=KEY.public, now=NOW)
        answers = list(SnapshotSource(snapshot, ByRanges(asked)).ask(questions(urls=["https://a.example/"])))
    assert [(a.outcome(), a.error) for a in answers] == [(None, "range_unanswered")]


Out = pytest.CaptureFixture[str]


@pytest.fixture
def served(registry: Publisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    with serving(registry) as address:
        monkeypatch.setenv("HOLDOUT_URL", address)
        monkeypatch.setenv("HOLDOUT_KEY", "ho_test_key")
        yield registry


def test_the_command_keeps_a_snapshot_up_to_date(served: Publisher, tmp_path: Path, capsys: Out) -> None:
    folder = str(tmp_path / "snapshot")
    assert main(["snapshot", "update", "--dir", folder]) == 2
    assert "(snapshot_missing)" in capsys.readouterr().err
    assert main(["snapshot", "fetch", "--dir", folder]) == 2
    assert KEY.public.text in capsys.readouterr().err  # the registry's own word, to be compared
    assert main(["snapshot", "fetch", "--dir", folder, "--public-key", KEY.public.text]) == 0
    assert "version 2, 1 keys" in capsys.readouterr().out
    served.publish({"d example,c": DENY})
    assert main(["snapshot", "update", "--dir", folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 3
    assert main(["snapshot", "info", "--dir", folder]) == 0
    assert main(["snapshot", "verify", "--dir", folder]) == 0
    assert "Every signature and every entry is sound" in capsys.readouterr().out
    assert main(["check", "https://c.example/", "--snapshot", folder]) == 1


def test_a_damaged_snapshot_is_found_out(served: Publisher, tmp_path: Path, capsys: Out) -> None:
    folder = tmp_path / "snapshot"
    main(["snapshot", "fetch", "--dir", str(folder), "--public-key", KEY.public.text])
    path = next(folder.glob("delta-*"))
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert main(["snapshot", "verify", "--dir", str(folder)]) == 2
    assert "(snapshot_damaged)" in capsys.readouterr().err
    assert main(["check", "https://c.example/", "--snapshot", str(folder)]) == 2
    assert main(["snapshot", "verify", "--dir", str(tmp_path / "nowhere")]) == 2


def test_an_expired_snapshot_is_shown_as_such(served: Publisher, tmp_path: Path, capsys: Out) -> None:
    served.expires = datetime.now(UTC) + timedelta(seconds=5)
    folder = str(tmp_path / "snapshot")
    assert main(["snapshot", "fetch", "--dir", folder, "--public-key", KEY.public.text]) == 0
    (path,) = (tmp_path / "snapshot").glob("delta-*")
    served.expires = NOW - timedelta(days=1)
    path.write_bytes(served._file("/v1/snapshots/1/delta"))
    assert main(["snapshot", "info", "--dir", folder]) == 2
    assert "EXPIRED" in capsys.readouterr().out
    assert main(["snapshot", "verify", "--dir", folder]) == 2
    assert main(["check", "https://c.example/", "--snapshot", folder]) == 2


def test_the_command_confirms_by_ranges(served: Publisher, tmp_path: Path) -> None:
    folder = str(tmp_path / "snapshot")
    main(["snapshot", "fetch", "--dir", folder, "--public-key", KEY.public.text])
    served.keys = {}
    words = ["check", "https://a.example/", "--snapshot", folder, "--on-unset", "keep"]
    assert main(words) == 1
    assert main([*words, "--confirm-by-ranges"]) == 0  # it was a false hit
    assert served.asked == []
