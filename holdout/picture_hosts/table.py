"""The host table as it is written: forms of URLs, and the platforms whose accounts are known."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

TABLE_VERSION: Final = 1
"""Of the table, which says so itself. Sides with different versions may derive different keys of one URL."""

_TABLE: Final = Path(__file__).parents[1] / "data" / "picture_hosts.toml"
_COUNT: Final = re.compile(r"\{(\d+)-(\d+)\}")


@dataclass(frozen=True, slots=True)
class Form:
    """One shape of URL on some hosts and what of it tells pictures apart. The file says how it is written."""

    platform: str
    hosts: tuple[str, ...]
    """Without counts: names, `*.name`, or `*`."""
    paths: tuple[str, ...]
    """Without alternatives, in the order in which they are tried."""
    key: str
    account: str
    examples: Mapping[str, str]
    accounts: Mapping[str, str]
    strangers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostTable:
    """One version of the table."""

    version: int
    forms: tuple[Form, ...]
    users: Mapping[str, re.Pattern[str]]
    """By platform: how its users are called, whole."""


@cache
def host_table() -> HostTable:
    """The table in `holdout/data/picture_hosts.toml`, read once in a process."""
    written = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    if written["version"] != TABLE_VERSION:
        raise ValueError(f"the host table has version {written['version']}, the code is for {TABLE_VERSION}")
    return HostTable(
        version=written["version"],
        forms=tuple(_form(row) for row in written["form"]),
        users={row["platform"]: _users(row["digits"]) for row in written["account"]},
    )


def _form(row: Mapping[str, Any]) -> Form:
    return Form(
        platform=row["platform"],
        hosts=tuple(host for pattern in row["hosts"] for host in _counted(pattern)),
        paths=tuple(path for pattern in row["paths"] for path in _alternatives(pattern)),
        key=row["key"],
        account=row.get("account", ""),
        examples=row["examples"],
        accounts=row.get("accounts", {}),
        strangers=tuple(row.get("strangers", ())),
    )


def _users(digits: Sequence[int]) -> re.Pattern[str]:
    fewest, most = digits
    return re.compile(f"[1-9][0-9]{{{fewest - 1},{most - 1}}}")


def _counted(pattern: str) -> Iterator[str]:
    """`a{1-3}.b` as a1.b, a2.b, a3.b."""
    count = _COUNT.search(pattern)
    if count is None:
        yield pattern
        return
    for number in range(int(count[1]), int(count[2]) + 1):
        yield from _counted(f"{pattern[: count.start()]}{number}{pattern[count.end() :]}")


def _alternatives(pattern: str) -> Iterator[str]:
    """`a(b|c)d` as abd, acd. A | within braces separates words there."""
    opened = pattern.find("(")
    if opened < 0:
        yield pattern
        return
    closed = pattern.index(")", opened)
    before, after = pattern[:opened], pattern[closed + 1 :]
    for choice in re.split(r"\|(?![^{}]*\})", pattern[opened + 1 : closed]):
        yield from _alternatives(f"{before}{choice}{after}")
