"""Scopes that nobody may claim: places where many people publish under one name.

The Public Suffix List (the copy that publicsuffixlist carries, private section included) names most of them;
`data/shared_hosts.toml` adds the picture platforms and content networks that it lacks.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from publicsuffixlist import PublicSuffixList

from holdout.errors import NotPermitted
from holdout.urls import KeyKind, RuleKey, is_ip, key_host, key_path

_TABLE: Final = Path(__file__).parent / "data" / "shared_hosts.toml"
_USER: Final = "{user}"
_AT_ROOT: Final = "/{user}/"
_MAIN_LABELS: Final = ("", "www.", "m.", "mobile.")


@dataclass(frozen=True, slots=True)
class SharedHost:
    """One name under which many people publish, and which parts below it are one user's own."""

    name: str
    users_have_subdomains: bool
    paths: tuple[str, ...]
    """Users' own folders on the main host, such as `/people/{user}/`."""
    reserved: frozenset[str]
    """Names that are no user's, wherever they stand."""
    reserved_at_root: frozenset[str]
    """Names that are no user's as a subdomain or right below the root."""

    def owns_host(self, host: str) -> bool:
        """Whether `host`, at or below this name, belongs to one user."""
        label = host.removesuffix(self.name).removesuffix(".")
        names_one = label != "" and "." not in label
        return self.users_have_subdomains and names_one and label not in self.reserved_at_root

    def owns_path(self, host: str, path: str) -> bool:
        """Whether the folder `path` on `host` lies within one user's own place."""
        if self.owns_host(host):
            return True
        on_main_host = host.removesuffix(self.name) in _MAIN_LABELS
        return on_main_host and any(self._matches(pattern, path) for pattern in self.paths)

    def _matches(self, pattern: str, path: str) -> bool:
        before, _, after = pattern.partition(_USER)
        found = re.match(f"{re.escape(before)}([^/]+){re.escape(after)}", path)
        reserved = self.reserved_at_root if pattern == _AT_ROOT else self.reserved
        return found is not None and found[1].lower() not in reserved


@dataclass(frozen=True, slots=True)
class SharedHosts:
    """The table of shared hosts, as one version of it stands."""

    version: int
    by_name: Mapping[str, SharedHost]

    def covering(self, host: str) -> SharedHost | None:
        """The longest entry that `host` is or lies below."""
        labels = host.split(".")
        names = (".".join(labels[i:]) for i in range(len(labels)))
        return next((self.by_name[name] for name in names if name in self.by_name), None)

    def any_below(self, domain: str) -> bool:
        """Whether a shared host lies below `domain`."""
        return any(name.endswith(f".{domain}") for name in self.by_name)


@cache
def shared_hosts() -> SharedHosts:
    """The table in `data/shared_hosts.toml`, read once in a process."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    entries = [_entry(name, row, table["reserved"]) for row in table["host"] for name in row["names"]]
    return SharedHosts(version=table["version"], by_name={entry.name: entry for entry in entries})


def refuse_overreach(key: RuleKey) -> None:
    """Refuse a scope that reaches into other people's places; one URL, picture or account never does.

    Raises NotPermitted:
    - `scope_not_claimable`: an IP address, or a host name without a dot;
    - `scope_is_public_suffix`: names below it are registered by unrelated parties (`co.uk`, `github.io`);
    - `scope_is_shared_host`: a host of the shared-hosts table, or a domain with one below it;
    - `scope_path_too_broad`: a folder of a shared host that is not within one user's own place.
    """
    host = key_host(key.text)
    match key.kind:
        case KeyKind.URL | KeyKind.PICTURE | KeyKind.ACCOUNT:
            return
        case KeyKind.PATH:
            _refuse_path(host=host, path=key_path(key.text))
        case KeyKind.HOST:
            _refuse_host(host)
        case KeyKind.DOMAIN:
            _refuse_host(host)
            if shared_hosts().any_below(host):
                raise _is_shared(host)


def _refuse_path(*, host: str, path: str) -> None:
    shared = shared_hosts().covering(host)
    if shared and not shared.owns_path(host, path):
        raise NotPermitted(
            "scope_path_too_broad", f"Many people publish on {host}; name the folder of your own profile."
        )
    if path == "/":  # says the same as the host
        _refuse_host(host)


def _refuse_host(host: str) -> None:
    if is_ip(host):
        raise _not_claimable(host)
    if _public_suffixes().is_public(host):
        raise NotPermitted("scope_is_public_suffix", f"Anybody can have a name below {host}; name your own.")
    if "." not in host:
        raise _not_claimable(host)
    shared = shared_hosts().covering(host)
    if shared and not shared.owns_host(host):
        raise _is_shared(host)


@cache
def _public_suffixes() -> PublicSuffixList:
    # A top-level domain that the list does not know is no public suffix: `localhost` has its own refusal.
    return PublicSuffixList(accept_unknown=False)


def _entry(name: str, row: Mapping[str, Any], reserved_at_root: Iterable[str]) -> SharedHost:
    reserved = frozenset(row.get("reserved", ()))
    return SharedHost(
        name=name,
        users_have_subdomains={"shared": False, "user": True}[row.get("subdomain", "shared")],
        paths=tuple(row.get("paths", ())),
        reserved=reserved,
        reserved_at_root=reserved.union(reserved_at_root),
    )


def _not_claimable(host: str) -> NotPermitted:
    return NotPermitted("scope_not_claimable", f"{host} is no name that one party could be shown to hold.")


def _is_shared(host: str) -> NotPermitted:
    return NotPermitted("scope_is_shared_host", f"Many people publish on {host}; name your own place there.")
