"""From a host to the addresses that may be connected to. Each host is resolved once per request."""

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Thread

from holdout.fetch.addresses import is_public
from holdout.fetch.limits import Deadline
from holdout.fetch.refusals import failed, refused
from holdout.fetch.targets import Target

Resolver = Callable[[str], Sequence[str]]
"""Gives every address of a host name (ASCII, no trailing dot) as text; OSError where it cannot."""


def system_resolver(host: str) -> list[str]:
    """Ask as this machine is set up to (`getaddrinfo`), for exactly this name."""
    # The dot at the end keeps the search list out: "intranet" must not become "intranet.our-network.example".
    # Bytes keep Python's own IDNA out: WHATWG has already made the name ASCII.
    found = socket.getaddrinfo(f"{host}.".encode("ascii"), None, type=socket.SOCK_STREAM)
    return [str(socket_address[0]) for *_, socket_address in found]


def public_addresses(target: Target, *, resolver: Resolver, deadline: Deadline) -> tuple[str, ...]:
    """Every address of the target's host, without repetition, in the resolver's order; at least one.

    Raises FetchFailed (`dns_failed`, `timed_out`), and FetchRefused `address_not_public` when even one is not
    public: whoever mixes them wants us to come to that one.
    """
    found = (target.host,) if target.is_ip else _resolved(target.host, resolver, deadline)
    if not found:
        raise failed("dns_failed")
    if not all(is_public(address) for address in found):
        raise refused("address_not_public")
    return tuple(dict.fromkeys(found))


def _resolved(host: str, resolver: Resolver, deadline: Deadline) -> Sequence[str]:
    # `getaddrinfo` knows no time limit. A thread that comes too late is left to end by itself: its
    # retries end within the system's own (resolv.conf), and nobody reads its answer.
    answer: Future[Sequence[str]] = Future()

    def resolve() -> None:
        try:
            answer.set_result(resolver(host))
        except BaseException as error:
            answer.set_exception(error)

    Thread(target=resolve, name="holdout-resolver", daemon=True).start()
    try:
        return answer.result(timeout=deadline.left())
    except TimeoutError:
        raise failed("timed_out") from None
    except OSError as error:
        raise failed("dns_failed") from error
