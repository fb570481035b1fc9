"""Keeps the product's processes running, and ends them together."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher import children, logs
from launcher.failures import Failure
from launcher.roles import Role

READY_SECONDS = 90.0
STOP_SECONDS = 10.0
STEP = 0.1
SHORTEST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


class _Running:
    """One role and its process. A process that dies soon is started again after ever longer pauses."""

    def __init__(self, role: Role, *, environment: Mapping[str, str], log: Path) -> None:
        self.role = role
        self.log = log
        self._environment = {**role.environment, **environment}
        self._pause = SHORTEST_PAUSE / 2
        self._start_at = 0.0
        logs.fresh(log).close()
        self._follower = logs.Follower(log)
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = children.spawn(self.role.argv, environment=self._environment, log=log)
        self._started = time.monotonic()
        self._end_seen = False

    def new_lines(self) -> list[str]:
        return self._follower.new_lines()

    def tend(self) -> str | None:
        """Start the process again when it is time to; the words to tell when it has just died."""
        code = self.process.poll()
        if code is None:
            return None
        now = time.monotonic()
        if not self._end_seen:
            self._end_seen = True
            self.kill()  # what it left behind
            lasted = now - self._started > LONGEST_PAUSE
            self._pause = SHORTEST_PAUSE if lasted else min(self._pause * 2, LONGEST_PAUSE)
            self._start_at = now + self._pause
            return f"ended ({_how(code)}); it starts again in {self._pause:.0f} s, see {self.log}"
        if now >= self._start_at:
            self.start()
        return None

    def ask_to_end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the process and all that it started: each role leads a process group of its own."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Supervisor:
    """Runs roles; made by `supervised`. `tell` gets a role's name and a line; logs are in `log_dir`."""

    def __init__(
        self,
        roles: Sequence[Role],
        *,
        environment: Mapping[str, str],
        log_dir: Path,
        tell: Callable[[str, str], None],
        echo: bool,
    ) -> None:
        self._roles = roles
        self._environment = environment
        self._log_dir = log_dir
        self._tell = tell
        self._echo = echo
        self._running: list[_Running] = []

    def start(self) -> None:
        """Start every role."""
        for role in self._roles:
            log = self._log_dir / f"{role.name}.log"
            self._running.append(_Running(role, environment=self._environment, log=log))

    def await_ready(self, ready: Callable[[], bool], *, seconds: float = READY_SECONDS) -> None:
        """Wait until `ready`; Failure with the end of a log when a role dies first or it takes too long."""
        deadline = time.monotonic() + seconds
        while not ready():
            self._show_logs()
            for one in self._running:
                code = one.process.poll()
                if code is not None:
                    raise Failure(f"{one.role.name} ended ({_how(code)}):\n{logs.tail(one.log)}")
            if time.monotonic() > deadline:
                first = self._running[0]
                raise Failure(
                    f"{first.role.name} is not ready after {seconds:.0f} s:\n{logs.tail(first.log)}"
                )
            time.sleep(STEP)

    def tend(self) -> None:
        """Do what there is to do now: show new log lines, start again what has died. Call it often."""
        self._show_logs()
        for one in self._running:
            news = one.tend()
            if news and not self._echo:
                news = f"{news}\n{logs.tail(one.log)}"
            if news:
                self._tell(one.role.name, news)

    def stop(self) -> None:
        """End every role: ask, wait, then kill."""
        for one in self._running:
            one.ask_to_end()
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(one.process.poll() is None for one in self._running):
            time.sleep(STEP)
        for one in self._running:
            one.kill()
        self._show_logs()

    def _show_logs(self) -> None:
        if self._echo:
            for one in self._running:
                for line in one.new_lines():
                    self._tell(one.role.name, line)


@contextmanager
def supervised(
    roles: Sequence[Role], *, environment: Mapping[str, str], log_dir: Path, echo: bool
) -> Iterator[Supervisor]:
    """Run `roles` while the block does. With `echo` their logs also go to the terminal."""
    width = max(len(role.name) for role in roles)

    def tell(name: str, line: str) -> None:
        print(f"{name:<{width}} | {line}", file=sys.stderr, flush=True)

    supervisor = Supervisor(roles, environment=environment, log_dir=log_dir, tell=tell, echo=echo)
    try:
        supervisor.start()
        yield supervisor
    finally:
        supervisor.stop()


def finish(process: subprocess.Popen[bytes]) -> None:
    """End a process that is not needed any more."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
