"""What came of a fetch, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole answer, of whatever status: whether it is a 200 is for the caller to look at."""

    url: str
    """Where the answer came from, as WHATWG serialises it, without a fragment."""
    status: int
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, in the server's order, repeated as the server repeated them."""
    body: bytes
    redirects: tuple[str, ...] = ()
    """The URLs that redirected here, first to last. Some may be http where others are https: whoever takes an
    answer for a proof must look at all of them."""

    def values(self, name: str) -> tuple[str, ...]:
        """Every value of the header `name` (lower case)."""
        return tuple(value for key, value in self.headers if key == name)
