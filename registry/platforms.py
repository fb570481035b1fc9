"""Platforms with accounts of people: what a pasted address is, and which places are that account's own."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from holdout.urls import KeyKind, canonicalize

_TABLE: Final = Path(__file__).parent / "data" / "platforms.toml"
_HOST: Final = r"(?P<host>(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9])"


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a platform says of somebody who signs in there: `provider` is allauth's name for it."""

    provider: str
    name: str
    list: str = ""

    def names(self, told: Mapping[str, Any]) -> frozenset[str]:
        """The accounts that are theirs, in lower case; none where the answer is of another shape."""
        entries = told.get(self.list) if self.list else [told]
        if not isinstance(entries, list):
            return frozenset()
        own = [e for e in entries if isinstance(e, dict) and (not self.list or e.get("admin") is True)]
        return frozenset(name.lower() for entry in own if isinstance(name := entry.get(self.name), str))


@dataclass(frozen=True, slots=True)
class Platform:
    """One platform of `data/platforms.toml`, where each field is explained."""

    id: str
    names: Mapping[str, str]
    """By language: `en`, `zh-hans`. So is `where`."""
    profiles: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    places: tuple[str, ...]
    account: str
    strangers: bool
    where: Mapping[str, str]
    sign_in: SignIn | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account that an address names."""

    platform: Platform
    user: str
    """As it was spelled; platforms do not tell letters of different case apart, addresses do."""
    host: str = ""

    @property
    def profile(self) -> str:
        """The address at which its profile is asked for."""
        return self._filled(self.platform.profiles[0], self.user.lower())

    @property
    def targets(self) -> list[tuple[KeyKind, str]]:
        """Its places, the one that stands for it first: for `registry.services.register_locators`."""
        spellings = dict.fromkeys((self.user.lower(), self.user))
        places = [self._filled(place, user) for user in spellings for place in self.platform.places]
        targets = [
            (KeyKind.PATH if place.endswith("/") else KeyKind.URL, place) for place in dict.fromkeys(places)
        ]
        if self.platform.account:
            targets.append((KeyKind.ACCOUNT, self._filled(self.platform.account, self.user.lower())))
        return targets

    def _filled(self, template: str, user: str) -> str:
        return template.replace("{user}", user).replace("{host}", self.host.lower())


@cache
def platforms() -> tuple[Platform, ...]:
    """The table, read once in a process."""
    table = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return tuple(_platform(row) for row in table["platform"])


def account_at(url: str) -> Account | None:
    """The account whose profile, or part of it, stands at `url`; None for an address of no known platform.

    Raises InvalidInput as `canonicalize` does.
    """
    address = canonicalize(url).href.partition("://")[2].partition("?")[0]
    for platform in platforms():
        for pattern in platform.patterns:
            if found := pattern.match(address):
                return Account(platform, found["user"], found.groupdict().get("host") or "")
    return None


def account_of(target: str) -> Account | None:
    """`account_at` for a place as it was registered; None also for what is no web address."""
    return account_at(target) if "://" in target else None


def _platform(row: Mapping[str, Any]) -> Platform:
    return Platform(
        id=row["id"],
        names=row["name"],
        profiles=tuple(row["profiles"]),
        patterns=tuple(_pattern(profile, row["user"]) for profile in row["profiles"]),
        places=tuple(row["places"]),
        account=row.get("account", ""),
        strangers=row["strangers"],
        where=row["where"],
        sign_in=SignIn(**row["sign_in"]) if "sign_in" in row else None,
    )


def _pattern(profile: str, user: str) -> re.Pattern[str]:
    """What the address of a profile, or of something below it, begins with; without scheme and `www.`."""
    bare = profile.removeprefix("https://").removeprefix("www.").rstrip("/")
    regex = re.escape(bare).replace(r"\{user\}", f"(?P<user>{user})").replace(r"\{host\}", _HOST)
    return re.compile(rf"(?:www\.)?{regex}(?:/|$)", re.IGNORECASE)
