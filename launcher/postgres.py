"""An embedded PostgreSQL: one cluster per state folder, reachable through a socket only."""

import contextlib
import signal
import subprocess
from pathlib import Path

from launcher import accounts, binaries, failures, folders, logs, processes
from launcher.failures import Failure

MAJOR = "18"
DATABASE = "holdout"
START_SECONDS = 60
STOP_SECONDS = 30

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_CREATE_DATABASE = """
    SELECT 'CREATE DATABASE holdout'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'holdout') \\gexec
"""
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

_STATUS_LINE = 7  # of postmaster.pid: how far the start has come


class Postgres:
    """The cluster of `state_dir`. `durable=False` trades safety against power cuts for speed (tests).

    Every method but `url` is called under the start lock of `launcher.engines`.
    """

    name = "PostgreSQL"
    variable = "DATABASE_URL"

    def __init__(self, state_dir: Path, *, durable: bool) -> None:
        self._account = accounts.for_postgres()
        self._sockets = folders.sockets(state_dir, self._account)
        self._home = self._make_home(state_dir)
        self._data = self._home / "data"
        self._socket = self._sockets / f".s.PGSQL.{_SETTINGS['port']}"
        self._log = state_dir / "log" / "postgres.log"
        self._settings = _SETTINGS | ({} if durable else _FORGETFUL)
        self._process: subprocess.Popen[bytes] | None = None

    def url(self) -> str:
        """The libpq address of the database."""
        return f"postgresql://{DATABASE}@/{DATABASE}?host={self._sockets}&port={_SETTINGS['port']}"

    def ensure_running(self) -> None:
        """Start the server unless it runs, making the cluster and the database when they are missing."""
        programs = binaries.postgres_programs(self._account)
        if not self._is_up():
            self._end()  # a server that nobody can reach is in the way
            if not (self._data / "PG_VERSION").exists():
                self._create_cluster(programs)
            self._check_version()
            self._start(programs)
        self._ensure_database(programs)

    def is_running(self) -> bool:
        """Whether there is a server process; it may be starting."""
        pid_file, _ = self._lock_files()
        return self._is_of_a_server(_lines(pid_file))

    def empty(self) -> None:
        """Throw the running server's database away and make a new one; whoever uses it is cut off."""
        programs = binaries.postgres_programs(self._account)
        self._ask(programs, f"DROP DATABASE {DATABASE} WITH (FORCE)", doing="Emptying the database")
        self._ensure_database(programs)

    def stop(self) -> None:
        """End the server, whoever started it; open connections are closed."""
        self._end()
        with contextlib.suppress(OSError):
            self._sockets.rmdir()  # stays while another engine has its socket there

    def leave(self) -> None:
        """Let it run on for its other users."""
        processes.disown(self._process)

    def _end(self) -> None:
        # The socket's lock finds a server whose data folder has been deleted under it.
        pids = {_first_line_pid(lock_file) for lock_file in self._lock_files()}
        if self._process is not None:
            pids.add(self._process.pid)
        for pid in pids:
            if pid is not None:
                processes.stop(
                    pid, str(self._data), gently=signal.SIGINT, firmly=signal.SIGQUIT, patience=STOP_SECONDS
                )
        if self._process is not None:
            self._process.wait()
            self._process = None

    def _make_home(self, state_dir: Path) -> Path:
        if self._account.is_me or self._account.reaches(state_dir):
            return folders.own(state_dir / "postgres", self._account)
        return folders.long_lived(state_dir, self._account)

    def _create_cluster(self, programs: Path) -> None:
        # Made aside and renamed: an interrupted initdb leaves a folder that looks like a cluster.
        unfinished = self._home / "unfinished"
        self._account.run(["rm", "-rf", "--", unfinished])
        made = self._account.run(
            [
                programs / "initdb",
                "--no-sync",  # the files reach the disk within seconds; until then there is nothing to lose
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",  # the same collation on every machine
                "--encoding=UTF8",
                "--auth=trust",  # whoever reaches the socket is its owner: the folder is 0700
                f"--username={DATABASE}",
                f"--pgdata={unfinished}",
            ]
        )
        if made.returncode != 0:
            raise failures.from_output(
                made.stdout, doing="Making the PostgreSQL cluster", where=str(self._home)
            )
        unfinished.rename(self._data)

    def _check_version(self) -> None:
        found = (self._data / "PG_VERSION").read_text().strip()
        if found != MAJOR:
            raise Failure(
                f"The data in {self._data} is of PostgreSQL {found}, and this is {MAJOR}. Move the"
                " folder away to start empty; to keep the data, dump it with the Holdout that wrote it."
            )

    def _start(self, programs: Path) -> None:
        self._forget_dead_server()
        settings = self._settings | {"unix_socket_directories": str(self._sockets)}
        argv: list[str | Path] = [programs / "postgres", "-D", self._data]
        argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with logs.fresh(self._log) as log:
            self._process = self._account.start(argv, log=log)
        running = self._process
        processes.wait_until(lambda: self._is_up() or running.poll() is not None, seconds=START_SECONDS)
        if not self._is_up():
            self._end()
            raise failures.from_output(
                logs.read(self._log), doing="Starting PostgreSQL", where=str(self._home)
            )

    def _forget_dead_server(self) -> None:
        """Wait for what is left of a killed server, and remove lock files that would mislead a new one.

        A new server refuses to start beside processes of the old one. It recognises a process that has gone,
        yet is misled by another program that has the number now (a restarted container) and by a dead process
        that nobody has collected (a container's init).
        """
        for lock_file in self._lock_files():
            pid = _first_line_pid(lock_file)
            if pid is None or processes.runs(pid, str(self._data)):
                continue
            gone = processes.wait_until(lambda: not processes.working_in(self._data), seconds=STOP_SECONDS)
            if gone and processes.exists(pid):
                lock_file.unlink(missing_ok=True)

    def _ensure_database(self, programs: Path) -> None:
        self._ask(programs, _CREATE_DATABASE, doing="Making the database")

    def _ask(self, programs: Path, sql: str, *, doing: str) -> None:
        address = f"postgresql://{DATABASE}@/postgres?host={self._sockets}&port={_SETTINGS['port']}"
        done = self._account.run([programs / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", address], input=sql)
        if done.returncode != 0:
            raise failures.from_output(done.stdout, doing=doing, where=str(self._home))

    def _is_up(self) -> bool:
        pid_file, _ = self._lock_files()
        lines = _lines(pid_file)  # once: a starting server puts its own file in place of a dead one's
        return (
            len(lines) > _STATUS_LINE
            and lines[_STATUS_LINE].strip() == "ready"
            and self._socket.exists()
            and self._is_of_a_server(lines)
        )

    def _is_of_a_server(self, lines: list[str]) -> bool:
        pid = _leading_pid(lines)
        return pid is not None and processes.runs(pid, str(self._data))

    def _lock_files(self) -> tuple[Path, Path]:
        """Where a server leaves its process id: beside its data, and beside its socket."""
        return self._data / "postmaster.pid", self._socket.with_name(self._socket.name + ".lock")


def _first_line_pid(path: Path) -> int | None:
    return _leading_pid(_lines(path))


def _leading_pid(lines: list[str]) -> int | None:
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
