"""What a domain's holder wrote into the Domain Name System: TXT records."""

from collections.abc import Sequence
from typing import Final

import dns.exception
import dns.name
import dns.resolver

from holdout.fetch.refusals import failed

_SECONDS: Final = 5.0
_MOST: Final = 100
"""Records of one name that are read."""


def txt_records(name: str, *, servers: Sequence[str] = (), port: int = 53) -> list[str]:
    """The TXT records of `name`, each as one text (RFC 1035, 3.3.14); none where there are none.

    With `servers` (IP addresses) each of them is asked, and only what all of them say is given: one that was
    deceived deceives nobody. Without, the machine's own resolvers are asked. Raises FetchFailed `dns_failed`
    when one cannot answer, which is not the same as no records.
    """
    answers = [_asked(name, _resolver([server], port)) for server in servers]
    answers = answers or [_asked(name, dns.resolver.Resolver())]
    return [text for text in answers[0] if all(text in others for others in answers[1:])]


def _resolver(servers: list[str], port: int) -> dns.resolver.Resolver:
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = servers
    resolver.port = port
    return resolver


def _asked(name: str, resolver: dns.resolver.Resolver) -> list[str]:
    try:
        answer = resolver.resolve(dns.name.from_text(name), "TXT", lifetime=_SECONDS)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return []
    except (dns.exception.DNSException, OSError) as error:
        raise failed("dns_failed") from error
    return [b"".join(record.strings).decode("utf-8", "replace") for record in list(answer)[:_MOST]]
