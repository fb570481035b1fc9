"""The published conformance cases for URLs and host names (web-platform-tests)."""

import re
from typing import Any

import pytest

from holdout.errors import InvalidInput
from holdout.urls import canonicalize
from tests.holdout.corpora import cases

pytestmark = pytest.mark.corpora


def host_of(url: str) -> str | None:
    try:
        return canonicalize(url).host
    except InvalidInput:
        return None


def without_trailing_dot(host: str) -> str:
    return host[:-1] if host.endswith(".") and host.strip(".") and not host.endswith("..") else host


def stands_alone(case: dict[str, Any]) -> bool:
    """Whether the base URL of a case, if any, has no part in its result."""
    return not case.get("base") or case["input"].lstrip().lower().startswith(("http://", "https://"))


def test_every_whatwg_case_of_an_absolute_web_address_is_read_alike() -> None:
    absolute = [case for case in cases("urltestdata.json") if stands_alone(case)]
    expected = {
        case["input"]: without_trailing_dot(case["hostname"])
        for case in absolute
        if case.get("protocol") in ("http:", "https:")
    }
    assert len(expected) > 150
    refused: dict[str, str | None] = {case["input"]: None for case in absolute if case.get("failure")}
    assert len(refused) > 200
    joined = {url: None for url in expected if re.search("[\r\n]", url.strip())}
    assert len(joined) == 5  # where a line end stands inside, we are stricter
    wanted = expected | refused | joined
    differing = {url: host_of(url) for url, host in wanted.items() if host_of(url) != host}
    assert differing == {}


def test_every_web_address_in_the_whatwg_cases_keeps_host_and_port_and_is_stable() -> None:
    web = [case for case in cases("urltestdata.json") if case.get("protocol") in ("http:", "https:")]
    assert len(web) > 200
    for case in web:
        url = canonicalize(case["href"])
        assert (url.host, url.port) == (without_trailing_dot(case["hostname"]), case["port"])
        assert canonicalize(url.href) == url


def test_every_idna_case_gives_the_published_host_or_a_refusal() -> None:
    # User info before the host, because slashes before an empty one would be skipped instead of refused.
    expected = {case["input"]: case["output"] or None for case in cases("IdnaTestV2.json")}
    assert len(expected) > 2500
    differing = {
        name: found
        for name, host in expected.items()
        if (found := host_of(f"https://user@{name}/x")) != (host and without_trailing_dot(host))
    }
    assert differing == {}
