"""The embedded engines: who starts them, who stops them, and who can reach them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
import redis

from launcher import folders, postgres, processes
from launcher.accounts import for_postgres, me
from launcher.engines import engines, kept_engines
from launcher.failures import Failure
from launcher.paths import CHECKOUT

# Uses the engines of the folder it is given until its standard input ends.
USER = """
import sys
from pathlib import Path
from launcher.engines import engines
with engines(Path(sys.argv[1]), durable=False) as addresses:
    print(addresses["DATABASE_URL"], flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def _no_engines_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests run on engines that `./run test` has given to all others."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every account of this machine can enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="holdout-launcher-test-"))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


@pytest.fixture(scope="module")
def state_dir() -> Iterator[Path]:
    """One for all tests that do not need a first start: making a cluster takes a second."""
    with open_folder() as path:
        yield path


@pytest.fixture
def fresh_dir() -> Iterator[Path]:
    with open_folder() as path:
        yield path


def start_user(state_dir: Path, *options: str, stderr: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *options, "-c", USER, str(state_dir)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def wait_until_using(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline()


def let_go(user: subprocess.Popen[str]) -> None:
    user.communicate()
    assert user.returncode == 0


def engine_pids(state_dir: Path) -> list[int]:
    """The postmasters and Valkey servers that run on `state_dir`, found by their command lines."""
    marks = [f"-D {state_dir}/", f"unixsocket:{folders.sockets_path(state_dir, me())}/"]
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if any(processes.runs(pid, mark) for mark in marks)]


def listening_on_tcp(pid: int) -> bool:
    open_files = {str(fd.readlink()) for fd in Path(f"/proc/{pid}/fd").iterdir() if fd.is_symlink()}
    tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    rows = [line.split() for line in tables.splitlines() if " 0A " in line]  # 0A: it listens
    return bool(open_files & {f"socket:[{row[9]}]" for row in rows})


def test_the_engines_answer_on_sockets_while_the_block_runs(state_dir: Path) -> None:
    with engines(state_dir, durable=False) as addresses:
        database = urlsplit(addresses["DATABASE_URL"])
        host, port = (parse_qs(database.query)[name][0] for name in ("host", "port"))
        valkey = urlsplit(addresses["REDIS_URL"])

        assert (database.scheme, database.username, database.path) == ("postgresql", "holdout", "/holdout")
        assert Path(host, f".s.PGSQL.{port}").is_socket()
        assert (valkey.scheme, valkey.query) == ("unix", "db=0")
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(valkey.path)
            connection.sendall(b"CONFIG GET maxmemory-policy\r\n")
            assert b"noeviction" in connection.recv(100)

    assert engine_pids(state_dir) == []
    assert not Path(host).exists()
    assert not Path(valkey.path).parent.exists()


def test_nobody_else_can_reach_the_engines(state_dir: Path) -> None:
    with engines(state_dir, durable=False):
        pids = engine_pids(state_dir)

        assert len(pids) == 2
        assert not any(map(listening_on_tcp, pids))
        for account in (me(), for_postgres()):
            assert folders.sockets_path(state_dir, account).stat().st_mode & 0o777 == 0o700


def test_a_folder_open_to_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "sockets"
    folder.mkdir()
    folder.chmod(0o777)

    with pytest.raises(Failure, match="open to others"):
        folders.own(folder, me())


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)

    with pytest.raises(Failure, match="belongs to somebody else"):
        folders.own(tmp_path / "link", me())


def test_nothing_starts_when_both_addresses_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"DATABASE_URL": "postgresql://db.example/holdout", "REDIS_URL": "redis://cache.example:6379/0"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    with engines(tmp_path / "state", durable=True) as addresses:
        assert addresses == given

    assert not (tmp_path / "state").exists()


def test_only_the_missing_engine_starts_when_one_address_is_given(
    fresh_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/holdout")

    with engines(fresh_dir, durable=False) as addresses:
        assert addresses["DATABASE_URL"] == "postgresql://db.example/holdout"
        assert len(engine_pids(fresh_dir)) == 1
        assert not (fresh_dir / "postgres").exists()


def test_the_last_user_out_stops_the_engines(state_dir: Path) -> None:
    with engines(state_dir, durable=False):
        other = start_user(state_dir)
        wait_until_using(other)
        before = engine_pids(state_dir)

    assert engine_pids(state_dir) == before
    let_go(other)
    assert engine_pids(state_dir) == []


def test_who_leaves_the_engines_to_others_ends_without_a_warning(state_dir: Path) -> None:
    starter = start_user(state_dir, "-W", "always::ResourceWarning", stderr=subprocess.PIPE)
    wait_until_using(starter)
    with engines(state_dir, durable=False):
        _, complaints = starter.communicate()

    assert (starter.returncode, complaints) == (0, "")


@pytest.mark.slow
def test_five_first_starts_at_once_make_one_cluster(fresh_dir: Path) -> None:
    users = [start_user(fresh_dir) for _ in range(5)]

    assert len({wait_until_using(user) for user in users}) == 1
    assert len(engine_pids(fresh_dir)) == 2
    for user in users:
        let_go(user)
    assert engine_pids(fresh_dir) == []


@pytest.mark.slow
def test_engines_left_by_a_killed_user_are_used_and_then_stopped_by_the_next(state_dir: Path) -> None:
    killed = start_user(state_dir)
    wait_until_using(killed)
    left = engine_pids(state_dir)
    killed.kill()
    killed.communicate()

    with engines(state_dir, durable=False):
        assert engine_pids(state_dir) == left

    assert engine_pids(state_dir) == []


@pytest.mark.slow
def test_killed_engines_start_again(state_dir: Path) -> None:
    killed = start_user(state_dir)
    wait_until_using(killed)
    left = engine_pids(state_dir)
    killed.kill()
    killed.communicate()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not engine_pids(state_dir), seconds=5)

    with engines(state_dir, durable=False):
        assert len(engine_pids(state_dir)) == 2
        assert not set(engine_pids(state_dir)) & set(left)


@pytest.mark.slow
def test_engines_that_die_while_they_are_used_are_started_again(state_dir: Path) -> None:
    with kept_engines(state_dir, durable=False) as kept:
        assert kept.revive() == []
        left = engine_pids(state_dir)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        assert processes.wait_until(lambda: not engine_pids(state_dir), seconds=5)

        assert kept.revive() == ["PostgreSQL", "Valkey"]

        assert len(engine_pids(state_dir)) == 2
        assert not set(engine_pids(state_dir)) & set(left)
        assert kept.revive() == []
    assert engine_pids(state_dir) == []


@pytest.mark.slow
def test_a_new_server_waits_for_what_is_left_of_the_old_one(state_dir: Path) -> None:
    with kept_engines(state_dir, durable=False) as kept:
        pid = int((state_dir / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])
        (left, *_) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        os.kill(int(left), signal.SIGSTOP)  # too busy to see that it is alone
        os.kill(pid, signal.SIGKILL)
        later = threading.Timer(1, os.kill, (int(left), signal.SIGCONT))
        later.start()
        assert processes.wait_until(lambda: not processes.runs(pid, str(state_dir)), seconds=5)

        assert kept.revive() == ["PostgreSQL"]

        later.join()


def test_a_server_that_takes_the_place_of_a_dead_one_is_not_up_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    dead, starting = ["999999999", *[""] * 6, "ready"], ["1000000000"]
    found = iter([dead])
    monkeypatch.setattr(postgres, "_lines", lambda _: next(found, starting))
    monkeypatch.setattr(processes, "runs", lambda pid, _: pid == 1000000000)
    with open_folder() as path:
        server = postgres.Postgres(path, durable=False)
        sockets = Path(server.url().partition("host=")[2].partition("&")[0])
        (sockets / ".s.PGSQL.5432").touch()

        assert not server._is_up()

        shutil.rmtree(sockets)


def test_nobody_revives_what_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/holdout")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example:6379/0")

    with kept_engines(tmp_path / "state", durable=True, empty=True) as kept:
        assert kept.revive() == []

    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_engines_can_be_had_empty(state_dir: Path) -> None:
    def tables(addresses: dict[str, str]) -> list[tuple[object, ...]]:
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
            return found.fetchall()

    with engines(state_dir, durable=False) as addresses:
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE old_story ()")
        redis.Redis.from_url(addresses["REDIS_URL"]).set("old", "story")
        assert tables(addresses) == [("old_story",)]

        with kept_engines(state_dir, durable=False, empty=True) as kept:
            assert tables(kept.addresses) == []
            assert redis.Redis.from_url(kept.addresses["REDIS_URL"]).dbsize() == 0


@pytest.mark.slow
def test_deleting_the_state_of_running_engines_starts_afresh(state_dir: Path) -> None:
    killed = start_user(state_dir)
    wait_until_using(killed)
    left = engine_pids(state_dir)
    killed.kill()
    killed.communicate()
    shutil.rmtree(state_dir / "postgres")

    with engines(state_dir, durable=False):
        assert len(engine_pids(state_dir)) == 2

    assert not set(left) & set(engine_pids(state_dir))


@pytest.mark.slow
def test_a_process_id_that_is_another_programs_now_does_not_stop_a_start(state_dir: Path) -> None:
    with engines(state_dir, durable=False):
        pid_file = state_dir / "postgres" / "data" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))

    with engines(state_dir, durable=False):
        assert len(engine_pids(state_dir)) == 2


def test_data_of_another_major_version_is_refused_with_words(fresh_dir: Path) -> None:
    data = fresh_dir / "postgres" / "data"
    data.mkdir(parents=True)
    data.parent.chmod(0o700)
    (data / "PG_VERSION").write_text("17\n")

    with pytest.raises(Failure, match=r"of PostgreSQL 17, and this is 18"), engines(fresh_dir, durable=True):
        pass


def test_a_failed_start_tells_the_end_of_the_log(state_dir: Path) -> None:
    with engines(state_dir, durable=False):
        pass
    settings = state_dir / "postgres" / "data" / "postgresql.auto.conf"
    settings.write_text("work_mem = 'much'\n")

    with pytest.raises(Failure, match="work_mem"), engines(state_dir, durable=False):
        pass

    settings.write_text("")


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")
def test_a_closed_folder_stays_closed_and_the_data_goes_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    elsewhere = folders.long_lived(closed / "var", for_postgres())
    try:
        with engines(closed / "var", durable=False):
            assert (elsewhere / "data" / "PG_VERSION").exists()
            assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(elsewhere)
