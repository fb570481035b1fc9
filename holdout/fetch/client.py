"""`fetch`: follow a URL to its answer, checking every step of the way as if it were the first."""

import ssl
from dataclasses import replace
from typing import Final

from holdout.fetch.exchange import REDIRECTS, ask
from holdout.fetch.fetched import Fetched
from holdout.fetch.limits import Deadline, FetchLimits
from holdout.fetch.names import Resolver, public_addresses, system_resolver
from holdout.fetch.pinned import Connector, open_socket
from holdout.fetch.refusals import failed, refused
from holdout.fetch.targets import Target, parse_target

USER_AGENT: Final = "Holdout/0.1.0"


def fetch(
    url: str,
    *,
    limits: FetchLimits | None = None,
    contact: str = "",
    resolver: Resolver = system_resolver,
    connect: Connector = open_socket,
    ssl_context: ssl.SSLContext | None = None,
) -> Fetched:
    """GET what stands at `url`, a URL that a stranger named to us.

    http and https on ports 80 and 443; no cookies, credentials, referrers or proxies; nothing is sent but the
    URL itself and who we are (`contact` is the page about us that the User-Agent names). 301, 302, 303, 307
    and 308 are followed; every other status is an answer. `resolver` is asked once for each URL on the way;
    `connect` is only ever given addresses that `is_public` (there is no way to allow others); `ssl_context`
    replaces the usual certificate authorities.

    Raises FetchRefused or FetchFailed with a code of `holdout/fetch/refusals.py`. Neither means that nothing
    stands there.
    """
    limits = limits or FetchLimits()
    deadline = Deadline(limits.seconds)
    agent = f"{USER_AGENT} (+{contact})" if contact else USER_AGENT
    target = parse_target(url)
    passed: list[str] = []
    while True:
        answer = ask(
            target,
            addresses=public_addresses(target, resolver=resolver, deadline=deadline),
            agent=agent,
            limits=limits,
            deadline=deadline,
            connect=connect,
            ssl_context=ssl_context,
        )
        if answer.status not in REDIRECTS:
            return replace(answer, redirects=tuple(passed))
        passed.append(target.url)
        if len(passed) > limits.redirects:
            raise refused("too_many_redirects")
        target = _redirected(answer)
        if target.url in passed:
            raise refused("redirect_loop")


def _redirected(answer: Fetched) -> Target:
    """Where `answer` sends us. Raises as `parse_target` does, and FetchFailed `redirect_malformed`."""
    locations = answer.values("location")
    if len(locations) != 1:
        raise failed("redirect_malformed")
    try:
        location = locations[0].encode("latin-1").decode()  # browsers read the bytes as UTF-8
    except UnicodeDecodeError:
        raise failed("redirect_malformed") from None
    return parse_target(location, base=answer.url)
