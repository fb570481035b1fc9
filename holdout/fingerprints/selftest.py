"""Does this installation find the codes that the registry finds? `python -m holdout.fingerprints.selftest`.

Prints each vector that differs and exits with 1, or with 0 if none does. With `--print` it prints what it
finds, in the form of `vectors.json`.
"""

import json
import sys
from typing import Any

from holdout.fingerprints import vectors


def differences(*, expected: dict[str, Any], found: dict[str, Any], path: str = "") -> list[str]:
    """One line for each value that is not the same in both, empty if they are equal."""
    lines = []
    for key in sorted(expected.keys() | found.keys()):
        left, right, here = expected.get(key), found.get(key), f"{path}/{key}"
        if isinstance(left, dict) and isinstance(right, dict):
            lines += differences(expected=left, found=right, path=here)
        elif left != right:
            lines.append(f"{here}: expected {left}, found {right}")
    return lines


def main(arguments: list[str]) -> int:
    """Exit status of the command line."""
    found = vectors.computed()
    if arguments == ["--print"]:
        print(json.dumps(found, indent=1))
        return 0
    lines = differences(expected=vectors.stored(), found=found)
    print("\n".join(lines) if lines else "All fingerprint vectors agree.")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
