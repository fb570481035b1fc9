"""The supervisor: roles start together, come back when they die, and never outlive it."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path
from unittest.mock import Mock

import pytest

from launcher import commands, locks, ports, processes, supervisor
from launcher.failures import Failure
from launcher.paths import CHECKOUT
from launcher.roles import Role, all_roles

WRITE_PID_AND_SLEEP = """
import os, sys, time
with open(sys.argv[1], "a") as file:
    print(os.getpid(), file=file)
time.sleep(60)
"""
SUPERVISE = """
import os, sys, time
from contextlib import AbstractContextManager
from pathlib import Path
from launcher.roles import Role
from launcher.supervisor import supervised
role = Role("sleeper", [sys.executable, "-c", sys.argv[2], sys.argv[1]])
with supervised([role], environment=os.environ, log_dir=Path(sys.argv[1]).parent, echo=False):
    time.sleep(60)
"""


def python(name: str, script: str, *arguments: str) -> Role:
    return Role(name, [sys.executable, "-c", script, *arguments])


def supervise(role: Role, tmp_path: Path) -> AbstractContextManager[supervisor.Supervisor]:
    return supervisor.supervised([role], environment=os.environ, log_dir=tmp_path, echo=True)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_killed_supervisor_leaves_no_role_behind(tmp_path: Path) -> None:
    pid_file = tmp_path / "pids"
    parent = subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(pid_file), WRITE_PID_AND_SLEEP], cwd=CHECKOUT
    )
    assert processes.wait_until(lambda: bool(pids(pid_file)), seconds=10)
    (pid,) = pids(pid_file)

    parent.kill()
    parent.wait()

    assert processes.wait_until(lambda: not processes.runs(pid, str(pid_file)), seconds=5)


def test_a_stopped_supervisor_ends_its_roles(tmp_path: Path) -> None:
    pid_file = tmp_path / "pids"

    with supervise(python("sleeper", WRITE_PID_AND_SLEEP, str(pid_file)), tmp_path) as running:
        running.await_ready(lambda: bool(pids(pid_file)))

    (pid,) = pids(pid_file)
    assert not processes.runs(pid, str(pid_file))


def test_a_role_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "STOP_SECONDS", 0.3)
    pid_file = tmp_path / "pids"
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + WRITE_PID_AND_SLEEP

    with supervise(python("stubborn", stubborn, str(pid_file)), tmp_path) as running:
        running.await_ready(lambda: bool(pids(pid_file)))

    (pid,) = pids(pid_file)
    assert not processes.runs(pid, str(pid_file))


def test_a_role_that_dies_starts_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "SHORTEST_PAUSE", 0.1)
    pid_file = tmp_path / "pids"

    with supervise(python("sleeper", WRITE_PID_AND_SLEEP, str(pid_file)), tmp_path) as running:
        running.await_ready(lambda: bool(pids(pid_file)))
        os.kill(pids(pid_file)[0], signal.SIGKILL)
        deadline = time.monotonic() + 10
        while len(pids(pid_file)) < 2 and time.monotonic() < deadline:
            running.tend()
            time.sleep(0.02)

    assert len(pids(pid_file)) == 2
    assert "sleeper | ended (by SIGKILL)" in capsys.readouterr().err


def test_a_role_that_fails_at_the_start_is_shown_with_its_last_words(tmp_path: Path) -> None:
    role = python("web", "raise SystemExit('no such setting')")

    with (
        supervise(role, tmp_path) as running,
        pytest.raises(Failure, match=r"web ended \(exit code 1\):\n +no such setting"),
    ):
        running.await_ready(lambda: False)


def test_waiting_has_an_end(tmp_path: Path) -> None:
    role = python("web", "import time; print('thinking', flush=True); time.sleep(60)")

    with (
        supervise(role, tmp_path) as running,
        pytest.raises(Failure, match="web is not ready after 1 s"),
    ):
        running.await_ready(lambda: False, seconds=0.6)


def test_lines_of_a_role_are_shown_under_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    role = python("web", "import time; print('listening', flush=True); time.sleep(60)")

    with supervise(role, tmp_path) as running:
        running.await_ready(lambda: (tmp_path / "web.log").read_text() == "listening\n")

    assert capsys.readouterr().err == "web | listening\n"


def test_a_taken_port_is_named_together_with_the_way_out() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(Failure, match=rf"Port {port} is taken .* --port"):
            commands.serve(["--port", str(port)])


@pytest.mark.parametrize("port", [70000, -1, 0])
def test_a_port_that_does_not_exist_is_refused(port: int) -> None:
    with pytest.raises(Failure, match=f"Port {port} cannot be used .* --port"):
        commands.serve(["--port", str(port)])


def test_the_demonstration_is_explained_without_starting_anything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "_product", lambda *_, **__: pytest.fail("it starts something"))

    for arguments, code in ((["--help"], 0), (["--nonsense"], 2)):
        with pytest.raises(SystemExit) as ended:
            commands.demo(arguments)
        assert ended.value.code == code

    told = capsys.readouterr()
    assert "--sabotage" in told.out
    assert "--nonsense" in told.err


def test_a_second_demonstration_leaves_the_first_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDOUT_VAR_DIR", str(tmp_path))
    monkeypatch.setattr(commands, "_product", lambda *_, **__: pytest.fail("it starts something"))
    (tmp_path / "demo").mkdir()

    with (
        locks.sole(tmp_path / "demo" / "demo.lock", otherwise=""),
        pytest.raises(Failure, match=r"Another \./run demo is at work in .*/demo"),
    ):
        commands.demo([])


def test_a_demonstration_that_has_ended_is_in_nobodys_way(tmp_path: Path) -> None:
    for _ in range(2):
        with locks.sole(tmp_path / "demo.lock", otherwise="taken"):
            pass


def test_whoever_tends_the_product_is_told_of_an_engine_that_came_back(
    capsys: pytest.CaptureFixture[str],
) -> None:
    roles, kept = Mock(), Mock()
    kept.revive.return_value = ["PostgreSQL"]

    commands._Product(roles, kept).tend()

    roles.tend.assert_called_once_with()
    assert capsys.readouterr().err == "PostgreSQL had ended and was started again.\n"


def test_a_server_that_does_not_answer_is_not_ready() -> None:
    assert not ports.is_ready(ports.free())


def test_every_role_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = [role.name for role in all_roles(port=8000, schedule=tmp_path / "schedule")]

    assert names == ["web", "worker-ingest", "worker-lookup", "sequencer", "indexer", "beat"]
