"""The one way out: every request that Holdout makes to somebody else's server goes through `fetch`.

Whoever names a URL to us must not thereby reach anything that only we can reach (server-side request
forgery). So the address is checked that is connected to, never the name: a URL is read as a browser reads it,
its name is resolved once, every address it has must be public, and the connection goes to one of those.
"""

from holdout.fetch.addresses import is_public
from holdout.fetch.client import fetch
from holdout.fetch.fetched import Fetched
from holdout.fetch.limits import FetchLimits

__all__ = ["FetchLimits", "Fetched", "fetch", "is_public"]
