"""`./run bench freshness`: how long after a declaration's answer does every process deny?

Two web processes with lookups going on beside. Each declaration is said as the pages say it; the clock runs
from the moment at which the creator would have been answered until both processes deny its URL.
"""

import json
import os
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django.setup()


from accounts.models import Organization  # noqa: E402
from accounts.services import issue_key  # noqa: E402
from benchmarks import product, registry, results  # noqa: E402
from benchmarks.overload import quantile  # noqa: E402
from benchmarks.urls import urls  # noqa: E402
from consent.services import declare  # noqa: E402
from holdout.urls import KeyKind  # noqa: E402
from holdout.vocabulary import PRESETS  # noqa: E402
from ledger.services import wait_for_entry  # noqa: E402
from registry.models import Declarant  # noqa: E402
from registry.services import register_locators  # noqa: E402

_DECLARATIONS = 200
_GIVE_UP_SECONDS = 60.0


def main(_argv: Sequence[str] = ()) -> int:
    registry.load(urls=100_000, rules=20_000)
    vendor = Organization.objects.create(name="Benchmark vendor", side=Organization.Side.VENDOR)
    key = issue_key(organization=vendor, name="bench")[1]
    with tempfile.TemporaryDirectory() as folder:
        schedule = Path(folder) / "beat"
        with (
            product.running("web", "sequencer", "indexer", schedule=schedule) as one,
            product.running("web", schedule=schedule) as other,
        ):
            webs = (one, other)
            for web in webs:
                web.await_ready()
            stop = threading.Event()
            load = [threading.Thread(target=keep_asking, args=(web, key, stop)) for web in webs]
            for thread in load:
                thread.start()
            seen = [declared(number, webs) for number in range(_DECLARATIONS)]
            stop.set()
            for thread in load:
                thread.join()
    results.write(
        "freshness",
        {
            "visible_p50_s": quantile(seen, 0.5),
            "visible_p99_s": quantile(seen, 0.99),
            "visible_max_s": max(seen),
        },
    )
    return 0


def keep_asking(web: product.Product, key: str, stop: threading.Event) -> None:
    body = urls(2_000, seed=9)
    while not stop.wait(0.05):
        try:
            web.post("/v1/lookups?answers=hits", key, "text/plain", body)
        except urllib.error.HTTPError as error:
            error.close()


def declared(number: int, webs: Sequence[product.Product]) -> float:
    """Seconds from the answer to a declaration until every process denies."""
    declarant = Declarant.objects.order_by("pk")[number % 100]
    url = f"https://fresh{number}.example/picture.jpg"
    (locator,) = register_locators(declarant=declarant, targets=[(KeyKind.URL, url)])
    statement = declare(declarant=declarant, subject=locator, preferences=PRESETS["no-ai"])
    wait_for_entry(record_id=statement.public_id, timeout_seconds=30)
    answered = time.monotonic()
    waiting = list(webs)
    while waiting:
        waiting = [web for web in waiting if not denies(web, url)]
        if time.monotonic() - answered > _GIVE_UP_SECONDS:
            raise SystemExit(f"{url} was not denied within a minute.")
    return time.monotonic() - answered


def denies(web: product.Product, url: str) -> bool:
    try:
        answer = json.loads(web.get(f"/v1/status?url={urllib.parse.quote(url, safe='')}"))
    except urllib.error.HTTPError as error:
        error.close()
        return False
    return bool(answer["uses"]["train_gen"] == "deny")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
