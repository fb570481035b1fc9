"""Debian's own PostgreSQL and Redis, for one run of the tests: what a managed service looks like.

The embedded engines are newer and sit behind sockets. These are the oldest that Holdout supports, and they
are reached as in production: over TCP (of the loopback address), with a password.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from launcher import accounts, failures, logs, ports, processes
from launcher.accounts import Account
from launcher.failures import Failure
from launcher.roles import HOST

POSTGRES = Path("/usr/lib/postgresql")
REDIS = Path("/usr/bin/redis-server")
START_SECONDS = 30.0
STOP_SECONDS = 10.0

_MISSING = (
    "Debian's {programs} cannot be found. As root:"
    " apt-get install --no-install-recommends postgresql redis-server"
)
_POSTGRES_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    # Nothing in it outlives the run.
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@contextmanager
def engines() -> Iterator[dict[str, str]]:
    """Yield DATABASE_URL and REDIS_URL of servers that run, and whose data exists, while the block does.

    Raises Failure when the packages are missing or a server does not start.
    """
    postgres, redis = _programs()
    account = accounts.for_postgres()
    folder = Path(tempfile.mkdtemp(prefix="holdout-system-"))
    password = secrets.token_hex(16)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        _give(folder, account)
        database_port = stack.enter_context(_postgres(postgres, folder, account, password))
        redis_port = stack.enter_context(_redis(redis, folder, account, password))
        yield {
            "DATABASE_URL": f"postgresql://holdout:{password}@{HOST}:{database_port}/postgres",
            "REDIS_URL": f"redis://:{password}@{HOST}:{redis_port}/0",
        }


def versions() -> str:
    """The servers' own words about themselves."""
    postgres, redis = _programs()
    told = [subprocess.check_output([program, "--version"], text=True) for program in (postgres, redis)]
    return " and ".join(" ".join(line.split()[:3]) for line in told)


def _programs() -> tuple[Path, Path]:
    """`postgres`, of the newest version that is installed, and `redis-server`."""
    found = sorted(POSTGRES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    missing = [name for name, there in (("PostgreSQL", bool(found)), ("Redis", REDIS.exists())) if not there]
    if missing:
        raise Failure(_MISSING.format(programs=" and ".join(missing)))
    return found[-1], REDIS


@contextmanager
def _postgres(program: Path, folder: Path, account: Account, password: str) -> Iterator[int]:
    data, port = folder / "data", ports.free()
    made = account.run(
        [
            program.with_name("initdb"),
            *("--no-sync", "--locale=C", "--encoding=UTF8", "--auth=scram-sha-256", "--username=holdout"),
            f"--pwfile={_write(folder / 'password', password, account)}",
            f"--pgdata={data}",
        ]
    )
    if made.returncode != 0:
        raise failures.from_output(made.stdout, doing="Making the PostgreSQL cluster", where=str(folder))
    settings = _POSTGRES_SETTINGS | {"port": str(port)}
    argv: list[str | Path] = [program, "-D", data]
    argv += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    is_ready: list[str | Path] = [program.with_name("pg_isready"), "--host", HOST, "--port", str(port)]
    with _server(
        "PostgreSQL",
        argv,
        account,
        log=folder / "postgres.log",
        answers=lambda: account.run(is_ready).returncode == 0,
        end=signal.SIGINT,
    ):
        yield port


@contextmanager
def _redis(program: Path, folder: Path, account: Account, password: str) -> Iterator[int]:
    port = ports.free()
    settings = {
        "bind": HOST,
        "port": str(port),
        "dir": str(folder),
        "requirepass": password,
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    text = "".join(f"{name} {value}\n" for name, value in settings.items())
    with _server(
        "Redis",
        [program, _write(folder / "redis.conf", text, account)],
        account,
        log=folder / "redis.log",
        answers=lambda: _accepts(port),
        end=signal.SIGTERM,
    ):
        yield port


@contextmanager
def _server(
    name: str,
    argv: list[str | Path],
    account: Account,
    *,
    log: Path,
    answers: Callable[[], bool],
    end: signal.Signals,
) -> Iterator[None]:
    """Run a server while the block does; it goes on `end`, or is killed."""
    with logs.fresh(log) as output:
        process = account.start(argv, log=output, ends_with_us=True)
    try:
        processes.wait_until(lambda: process.poll() is not None or answers(), seconds=START_SECONDS)
        if process.poll() is not None or not answers():
            raise failures.from_output(
                logs.read(log), doing=f"Starting Debian's {name}", where=str(log.parent)
            )
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write(path: Path, text: str, account: Account) -> Path:
    """A file that `account` alone can read."""
    path.touch(mode=0o600)
    path.write_text(text)
    _give(path, account)
    return path


def _give(path: Path, account: Account) -> None:
    if not account.is_me:
        os.chown(path, account.uid, account.gid)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
