"""One place for all outbound HTTP: whoever needs a page asks `holdout.fetch`, which checks where it goes."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

CLIENTS = (
    "httpx",
    "httpcore",
    "requests",
    "urllib3",
    "aiohttp",
    "pycurl",
    "urllib.request",
    "http.client",
    "xmlrpc.client",
    "ftplib",
)

ALLOWED = {
    "holdout/fetch/": "the one place",
    "holdout/client/": "a vendor's program asks the registry that it was told to ask",
    "demo/vendor.py": "plays a vendor, on his machine, against the registry that he was told to ask",
    "launcher/": "asks the servers on this machine whether they are ready; may not import holdout",
}
"""Who may, and why."""

PLAYERS = ("tests/", "benchmarks/")
"""No part of the product: they play browsers and vendors against servers that they started."""


@cache
def speakers() -> dict[str, frozenset[str]]:
    """The HTTP clients that every Python file of the project imports, by the file's path."""
    rooms = [room for room in ROOT.iterdir() if room.is_dir() and room.name != "var" and room.name[0] != "."]
    paths = [ROOT / "run", *ROOT.glob("*.py"), *(path for room in rooms for path in room.rglob("*.py"))]
    return {str(path.relative_to(ROOT)): clients(ast.parse(path.read_bytes())) for path in paths}


def imported(tree: ast.Module) -> set[str]:
    """Every name that is imported, at whatever depth; `from a import b` may import the module a.b."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def clients(tree: ast.Module) -> frozenset[str]:
    beginnings = tuple(f"{client}." for client in CLIENTS)
    return frozenset(name for name in imported(tree) if name in CLIENTS or name.startswith(beginnings))


def test_nobody_else_speaks_http_to_the_outside() -> None:
    found = speakers()
    assert len(found) > 100
    free = (*ALLOWED, *PLAYERS)
    assert [file for file, names in found.items() if names and not file.startswith(free)] == []


def test_every_exception_is_still_needed() -> None:
    speaking = [file for file, names in speakers().items() if names]
    assert [place for place in ALLOWED if not any(file.startswith(place) for file in speaking)] == []


@pytest.mark.parametrize(
    "source",
    [
        "import httpx",
        "import urllib.request as r",
        "from urllib import request",
        "from http.client import HTTPConnection",
        "def f():\n    from requests.adapters import HTTPAdapter",
    ],
)
def test_the_contract_sees_every_way_to_import(source: str) -> None:
    assert clients(ast.parse(source))


def test_the_contract_leaves_harmless_neighbours_alone() -> None:
    assert not clients(
        ast.parse("from http import HTTPStatus\nfrom urllib.parse import quote\nimport requestsx")
    )
