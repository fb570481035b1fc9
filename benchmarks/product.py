"""The product's own processes, for a benchmark: as `./run serve` starts them, on the benchmark's engines."""

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks import results
from benchmarks.overload import await_ready, environment
from launcher.roles import all_roles


class Product:
    """Roles that run; made by `running`."""

    def __init__(self, names: Sequence[str], schedule: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        roles = {role.name: role for role in all_roles(port=self.port, schedule=schedule)}
        self._argv = {name: roles[name].argv for name in names}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in names:
            self.start(name)

    def start(self, name: str) -> None:
        self.processes[name] = subprocess.Popen(
            self._argv[name],
            cwd=results.CHECKOUT,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that its children can be ended with it
        )

    def kill(self, name: str) -> None:
        """End a role and its children at once, without a word to them."""
        with suppress(ProcessLookupError):
            os.killpg(self.processes[name].pid, signal.SIGKILL)
        self.processes[name].wait()

    def tend(self) -> None:
        """Start again what has ended by itself, as `./run serve` and compose do."""
        for name, process in self.processes.items():
            if process.poll() is not None:
                print(f"  {name} had ended with {process.returncode}", flush=True)
                self.start(name)

    def pids(self) -> list[int]:
        return [process.pid for process in self.processes.values()]

    def await_ready(self) -> None:
        await_ready(self.port)

    def post(self, path: str, key: str, kind: str, body: bytes) -> bytes:
        """A request with a key; raises `urllib.error.HTTPError` for a refusal."""
        return self._answer(
            urllib.request.Request(
                f"http://127.0.0.1:{self.port}{path}",
                data=body,
                headers={"Authorization": f"Bearer {key}", "Content-Type": kind},
            )
        )

    def get(self, path: str, key: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self._answer(urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers))

    def _answer(self, request: urllib.request.Request) -> bytes:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            body: bytes = answer.read()
        return body

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for name, process in self.processes.items():
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            self.kill(name)


@contextmanager
def running(*names: str, schedule: Path) -> Iterator[Product]:
    """Run these roles while the block does."""
    product = Product(names, schedule)
    try:
        yield product
    finally:
        product.stop()
