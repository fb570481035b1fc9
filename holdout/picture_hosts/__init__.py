"""Which picture a URL shows on the hosts that say so, and whose account put it there.

`holdout/data/picture_hosts.toml` is the table (`table`). Its forms are compiled to small programs
(`programs`) that one kernel runs over SURT texts (`kernels`): the same for a URL that is registered and for a
batch of millions (`batch`).

Importing this package loads neither numpy nor numba; the first URL that is read does.
"""

from typing import Final

from holdout.errors import InvalidInput
from holdout.picture_hosts.table import TABLE_VERSION, host_table
from holdout.urls import CanonicalUrl, KeyKind, RuleKey, canonicalize, url_key

__all__ = (
    "TABLE_VERSION",
    "account_key",
    "host_table_keys",
    "named_account_key",
    "picture_key",
    "registered_picture_key",
    "registered_url_key",
)

_MALFORMED: Final = "Write an account as platform:user, such as weibo:1669879400."


def host_table_keys(url: CanonicalUrl) -> tuple[RuleKey, ...]:
    """What the host table reads out of `url`: its picture key and its account key, in this order, if any."""
    from holdout.picture_hosts.batch import keys_of_one  # loads numba

    return keys_of_one(url.surt)


def picture_key(url: CanonicalUrl) -> RuleKey | None:
    """The key of the picture that `url` shows, the same for all its renditions; None without a known form."""
    return next((key for key in host_table_keys(url) if key.kind is KeyKind.PICTURE), None)


def account_key(url: CanonicalUrl) -> RuleKey | None:
    """The key of the account that put the picture there, where the URL tells."""
    return next((key for key in host_table_keys(url) if key.kind is KeyKind.ACCOUNT), None)


def registered_picture_key(url: str) -> RuleKey:
    """The key of the picture at `url`.

    Raises InvalidInput as `canonicalize` does, or `picture_host_unknown`.
    """
    key = picture_key(canonicalize(url))
    if key is None:
        raise InvalidInput(
            "picture_host_unknown", "No known image host has such addresses: register the URL itself."
        )
    return key


def registered_url_key(url: str) -> RuleKey:
    """The key under which a URL is registered: its picture's where a known host tells, else its own.

    Whoever looks that URL up, in any rendition, derives the picture's key too. Raises as `canonicalize` does.
    """
    return picture_key(canonicalize(url)) or url_key(url)


def named_account_key(account: str) -> RuleKey:
    """The key of an account written `platform:user`, such as `weibo:1669879400`.

    Raises InvalidInput: `account_unknown_platform` for a platform that the host table knows no accounts of,
    and `account_malformed` for what is no user there, or no account at all.
    """
    platform, _, user = account.partition(":")
    if not platform or not user:
        raise InvalidInput("account_malformed", _MALFORMED)
    users = host_table().users.get(platform)
    if users is None:
        known = ", ".join(sorted(host_table().users))
        raise InvalidInput("account_unknown_platform", f"Accounts are known of these platforms: {known}.")
    if not users.fullmatch(user):
        raise InvalidInput("account_malformed", f"That is not how {platform} numbers its users.")
    return RuleKey(KeyKind.ACCOUNT, f"a {platform}:{user}")
