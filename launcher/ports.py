"""The port of the web server."""

import errno
import http.client
import socket

from launcher.failures import Failure
from launcher.roles import HOST


def free() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def check(port: int) -> None:
    """Failure when we cannot listen on `port`; it tells which one and what to do."""
    if port == 0:  # "any": nobody would know where we answer
        raise Failure("Port 0 cannot be used (it is none). Choose another one with --port.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left behind is free
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            reason = "is taken by another program" if taken else f"cannot be used ({error})"
            raise Failure(f"Port {port} {reason}. Choose another one with --port.") from error


def is_ready(port: int) -> bool:
    """True when the web server on `port` says that it can answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
