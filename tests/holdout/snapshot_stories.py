"""Plain functions that make snapshots, and the keys of URLs, for tests."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from xxhash import xxh3_64_intdigest

from holdout.errors import HoldoutError
from holdout.picture_hosts import TABLE_VERSION, host_table_keys
from holdout.signing import SigningKey
from holdout.snapshot.files import Header, snapshot_file
from holdout.snapshot.state import Change, State, difference
from holdout.urls import canonicalize, rule_keys

KEY: Final = SigningKey(b"\x01" * 32)
OTHER_KEY: Final = SigningKey(b"\x02" * 32)
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)

Said = Mapping[int, int]
"""Code by prefix: a state as a model has it."""


def state_of(said: Said) -> State:
    """The state that says this."""
    prefixes = sorted(said)
    codes = [said[prefix] for prefix in prefixes]
    return State(np.array(prefixes, dtype=np.uint64), np.array(codes, dtype=np.uint8))


def said_by(state: State) -> dict[int, int]:
    return dict(zip(state.prefix.tolist(), state.code.tolist(), strict=True))


def probe_of(text: str) -> int:
    return xxh3_64_intdigest(text.encode())


def saying(texts: Mapping[str, int]) -> State:
    """A state with the keys of these texts and their codes."""
    probes = np.array([probe_of(text) for text in texts], dtype=np.uint64)
    return State.of(probes, np.array(list(texts.values()), dtype=np.uint8))


def header(state: State, *, version: int = 1, since: int = 0, **changes: Any) -> Header:
    fields: dict[str, Any] = {
        "version": version,
        "since": since,
        "created": NOW,
        "expires": NOW + timedelta(days=2),
        "log_index": 41,
        "hosts": TABLE_VERSION,
        "prefixes": len(state),
        "digest": state.digest(),
    }
    return Header(**(fields | changes))


def base(state: State, *, version: int = 1, key: SigningKey = KEY, **changes: Any) -> bytes:
    return snapshot_file(header(state, version=version, **changes), Change.from_nothing(state), key=key)


def delta(
    before: State, after: State, *, since: int, version: int, key: SigningKey = KEY, **changes: Any
) -> bytes:
    told = header(after, version=version, since=since, **changes)
    return snapshot_file(told, difference(before, after), key=key)


def keys_of(urls: Iterable[str]) -> Any:
    """What `holdout.url_keys` makes of these rows, by the full parser."""
    arena = bytearray()
    rows: dict[str, list[Any]] = {name: [] for name in ("start", "length", "error", "url_probe")}
    place: list[tuple[int, int, int, int]] = []
    extra: list[tuple[int, int, int, int, int]] = []
    kinds = {"path": 1, "host": 2, "domain": 3, "picture": 4, "account": 5}
    for row, url in enumerate(urls):
        try:
            canonical = canonicalize(url)
            exact, *places = rule_keys(canonical)
        except HoldoutError:
            rows["start"].append(len(arena))
            rows["length"].append(0)
            rows["error"].append(1)
            rows["url_probe"].append(0)
            continue
        text = exact.text.encode()
        rows["start"].append(len(arena) + 2)
        rows["length"].append(len(text) - 2)
        rows["error"].append(0)
        rows["url_probe"].append(probe_of(exact.text))
        arena += text
        for key in places:
            if kinds[key.kind] < 4:
                place.append((row, kinds[key.kind], len(key.text.encode()) - 2, probe_of(key.text)))
        for key in host_table_keys(canonical):
            told = key.text.encode()
            extra.append((row, kinds[key.kind], len(arena), len(told), probe_of(key.text)))
            arena += told
    types = {"start": np.int64, "length": np.int32, "error": np.uint8, "url_probe": np.uint64}
    place_types = {"row": np.int64, "kind": np.uint8, "length": np.int32, "probe": np.uint64}
    extra_types = {
        "row": np.int64,
        "kind": np.uint8,
        "start": np.int64,
        "length": np.int32,
        "probe": np.uint64,
    }
    return SimpleNamespace(
        text=np.frombuffer(bytes(arena), dtype=np.uint8),
        **{name: np.array(values, dtype=types[name]) for name, values in rows.items()},
        **_columns("place", place, place_types),
        **_columns("extra", extra, extra_types),
    )


def _columns(prefix: str, lines: list[Any], types: Mapping[str, Any]) -> dict[str, Any]:
    columns = list(zip(*lines, strict=True)) or [()] * len(types)
    return {
        f"{prefix}_{name}": np.array(column, dtype=kind)
        for (name, kind), column in zip(types.items(), columns, strict=True)
    }
