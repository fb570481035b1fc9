"""`python -m launcher.health`: is the role in this container well? Exit code 0 if so; compose asks.

It imports the standard library only, so asking costs next to nothing.
"""

import argparse
import http.client
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_PATIENCE = 5.0  # seconds for the web server's answer


def main(argv: Sequence[str]) -> int:
    """0 when well, 1 with a sentence when not."""
    parser = argparse.ArgumentParser(prog="python -m launcher.health")
    ways = parser.add_subparsers(dest="way", required=True)
    web = ways.add_parser("web", help="does the web server here answer /readyz?")
    web.add_argument("--port", type=int, default=8000)
    heartbeat = ways.add_parser("heartbeat", help="was HOLDOUT_HEARTBEAT_FILE touched lately?")
    heartbeat.add_argument("--seconds", type=float, default=30)
    options = parser.parse_args(argv)
    if options.way == "web":
        trouble = trouble_of_web(options.port, hosts=os.environ.get("ALLOWED_HOSTS", ""))
    else:
        trouble = trouble_of_heartbeat(Path(os.environ["HOLDOUT_HEARTBEAT_FILE"]), seconds=options.seconds)
    if trouble:
        print(trouble, file=sys.stderr)
    return 1 if trouble else 0


def trouble_of_web(port: int, *, hosts: str) -> str:
    """What is wrong with the web server on `port` of this machine; empty when it can answer lookups.

    It answers to its own `hosts` only (ALLOWED_HOSTS), so it is called by the first of them.
    """
    first = hosts.split(",")[0].strip()
    name = "localhost" if first == "*" else first.removeprefix(".") or "localhost"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("GET", "/readyz", headers={"Host": name})
        answer = connection.getresponse()
        return "" if answer.status == 200 else f"/readyz answers {answer.status}: {answer.read(500)!r}"
    except (OSError, http.client.HTTPException) as error:
        return f"/readyz does not answer: {error!r}"
    finally:
        connection.close()


def trouble_of_heartbeat(file: Path, *, seconds: float) -> str:
    """What is wrong with the process that touches `file`; empty when it did within `seconds`."""
    try:
        age = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return "no heartbeat yet"
    return "" if age <= seconds else f"the last heartbeat was {age:.0f} s ago"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
