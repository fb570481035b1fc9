"""Looking for a code where only who controls a place can have put it. Reads the network, writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from django.conf import settings

from holdout.errors import HoldoutError, InvalidInput
from holdout.fetch import Fetched, FetchLimits, fetch
from holdout.fetch.records import txt_records
from holdout.urls import KeyKind, canonicalize, key_host, rule_keys
from registry import evidence
from registry.models import Locator
from registry.platforms import account_of

_LIMITS: Final = FetchLimits(seconds=6.0, body_bytes=1024 * 1024)


class Method(StrEnum):
    """How control was shown."""

    DNS = "dns"
    STANDING_DNS = "dns_standing"
    FILE = "well_known"
    META = "meta"
    PROFILE = "profile"
    EYES = "two_staff"
    SIGN_IN = "sign_in"
    """The platform itself named the account with which somebody had signed in there."""
    WITHIN = "within"
    """Of a place that lies in a proven one, or belongs to it."""


METHODS: Final = {
    KeyKind.DOMAIN: (Method.DNS, Method.STANDING_DNS),
    KeyKind.HOST: (Method.FILE, Method.META, Method.DNS, Method.STANDING_DNS),
    KeyKind.PATH: (Method.PROFILE,),
}
"""By which ways a place of each kind is proven by a program; in the order in which they are tried."""

LOOK_AGAIN: Final = dict.fromkeys(Method, timedelta(days=30)) | {Method.STANDING_DNS: timedelta(days=7)}
"""After how long a proof that stands is looked at again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way that was tried: where was looked, and why it showed nothing: `code_not_found` or a fetch's."""

    method: Method
    where: str
    error: str


def where_of(locator: Locator, method: Method) -> str:
    """Where the code of a place is looked for: an address, or the name of a TXT record."""
    match method:
        case Method.DNS | Method.STANDING_DNS:
            return f"{evidence.RECORD}.{key_host(locator.key)}"
        case Method.FILE:
            return f"https://{key_host(locator.key)}{evidence.FILE}"
        case Method.META:
            return f"https://{key_host(locator.key)}/"
        case _:
            account = account_of(locator.target)
            return account.profile if account else locator.target


def look(locator: Locator, code: str, *, method: Method, where: str, now: datetime) -> Attempt:
    """Look once, in one way. A network that fails shows nothing."""
    try:
        shown = _LOOKING[method](locator, code, where, now)
    except HoldoutError as error:
        if isinstance(error, InvalidInput):
            raise
        return Attempt(method, where, error.code)
    return Attempt(method, where, "" if shown else "code_not_found")


def _in_records(_locator: Locator, code: str, where: str, _now: datetime) -> bool:
    return evidence.in_records(_txt(where), code)


def _in_standing_record(locator: Locator, _code: str, where: str, now: datetime) -> bool:
    return evidence.standing_record(_txt(where), locator.declarant.public_id, today=now.date())


def _txt(name: str) -> list[str]:
    return txt_records(name, servers=settings.HOLDOUT_DNS_SERVERS)


def _in_file(locator: Locator, code: str, where: str, _now: datetime) -> bool:
    answer = _answer(where)
    return answer is not None and _on_host(answer, locator) and evidence.in_file(answer.body, code)


def _in_meta(locator: Locator, code: str, where: str, _now: datetime) -> bool:
    answer = _answer(where)
    return answer is not None and _on_host(answer, locator) and evidence.in_meta(answer.body, code)


def _in_profile(locator: Locator, code: str, where: str, _now: datetime) -> bool:
    if not _lies_in(where, locator):
        raise page_not_in_place()
    answer = _answer(where)
    return (
        answer is not None
        and _lies_in(answer.url, locator)
        # A page that repeats its own address shows nothing but what we asked for.
        and not any(_mentions(url, code) for url in (where, *answer.redirects, answer.url))
        and evidence.in_page(answer.body, code)
    )


def page_not_in_place() -> InvalidInput:
    return InvalidInput("page_not_in_place", "Name a post within the account, without ? and the rest.")


_LOOKING: Final[dict[Method, Callable[[Locator, str, str, datetime], bool]]] = {
    Method.DNS: _in_records,
    Method.STANDING_DNS: _in_standing_record,
    Method.FILE: _in_file,
    Method.META: _in_meta,
    Method.PROFILE: _in_profile,
}


def _answer(url: str) -> Fetched | None:
    """What stands at `url`, if it is a whole page that nobody on the way could have written."""
    answer = fetch(url, limits=_LIMITS, contact=settings.HOLDOUT_CONTACT_URL)
    return answer if answer.status == 200 and evidence.is_secure(answer) else None


def _on_host(answer: Fetched, locator: Locator) -> bool:
    return canonicalize(answer.url).host == key_host(locator.key)


def _lies_in(url: str, locator: Locator) -> bool:
    """Whether a page is one of the place, or of the addresses that belong to it."""
    canonical = canonicalize(url)
    own = {locator.key, *locator.belongings.values_list("key", flat=True)}
    return not canonical.query and any(key.text in own for key in rule_keys(canonical))


def _mentions(url: str, code: str) -> bool:
    before = ""
    while url != before:
        before, url = url, unquote(url)
    return code in "".join(c for c in url.lower() if c.isalnum())
