"""A PostgreSQL that hangs: it takes connections and statements, and answers nothing."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.test import Client

from config.postgresql import base
from config.postgresql.base import DatabaseWrapper
from tests.web.test_badges import title

HELLO = {"server_version": "18.0", "server_encoding": "UTF8", "client_encoding": "UTF8", "TimeZone": "UTC"}


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", 4 + len(body)) + body


def welcome(client: socket.socket) -> None:
    """Let somebody in as PostgreSQL does; what is said after that stays without an answer."""
    while struct.unpack("!II", client.recv(8))[1] != 0x30000:  # it asks for encryption first
        client.sendall(b"N")
    client.recv(10_000)
    parameters = [f"{name}\0{value}\0".encode() for name, value in HELLO.items()]
    told = [message(b"R", bytes(4)), *(message(b"S", one) for one in parameters), message(b"Z", b"I")]
    client.sendall(b"".join(told))


@contextmanager
def hanging(greet: Callable[[socket.socket], None]) -> Iterator[DatabaseWrapper]:
    """Django's connection to a server that does with each client what `greet` does, and then hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        clients: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    clients.append(server.accept()[0])
                except OSError:
                    return
                greet(clients[-1])

        thread = threading.Thread(target=serve)
        thread.start()
        host, port = server.getsockname()
        try:
            yield DatabaseWrapper(
                {
                    **deepcopy(connections.settings["default"]),
                    "HOST": host,
                    "PORT": port,
                    "PATIENCE_SECONDS": 0.2,
                    "OPTIONS": {"connect_timeout": 2, "sslmode": "disable"},  # the shortest that there is
                }
            )
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for client in clients:
                client.close()


@pytest.fixture
def hung(vera_key: str) -> Iterator[Client]:
    """Vera's program; from here on the server hangs, for everybody who asks."""
    ours = connections["default"]
    with hanging(welcome) as theirs:
        connections["default"] = theirs
        try:
            yield Client(headers={"Authorization": f"Bearer {vera_key}"}, raise_request_exception=False)
        finally:
            theirs.close()
            connections["default"] = ours


@pytest.mark.django_db
def test_before_a_request_an_open_connection_is_given_up_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_HEALTH_SECONDS", 0.05)
    with hanging(welcome) as silent:
        silent.settings_dict["PATIENCE_SECONDS"] = 3_600
        silent.connect()
        assert not silent.is_usable()
        silent.close()


@pytest.mark.django_db
def test_a_statement_without_an_answer_is_given_up_with_its_connection() -> None:
    with hanging(welcome) as silent:
        with silent.cursor() as cursor, pytest.raises(OperationalError, match=r"silent for 0\.2 seconds"):
            cursor.execute("SELECT 1")
        assert silent.connection.closed
        assert not silent.is_usable()
        silent.close()


@pytest.mark.django_db
def test_a_connection_that_nobody_answers_is_given_up() -> None:
    with (
        hanging(lambda _: None) as silent,
        pytest.raises(OperationalError, match="connection timeout expired"),
    ):
        silent.ensure_connection()


@pytest.mark.django_db
def test_who_has_no_limit_waits() -> None:
    assert "PATIENCE_SECONDS" not in connection.settings_dict
    connection.ensure_connection()
    assert connection.connection.patience is None


@pytest.mark.parametrize(
    "question",
    [
        lambda client: client.post("/v1/lookups", "{}", content_type="application/json"),
        lambda client: client.get("/v1/jobs"),
        lambda client: client.post("/accounts/login/code/", {"email": "ann@example.com"}),
        lambda client: client.get("/readyz"),
    ],
    ids=["lookups", "jobs", "page", "readyz"],
)
def test_while_the_server_hangs_what_needs_it_is_answered_503(
    hung: Client, question: Callable[[Client], Any]
) -> None:
    assert question(hung).status_code == 503


def test_while_the_server_hangs_a_works_badge_could_not_check(hung: Client) -> None:
    answer = hung.get("/badge/wrk_aaaaaaaaaaaaaaaaaaaaaaaaaa.svg")
    assert (answer.status_code, title(answer.content.decode())) == (503, "Holdout: Could not check")
