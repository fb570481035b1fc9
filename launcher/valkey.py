"""An embedded Valkey: queues and caches of one state folder, in memory, reachable through a socket only."""

import contextlib
import signal
import socket
import subprocess
from pathlib import Path

from launcher import accounts, binaries, failures, folders, logs, processes

START_SECONDS = 20
STOP_SECONDS = 10


class Valkey:
    """The server of `state_dir`. Nothing in it outlives it: what must last is in PostgreSQL.

    Every method but `url` is called under the start lock of `launcher.engines`.
    """

    name = "Valkey"
    variable = "REDIS_URL"

    def __init__(self, state_dir: Path) -> None:
        self._account = accounts.me()
        self._folder = folders.sockets(state_dir, self._account)
        self._socket = self._folder / "valkey.sock"
        self._pid_file = state_dir / "valkey.pid"
        self._state_dir = state_dir
        self._log = state_dir / "log" / "valkey.log"
        self._process: subprocess.Popen[bytes] | None = None

    def url(self) -> str:
        """The address, in redis-py's form for a socket."""
        return f"unix://{self._socket}?db=0"

    def ensure_running(self) -> None:
        """Start the server unless it answers."""
        if self._answers():
            return
        self._end()  # a server that nobody can reach is in the way
        with logs.fresh(self._log) as log:
            self._process = self._account.start(self._argv(), log=log)
        running = self._process
        processes.wait_until(lambda: self._answers() or running.poll() is not None, seconds=START_SECONDS)
        if not self._answers():
            self._end()
            raise failures.from_output(
                logs.read(self._log), doing="Starting Valkey", where=str(self._state_dir)
            )

    def is_running(self) -> bool:
        """Whether there is a server process; it may be starting."""
        pid = self._pid()
        return pid is not None and processes.runs(pid, str(self._socket))

    def empty(self) -> None:
        """Make the running server forget what it holds."""
        if not self._ask(b"FLUSHALL").startswith(b"+OK"):
            raise failures.Failure("Valkey did not forget what an earlier run left in it; try again.")

    def stop(self) -> None:
        """End the server, whoever started it."""
        self._end()
        with contextlib.suppress(OSError):
            self._folder.rmdir()  # stays while another engine has its socket there

    def leave(self) -> None:
        """Let it run on for its other users."""
        processes.disown(self._process)

    def _end(self) -> None:
        pid = self._pid()
        if pid is not None:
            processes.stop(
                pid, str(self._socket), gently=signal.SIGTERM, firmly=signal.SIGKILL, patience=STOP_SECONDS
            )
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()  # ended before it wrote its process id, or not at all
            self._process.wait()
            self._process = None
        self._socket.unlink(missing_ok=True)

    def _pid(self) -> int | None:
        try:
            return int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _argv(self) -> list[str | Path]:
        return [
            binaries.valkey_server(),
            *("--port", "0"),
            *("--unixsocket", self._socket),
            *("--unixsocketperm", "700"),
            *("--dir", self._state_dir),
            *("--pidfile", self._pid_file),
            *("--save", ""),
            *("--appendonly", "no"),
            *("--maxmemory-policy", "noeviction"),  # a queue that forgets is worse than one that refuses
        ]

    def _answers(self) -> bool:
        return self._ask(b"PING").startswith(b"+PONG")

    def _ask(self, command: bytes) -> bytes:
        """The beginning of the answer; empty when there is none."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            try:
                connection.connect(str(self._socket))
                connection.sendall(command + b"\r\n")
                return connection.recv(16)
            except OSError:
                return b""
