"""The web, as far as a test says what stands there."""

from collections.abc import Callable

import pytest

from holdout.errors import FetchFailed
from holdout.fetch import Fetched
from registry import looking

Web = Callable[..., None]


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Web:
    """`web(url, body)` puts something there; all else answers 404, and a host named "away" not at all."""
    pages: dict[str, Fetched] = {}

    def put(url: str, body: str, *, status: int = 200, redirects: tuple[str, ...] = (), to: str = "") -> None:
        pages[url] = Fetched(to or url, status, (), body.encode(), redirects)

    def fetch(url: str, **_: object) -> Fetched:
        if "away" in url:
            raise FetchFailed("connect_failed", "")
        return pages.get(url, Fetched(url, 404, (), b""))

    monkeypatch.setattr(looking, "fetch", fetch)
    return put


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """TXT records by name."""
    held: dict[str, list[str]] = {}

    def txt_records(name: str, **_: object) -> list[str]:
        if "away" in name:
            raise FetchFailed("dns_failed", "")
        return held.get(name, [])

    monkeypatch.setattr(looking, "txt_records", txt_records)
    return held
