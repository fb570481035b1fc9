"""The commands that a document tells its reader to type."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SERVER = "http://127.0.0.1:8000"
"""Where the documents suppose that `./run serve` listens."""

_SHELLS = {"", "bash", "sh", "shell"}
_COMMENT = re.compile(r"(^|\s+)#\s[^'\"]*$")  # before a quotation mark it may stand in a string


def commands(text: str) -> list[str]:
    """What stands in indented and fenced blocks, in its order; one may have lines, comments are no part."""
    found: list[str] = []
    for block in _blocks(text.splitlines()):
        begun = ""
        for line in block:
            begun = f"{begun}\n{line}" if begun else line
            if _is_whole(begun):
                found.append(begun)
                begun = ""
        assert not begun, f"no shell reads this: {begun}"
    return [bare for command in found if (bare := _COMMENT.sub("", command))]


def inline(text: str) -> list[str]:
    """What the sentences themselves tell to type: `./run ...`."""
    return re.findall(r"`(\./run [^`]+)`", text)


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    fence: str | None = None
    block: list[str] = []
    for line in [*lines, ""]:
        if mark := re.fullmatch(r"\s*```\s*(\w*).*", line):
            if fence in _SHELLS:
                yield block
            fence, block = (mark[1] if fence is None else None), []
        elif fence is not None or line.startswith("    "):
            block.append(line if fence is not None else line[4:])
        else:
            yield block
            block = []


def _is_whole(command: str) -> bool:
    """Whether a shell would begin, or ask for another line; nothing is run."""
    if command.endswith("\\"):
        return False
    return subprocess.run(["bash", "-n", "-c", command], capture_output=True, check=False).returncode == 0
