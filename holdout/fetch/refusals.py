"""Why something was not fetched: every code and its fixed text.

The texts name neither addresses nor what a server sent: whoever named the URL may not be told what our name
servers know.
"""

from typing import Final

from holdout.errors import FetchFailed, FetchRefused

REFUSED: Final = {
    "url_invalid": "This is no complete web address (https://…).",
    "url_too_long": "The web address is too long.",
    "url_scheme_unsupported": "Only http and https addresses are fetched.",
    "url_has_credentials": "Give the web address without a user name and password.",
    "host_invalid": "No host can have this name.",
    "port_not_allowed": "Only the ports 80 and 443 are asked.",
    "address_not_public": "The host is not on the public internet; let it have public addresses only.",
    "too_many_redirects": "The address redirects too many times; name the last one.",
    "redirect_loop": "The address redirects in a circle; name one that answers.",
}
"""We do not go there. Nothing was connected to, or, after a redirect, nothing more."""

FAILED: Final = {
    "dns_failed": "The host's name could not be resolved; look at its DNS records and try again.",
    "connect_failed": "The host could not be reached; see that its web server runs and try again.",
    "connection_lost": "The connection broke before the answer was complete; try again.",
    "timed_out": "The answer took too long; try again when the host is less busy.",
    "tls_failed": "No secure connection to the host; look at its certificate and try again.",
    "headers_too_large": "The answer's headers are too large.",
    "too_large": "The answer is too large.",
    "answer_not_http": "The answer is not sound HTTP, or not complete.",
    "redirect_malformed": "The answer redirects without naming one readable address.",
    "content_encoding_unsupported": "The answer is compressed though that was not asked for; send it plain.",
}
"""We went, or tried to, and have no whole answer."""


def refused(code: str) -> FetchRefused:
    """The error to raise for one of the codes above; KeyError for any other."""
    return FetchRefused(code, REFUSED[code])


def failed(code: str) -> FetchFailed:
    """The error to raise for one of the codes above; KeyError for any other."""
    return FetchFailed(code, FAILED[code])
