"""What compose asks a container: it must notice the dead and leave the living alone."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from launcher import health, ports
from launcher.paths import CHECKOUT


class Server(HTTPServer):
    status = 200
    asked: list[tuple[str, str]]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers["Host"]))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("hosts", "name"),
    [
        ("registry.example.org,other.example.org", "registry.example.org"),
        (".example.org", "example.org"),
        ("*", "localhost"),
    ],
)
def test_the_web_server_is_called_by_a_name_that_it_answers_to(hosts: str, name: str, server: Server) -> None:
    assert health.trouble_of_web(server.server_port, hosts=hosts) == ""

    assert server.asked == [("/readyz", name)]


def test_a_web_server_without_a_database_is_not_well(server: Server) -> None:
    server.status = 503

    assert "answers 503" in health.trouble_of_web(server.server_port, hosts="localhost")


def test_a_web_server_that_is_gone_is_not_well() -> None:
    assert "does not answer" in health.trouble_of_web(ports.free(), hosts="localhost")


def test_a_heart_that_beat_lately_is_well(tmp_path: Path) -> None:
    (tmp_path / "heartbeat").touch()

    assert health.trouble_of_heartbeat(tmp_path / "heartbeat", seconds=30) == ""


def test_a_heart_that_stopped_is_not_well(tmp_path: Path) -> None:
    file = tmp_path / "heartbeat"
    file.touch()
    os.utime(file, times=(time.time() - 60, time.time() - 60))

    assert health.trouble_of_heartbeat(file, seconds=30) == "the last heartbeat was 60 s ago"


def test_a_heart_that_never_beat_is_not_well(tmp_path: Path) -> None:
    assert health.trouble_of_heartbeat(tmp_path / "heartbeat", seconds=30) == "no heartbeat yet"


def test_compose_gets_its_answer_as_an_exit_code(tmp_path: Path) -> None:
    def ask() -> int:
        return subprocess.run(
            [sys.executable, "-m", "launcher.health", "heartbeat"],
            cwd=CHECKOUT,
            env={"HOLDOUT_HEARTBEAT_FILE": str(tmp_path / "heartbeat")},
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    assert ask() == 1
    (tmp_path / "heartbeat").touch()
    assert ask() == 0
