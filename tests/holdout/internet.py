"""An internet of one machine: names that lead to public addresses, and loopback servers that pass for them.

`fetch` itself can not be told to allow a loopback address. So the connector here connects to the loopback
server, and gives back a socket that says it is connected to the public address.
"""

import contextlib
import datetime as dt
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PUBLIC = "8.8.4.4"
OTHER_PUBLIC = "2606:4700::1111"

Handler = Callable[[bytes], Iterable[bytes]]
"""From a request's head to the pieces of what the server says before it closes."""


class Disguised(socket.socket):
    """A socket that names another peer than it has."""

    peer = PUBLIC

    def getpeername(self) -> Any:
        return (self.peer, 0)


def disguise(connection: socket.socket, peer: str) -> Disguised:
    disguised = Disguised(connection.family, connection.type, fileno=connection.detach())
    disguised.peer = peer
    return disguised


class Internet:
    """Scripted DNS and a counting connector.

    `names` gives each name's answers in turn, the last for ever; `sites` the loopback port that stands for
    each address. Everything else cannot be reached.
    """

    def __init__(self, **names: Sequence[str]) -> None:
        self.names: dict[str, list[Sequence[str]]] = {name: [answer] for name, answer in names.items()}
        self.sites: dict[str, int] = {}
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []

    def resolver(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        answers = self.names[host]
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def connect(self, address: str, port: int, seconds: float) -> socket.socket:
        self.connected.append((address, port))
        if address not in self.sites:
            raise ConnectionRefusedError
        real = socket.create_connection(("127.0.0.1", self.sites[address]), timeout=seconds)
        return disguise(real, address)

    @contextlib.contextmanager
    def site(
        self, handler: Handler, *, address: str = PUBLIC, tls: ssl.SSLContext | None = None
    ) -> Iterator[list[bytes]]:
        """Let `handler` answer at `address`; gives the heads of the requests that came."""
        heads: list[bytes] = []

        class Conversation(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    self.converse(tls.wrap_socket(self.request, server_side=True) if tls else self.request)

            def converse(self, connection: socket.socket) -> None:
                with connection:
                    heads.append(head(connection))
                    for piece in handler(heads[-1]):
                        connection.sendall(piece)
                    if isinstance(connection, ssl.SSLSocket):
                        connection.unwrap()

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = True

        with Server(("127.0.0.1", 0), Conversation) as server:
            self.sites[address] = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.005,))
            thread.start()
            try:
                yield heads
            finally:
                server.shutdown()
                thread.join()
                del self.sites[address]


def head(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(4096)
        if not piece:
            raise ConnectionResetError
        received += piece
    return received


def path_of(request: bytes) -> str:
    return request.split(b" ", 2)[1].decode()


def reply(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """An answer with its length, the underscores of header names as dashes."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def redirect(location: str, status: int = 302) -> bytes:
    return reply(status, location=location)


def pages(**answers: bytes) -> Handler:
    """A site of some pages by name (`index` for /), and 404."""

    def handler(request: bytes) -> Iterable[bytes]:
        return [answers.get(path_of(request).strip("/") or "index", reply(404))]

    return handler


def always(answer: bytes) -> Handler:
    return lambda request: [answer]


def certified(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server for `host` uses, and what a client that trusts just it uses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _server_context(certificate, key), ssl.create_default_context(cadata=_pem(certificate))


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _server_context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.NamedTemporaryFile() as file:
        file.write(_pem(certificate).encode() + private)
        file.flush()
        context.load_cert_chain(file.name)
    return context
