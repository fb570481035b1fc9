"""The commands that need the product's processes or its engines. Each returns the exit code."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher import checks, children, failures, interrupts, paths, ports, supervisor
from launcher.engines import engines
from launcher.roles import HOST, all_roles, manage

TEST_SETTINGS = "config.settings.test"


def demo(arguments: Sequence[str]) -> int:
    """Run the product on a free port and the demonstration against it, then stop everything."""
    port = ports.free()
    # A registry of its own: what `serve` keeps must not fill up with the demonstration's fictions.
    with _product(port, var_dir=paths.var_dir() / "demo") as (running, environment):
        if not os.environ.get("DATABASE_URL"):
            # Its own database: what an earlier run, or an older Holdout, left in it is no part of the story.
            _manage_quietly(environment, "flush", "--no-input", doing="Emptying the database")
        story = children.spawn(manage("demo", "--url", _url(port), *arguments), environment=environment)
        try:
            while story.poll() is None:
                running.tend()
                time.sleep(supervisor.STEP)
        finally:
            supervisor.finish(story)
        return children.exit_code(story.returncode)


def serve(arguments: Sequence[str]) -> int:
    """Run the product until somebody stops it."""
    parser = argparse.ArgumentParser(prog="./run serve")
    parser.add_argument("--port", type=int, default=8000, help="where to listen on 127.0.0.1")
    port = parser.parse_args(arguments).port
    ports.check(port)
    try:
        with _product(port, var_dir=paths.var_dir(), echo=True) as (running, _):
            _say(f"Holdout answers at {_url(port)} - Ctrl-C stops it.")
            while True:
                running.tend()
                time.sleep(supervisor.STEP)
    except interrupts.Interrupted:
        return 0  # the way to end it


def run_manage(arguments: Sequence[str]) -> int:
    """Run a management command on the engines of `serve`."""
    with engines(paths.var_dir(), durable=True) as addresses:
        return _foreground(manage(*arguments), _environment(addresses, var_dir=paths.var_dir()))


def test(arguments: Sequence[str]) -> int:
    """Run pytest on engines of its own."""
    rest = [argument for argument in arguments if argument not in {"--fast", "--full"}]
    selection = ["-m", "not full"]
    extra = {"DJANGO_SETTINGS_MODULE": TEST_SETTINGS}
    if "--fast" in arguments:
        selection = ["-m", "not slow and not full"]
    elif "--full" in arguments:
        selection = []
        extra["HOLDOUT_HYPOTHESIS"] = "full"
    with _test_engines() as environment:
        return _foreground(
            [sys.executable, "-m", "pytest", "-n", "2", *selection, *rest], environment | extra
        )


def check(arguments: Sequence[str]) -> int:
    """Run every check, and tell which failed."""
    if arguments:
        raise failures.Failure("./run check takes no arguments.")
    with _test_engines() as environment:
        return checks.run_all(environment | {"DJANGO_SETTINGS_MODULE": TEST_SETTINGS})


@contextmanager
def _product(
    port: int, *, var_dir: Path, echo: bool = False
) -> Iterator[tuple[supervisor.Supervisor, dict[str, str]]]:
    """Engines, an up-to-date database and every role, ready to answer; everything is kept in `var_dir`."""
    _say("starting PostgreSQL and Valkey ...")
    with engines(var_dir, durable=True) as addresses:
        environment = _environment(addresses, var_dir=var_dir)
        _say("bringing the database up to date ...")
        _manage_quietly(environment, "migrate_locked", doing="Migrating the database")
        _say("starting Holdout ...")
        roles = all_roles(port=port, schedule=var_dir / "beat-schedule")
        with supervisor.supervised(
            roles, environment=environment, log_dir=var_dir / "log", echo=echo
        ) as running:
            running.await_ready(lambda: ports.is_ready(port))
            yield running, environment


@contextmanager
def _test_engines() -> Iterator[dict[str, str]]:
    """The environment for tests and checks: engines that forget, in a folder of their own."""
    var_dir = paths.var_dir() / "test"
    with engines(var_dir, durable=False) as addresses:
        yield _environment(addresses, var_dir=var_dir)


def _environment(addresses: dict[str, str], *, var_dir: Path) -> dict[str, str]:
    """What every process of ours is told; see `config/settings` for who reads it."""
    var_dir.mkdir(parents=True, exist_ok=True)
    defaults = {"DJANGO_SETTINGS_MODULE": "config.settings.dev"}
    return defaults | os.environ | addresses | {"HOLDOUT_VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1"}


def _manage_quietly(environment: dict[str, str], *arguments: str, doing: str) -> None:
    """Run a management command that has nothing to say unless it fails."""
    done = subprocess.run(
        manage(*arguments),
        cwd=paths.CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise failures.from_output(done.stdout, doing=doing, where=environment["HOLDOUT_VAR_DIR"])


def _foreground(argv: Sequence[str], environment: dict[str, str]) -> int:
    """Run a program that owns the terminal until it ends."""
    process = children.spawn(argv, environment=environment, terminal=True)
    interrupts.pass_on(process)
    code = children.exit_code(process.wait())
    interrupts.raise_once()
    return code


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # stdout belongs to the commands
