"""The commands of `./run`, and how they are told."""

from collections.abc import Iterator

COMMANDS = {
    "demo": "run the whole story once, on real engines, and stop: the place to begin",
    "serve": "run the product until Ctrl-C (--port 8000; --demo: with data and one-click logins)",
    "test": "run the tests (--fast: no slow ones, --full: with long fuzzing, --system: on Debian's\n"
    "PostgreSQL and Redis over TCP; the rest is for pytest)",
    "check": "lint, types, layers, migrations, settings of production",
    "manage": "run a Django management command on the same engines as serve",
    "bench": "measure: ./run bench NAME runs benchmarks/NAME.py, results go to benchmarks/results",
    "docs": "build the documentation into var/docs",
    "screenshots": "a picture of every page into var/screenshots (needs Chromium)",
    "lock": "recompile requirements.txt and requirements-dev.txt",
    "help": "this text",
}

FOOTER = """\
The first start makes .venv and installs into it; later starts skip that. PostgreSQL and Valkey come along as
packages and keep their data in var/; set DATABASE_URL and REDIS_URL to use your own instead."""


def text() -> str:
    """The help text, one line for each command."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {line}" for name, line in _lines()]
    return "\n".join(["usage: ./run COMMAND [ARGUMENTS]", "", *lines, "", FOOTER])


def _lines() -> Iterator[tuple[str, str]]:
    """Each line of what is told about the commands, the first of a command with its name."""
    for name, purpose in COMMANDS.items():
        first, *rest = purpose.split("\n")
        yield name, first
        yield from (("", line) for line in rest)
