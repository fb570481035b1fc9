"""Connections to addresses that were checked, and to no others: httpcore's network, as we allow it.

httpcore speaks HTTP; it hands every connection and every byte to the classes here.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import httpcore

from holdout.fetch.limits import Deadline
from holdout.fetch.refusals import failed

Connector = Callable[[str, int, float], socket.socket]
"""Connects to address, port within seconds; OSError where it cannot."""

_MAX_ATTEMPTS: Final = 4
"""Addresses of one host that are tried. A name may have hundreds, of hosts that never asked to be called."""


@dataclass(slots=True)
class Allowance:
    """How many bytes may still be read, and the code of the failure when more would come."""

    left: int
    code: str


def open_socket(address: str, port: int, seconds: float) -> socket.socket:
    """A TCP connection to `address`, which is no name."""
    return socket.create_connection((address, port), timeout=seconds)


class PinnedNetwork(httpcore.NetworkBackend):
    """A network in which every name leads to the same checked `addresses`."""

    def __init__(
        self,
        *,
        addresses: Sequence[str],
        connect: Connector,
        connect_seconds: float,
        deadline: Deadline,
        allowance: Allowance,
    ) -> None:
        self._addresses = addresses
        self._connect = connect
        self._connect_seconds = connect_seconds
        self._deadline = deadline
        self._allowance = allowance

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the name was resolved and checked before; nothing resolves it again
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002
    ) -> "PinnedStream":
        """Connect to the first address that answers."""
        problem: OSError | None = None
        for address in self._addresses[:_MAX_ATTEMPTS]:
            seconds = min(self._deadline.left(), self._connect_seconds)
            try:
                connection = self._connect(address, port, seconds)
            except OSError as error:
                problem = error
                continue
            if not _leads_to(connection, address):
                connection.close()
                raise failed("connect_failed")
            return PinnedStream(connection, deadline=self._deadline, allowance=self._allowance)
        raise failed("timed_out" if isinstance(problem, TimeoutError) else "connect_failed") from problem


class PinnedStream(httpcore.NetworkStream):
    """One connection: never later than the deadline, never more than the allowance."""

    def __init__(self, connection: socket.socket, *, deadline: Deadline, allowance: Allowance) -> None:
        self._socket = connection
        self._deadline = deadline
        self._allowance = allowance

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline rules
        if self._allowance.left <= 0:
            raise failed(self._allowance.code)
        self._socket.settimeout(self._deadline.left())
        try:
            received = self._socket.recv(min(max_bytes, self._allowance.left))
        except TimeoutError:
            raise failed("timed_out") from None
        except OSError as error:
            raise failed("connection_lost") from error
        self._allowance.left -= len(received)
        return received

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - the deadline rules
        self._socket.settimeout(self._deadline.left())
        try:
            self._socket.sendall(buffer)
        except TimeoutError:
            raise failed("timed_out") from None
        except OSError as error:
            # httpcore goes on to read: a server may answer and close before it has read the request.
            raise httpcore.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
    ) -> "PinnedStream":
        """The same connection, secured and certified for `server_hostname`."""
        self._socket.settimeout(self._deadline.left())
        # Early releases of Python 3.11 tell OpenSSL to take a connection that was cut for one that ended.
        ssl_context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        try:
            # Without its proper end a body that the end of the connection delimits could be cut by anybody
            # on the way, and half a robots.txt permits what the whole one forbids.
            secured = ssl_context.wrap_socket(
                self._socket, server_hostname=server_hostname, suppress_ragged_eofs=False
            )
        except TimeoutError:
            self.close()
            raise failed("timed_out") from None
        except OSError as error:
            self.close()
            raise failed("tls_failed") from error
        return PinnedStream(secured, deadline=self._deadline, allowance=self._allowance)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ARG002
        """Nothing: httpcore asks only whether to speak HTTP/2, and the answer is no."""
        return None


def _leads_to(connection: socket.socket, address: str) -> bool:
    """Whether the connection ends where it was meant to: the system may have redirected it."""
    try:
        return ip_address(connection.getpeername()[0]) == ip_address(address)
    except (OSError, ValueError):
        return False
