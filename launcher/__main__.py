"""`python -m launcher COMMAND ARGUMENTS`: what `./run` turns into once the environment stands."""

import sys
from collections.abc import Callable, Sequence

from launcher import commands, failures, interrupts, usage

_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": commands.demo,
    "serve": commands.serve,
    "test": commands.test,
    "check": commands.check,
    "manage": commands.run_manage,
    "bench": commands.bench,
    "screenshots": commands.screenshots,
    "docs": commands.docs,
}


def main(argv: Sequence[str]) -> int:
    """Run the command; 2 when there is something for the caller to mend, told in a sentence."""
    interrupts.raise_once()
    name, *arguments = argv or ["help"]
    if name not in _COMMANDS:
        print(usage.text())
        return 0 if name == "help" else 2
    try:
        return _COMMANDS[name](arguments)
    except failures.Failure as failure:
        print(failure, file=sys.stderr)
        return 2
    except interrupts.Interrupted as interrupted:
        return interrupted.exit_code
    except OSError as error:
        failure_or_none = failures.from_os_error(error)
        if failure_or_none is None:
            raise
        print(failure_or_none, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
