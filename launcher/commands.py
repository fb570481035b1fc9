"""The commands that need the product's processes or its engines. Each returns the exit code."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from launcher import (
    checks,
    children,
    failures,
    interrupts,
    locks,
    paths,
    ports,
    supervisor,
    system,
    usage,
)
from launcher.engines import Engines, engines, kept_engines
from launcher.roles import HOST, all_roles, manage

TEST_SETTINGS = "config.settings.test"
DEMO_SETTINGS = "config.settings.demo"
BENCHMARKS = paths.CHECKOUT / "benchmarks"
NO_BENCHMARKS = {
    "alterations",
    "baselines",
    "codes_fit",
    "cpu",
    "picture_baselines",
    "pictures",
    "plan_figures",
    "plots",
    "product",
    "registry",
    "results",
    "train_keypoints",
    "urls",
}


def demo(arguments: Sequence[str]) -> int:
    """Run the product on a free port and the demonstration against it, then stop everything."""
    parser = argparse.ArgumentParser(prog="./run demo", description=usage.COMMANDS["demo"])
    parser.add_argument(
        "--sabotage", action="store_true", help="withdraw one rule first: the comparison must notice"
    )
    options = ["--sabotage"] * parser.parse_args(arguments).sabotage
    port = ports.free()
    # A registry of its own: what `serve` keeps must not fill up with the demonstration's fictions. And an
    # empty one: what an earlier run, or an older Holdout, left in it is no part of the story.
    var_dir = paths.var_dir() / "demo"
    var_dir.mkdir(parents=True, exist_ok=True)
    taken = f"Another ./run demo is at work in {var_dir}; wait for it."
    with (
        locks.sole(var_dir / "demo.lock", otherwise=taken),
        _leaving_no_store(var_dir),
        _product(port, var_dir=var_dir, empty=True) as (running, environment),
    ):
        return _beside(running, manage("demo", "--url", _url(port), *options), environment)


def serve(arguments: Sequence[str]) -> int:
    """Run the product until somebody stops it."""
    parser = argparse.ArgumentParser(prog="./run serve")
    parser.add_argument("--port", type=int, default=8000, help="where to listen on 127.0.0.1")
    parser.add_argument("--demo", action="store_true", help="with demonstration data and one-click sign-in")
    given = parser.parse_args(arguments)
    port = given.port
    ports.check(port)
    var_dir, settings = (paths.var_dir(), "")
    if given.demo:
        var_dir, settings = paths.var_dir() / "demo-serve", DEMO_SETTINGS
    try:
        with _product(port, var_dir=var_dir, echo=True, settings=settings) as (running, environment):
            if given.demo and _beside(running, manage("seed_demo"), environment) != 0:
                raise failures.Failure("The demonstration's data could not be made; see above.")
            _say(f"Holdout answers at {_url(port)}{'/demo/' * given.demo} - Ctrl-C stops it.")
            while True:
                running.tend()
                time.sleep(supervisor.STEP)
    except interrupts.Interrupted:
        return 0  # the way to end it


def run_manage(arguments: Sequence[str]) -> int:
    """Run a management command on the engines of `serve`, whose database is brought up to date first."""
    with engines(paths.var_dir(), durable=True) as addresses:
        environment = _environment(addresses, var_dir=paths.var_dir())
        if not {"migrate", "migrate_locked"} & set(arguments):
            _manage_quietly(environment, "migrate_locked", doing="Migrating the database")
        return _foreground(manage(*arguments), environment)


def test(arguments: Sequence[str]) -> int:
    """Run pytest on engines of its own, or on Debian's."""
    rest = [argument for argument in arguments if argument not in {"--fast", "--full", "--system"}]
    selection = ["-m", "not full"]
    extra = {"DJANGO_SETTINGS_MODULE": TEST_SETTINGS}
    if "--fast" in arguments:
        selection = ["-m", "not slow and not full"]
    elif "--full" in arguments:
        selection = []
        extra["HOLDOUT_HYPOTHESIS"] = "full"
    with _debian_engines() if "--system" in arguments else _test_engines() as environment:
        return _foreground(
            [sys.executable, "-m", "pytest", "-n", "2", *selection, *rest], environment | extra
        )


def check(arguments: Sequence[str]) -> int:
    """Run every check, and tell which failed."""
    if arguments:
        raise failures.Failure("./run check takes no arguments.")
    with _test_engines() as environment:
        return checks.run_all(environment | {"DJANGO_SETTINGS_MODULE": TEST_SETTINGS})


def bench(arguments: Sequence[str]) -> int:
    """Run one benchmark: a module of `benchmarks/`, on durable engines and a database of their own."""
    name, *rest = arguments or [""]
    known = sorted({path.stem for path in BENCHMARKS.glob("[!_]*.py")} - NO_BENCHMARKS)
    if name not in known:
        raise failures.Failure(f"./run bench NAME, where NAME is one of: {', '.join(known)}")
    var_dir = paths.var_dir() / "bench"
    with engines(var_dir, durable=True) as addresses:
        environment = _environment(addresses, var_dir=var_dir)
        _manage_quietly(environment, "migrate_locked", doing="Migrating the database")
        return _foreground([sys.executable, "-m", f"benchmarks.{name}", *rest], environment)


def screenshots(arguments: Sequence[str]) -> int:
    """Take a picture of every page: two widths, light and dark, English and Chinese."""
    if arguments:
        raise failures.Failure("./run screenshots takes no arguments.")
    folder = paths.var_dir() / "screenshots"
    extra = {"DJANGO_SETTINGS_MODULE": TEST_SETTINGS, "HOLDOUT_SCREENSHOTS": str(folder)}
    with _test_engines() as environment:
        every_page = [sys.executable, "-m", "pytest", "-q", "tests/browser/test_every_page.py"]
        code = _foreground(every_page, environment | extra)
    _say(f"The pictures are in {folder}.")
    return code


def docs(arguments: Sequence[str]) -> int:
    """Build the documentation into var/docs; a broken link fails."""
    builder = str(Path(sys.executable).with_name("properdocs"))
    return _foreground([builder, "build", "--strict", *arguments], dict(os.environ))


class _Product:
    """All that runs; `tend` it often, or what dies stays dead."""

    def __init__(self, roles: supervisor.Supervisor, kept: Engines) -> None:
        self._roles = roles
        self._engines = kept

    def tend(self) -> None:
        self._roles.tend()
        for name in self._engines.revive():
            _say(f"{name} had ended and was started again.")


@contextmanager
def _product(
    port: int, *, var_dir: Path, echo: bool = False, settings: str = "", empty: bool = False
) -> Iterator[tuple[_Product, dict[str, str]]]:
    """Engines, an up-to-date database and every role, ready to answer; everything is kept in `var_dir`.

    With `empty`, engines of ours forget first what they hold.
    """
    _say("starting PostgreSQL and Valkey ...")
    # Compiling takes one processor for some seconds; meanwhile the engines start, the database is migrated.
    kernels = children.spawn([sys.executable, "-m", "holdout.warm"], environment=dict(os.environ))
    with kept_engines(var_dir, durable=True, empty=empty) as kept:
        environment = _environment(kept.addresses, var_dir=var_dir)
        if settings:
            environment["DJANGO_SETTINGS_MODULE"] = settings
        _say("bringing the database up to date ...")
        _manage_quietly(environment, "migrate_locked", doing="Migrating the database")
        if kernels.wait() != 0:
            raise failures.Failure("The kernels could not be compiled; see above.")
        _say("starting Holdout ...")
        roles = all_roles(port=port, schedule=var_dir / "beat-schedule")
        with supervisor.supervised(
            roles, environment=environment, log_dir=var_dir / "log", echo=echo
        ) as running:
            running.await_ready(lambda: ports.is_ready(port))
            yield _Product(running, kept), environment


@contextmanager
def _leaving_no_store(var_dir: Path) -> Iterator[None]:
    """Delete the store in the end, where the database is the demonstration's own."""
    try:
        yield
    finally:
        if not os.environ.get("DATABASE_URL"):
            # The next run begins with an empty one; no sweep would ever hear of these files.
            shutil.rmtree(var_dir / "store", ignore_errors=True)


@contextmanager
def _test_engines() -> Iterator[dict[str, str]]:
    """The environment for tests and checks: engines that forget, in a folder of their own."""
    var_dir = paths.var_dir() / "test"
    with engines(var_dir, durable=False) as addresses:
        yield _environment(addresses, var_dir=var_dir)


@contextmanager
def _debian_engines() -> Iterator[dict[str, str]]:
    """The environment for tests on Debian's own servers, whatever addresses the caller has set."""
    with system.engines() as addresses:
        _say(f"on {system.versions()}, over TCP")
        yield _environment(addresses, var_dir=paths.var_dir() / "test")


def _environment(addresses: dict[str, str], *, var_dir: Path) -> dict[str, str]:
    """What every process of ours is told; see `config/settings` for who reads it."""
    var_dir.mkdir(parents=True, exist_ok=True)
    # Our matrices are small: BLAS's threads would wait for each other five times as long as one works.
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    defaults = {"DJANGO_SETTINGS_MODULE": "config.settings.dev", **one_thread}
    return defaults | os.environ | addresses | {"HOLDOUT_VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1"}


def _beside(running: _Product, argv: Sequence[str], environment: dict[str, str]) -> int:
    """Run a program to its end while the product runs. Returns its exit code."""
    process = children.spawn(argv, environment=environment)
    try:
        while process.poll() is None:
            running.tend()
            time.sleep(supervisor.STEP)
    finally:
        supervisor.finish(process)
    return children.exit_code(process.returncode)


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
