"""`./run bench desk`: how long the creator's pages take when one tenant has 1,000,000 works.

Measured by a client on the same machine over one kept connection, signed in as that tenant.
"""

import argparse
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from accounts.models import User  # noqa: E402
from accounts.services import personal_organization  # noqa: E402
from benchmarks import product, registry, results  # noqa: E402
from benchmarks.overload import quantile  # noqa: E402
from consent.services import declare  # noqa: E402
from holdout.resolution import Assurance  # noqa: E402
from holdout.urls import KeyKind  # noqa: E402
from holdout.vocabulary import PRESETS  # noqa: E402
from ledger.models import LogEntry  # noqa: E402
from ledger.services import sequence_pending  # noqa: E402
from lookup.indexing import Indexer  # noqa: E402
from registry.models import Declarant, Locator, Work  # noqa: E402
from registry.services import authorize_locators, default_declarant, register_locators  # noqa: E402

_TIMES: Final = 20
_ID: Final = "translate(substr(md5({0} || '{1}'), 1, 25), '0189', 'ghij') || 'a'"
"""128 bits in base32: of the last letter only three bits count."""
_WORKS: Final = f"""
INSERT INTO registry_work (public_id, organization_id, declarant_id, title)
SELECT 'wrk_' || {_ID.format("n", "w")}, %(organization)s, %(declarant)s, 'Work ' || n FROM generate_series(1, %(works)s) n
"""  # noqa: S608, E501
_STATEMENTS: Final = f"""
INSERT INTO consent_statement (public_id, declarant_id, work_id, train_gen, train_other, ai_input, tdm, search, terms_url, vouched)
SELECT 'stm_' || {_ID.format("id", "s")}, declarant_id, id, 'deny', 'deny', 'deny', 'deny', '', '', false FROM registry_work
WHERE NOT EXISTS (SELECT FROM consent_statement s WHERE s.work_id = registry_work.id)
"""  # noqa: S608, E501
_ENTRIES: Final = """
INSERT INTO ledger_logentry (log, index, entry_type, record_id, time_ms, commitment, leaf_hash)
SELECT 'declarations', row_number() OVER (ORDER BY id) - 1 + %(next)s, 'statement', public_id, 1767225600000,
    sha256(public_id::bytea), sha256(public_id::bytea) FROM consent_statement
WHERE public_id NOT IN (SELECT record_id FROM ledger_logentry)
"""


def load(works: int) -> User:
    """A tenant with so many works, each with a statement in the log, and a proven site."""
    registry.empty()
    user = User.objects.create_user("many@works.example")
    declarant = default_declarant(organization=personal_organization(user=user))
    # One as they are really made: the page of a work shows its receipt, which made-up entries have not.
    work = Work.objects.create(organization=declarant.organization, declarant=declarant)
    declare(declarant=declarant, subject=work, preferences=PRESETS["no-ai"])
    _site(declarant)
    while sequence_pending():
        pass
    with connection.cursor() as cursor:
        cursor.execute(
            _WORKS,
            {"organization": declarant.organization_id, "declarant": declarant.pk, "works": works},
        )
        cursor.execute(_STATEMENTS)
        cursor.execute(_ENTRIES, {"next": LogEntry.objects.count()})
        cursor.execute("ANALYZE")
    return user


def _site(declarant: Declarant) -> Locator:
    (site,) = register_locators(declarant=declarant, targets=[(KeyKind.DOMAIN, "works.example")])
    authorize_locators(declarant=declarant, locators=[site], level=Assurance.L3, method="operator")
    return site


def pages(works: int) -> dict[str, str]:
    """What is asked, by the name of its figure."""
    work, place = Work.objects.order_by("pk")[0], Locator.objects.get()
    return {
        "home": "/",
        "overview": "/overview/",
        "works": "/works/",
        "works_in_the_middle": f"/works/?page={works // 40}",
        "work": f"/works/{work.public_id}/",
        "new_work": "/works/new",
        "many": "/works/many",
        "all_works": "/works/all",
        "places": "/places/",
        "place": f"/places/{place.public_id}/",
        "new_import": "/imports/new",
        "data": "/account/data",
    }


def main(argv: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="./run bench desk", description=__doc__)
    parser.add_argument("--works", type=int, default=1_000_000)
    works = parser.parse_args(argv).works
    user = load(works)
    call_command("collectstatic", interactive=False, verbosity=0)
    with Indexer() as indexer:
        while indexer.catch_up():
            pass
    browser = Client()
    browser.force_login(user)
    cookie = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    figures = {"works": float(works)}
    with (
        tempfile.TemporaryDirectory() as folder,
        product.running("web", "indexer", schedule=Path(folder) / "b") as web,
    ):
        web.await_ready()
        for name, path in pages(works).items():
            took = [_asked(web.port, path, cookie) for _ in range(_TIMES)]
            figures |= {f"{name}_first_ms": took[0], f"{name}_p95_ms": quantile(took, 0.95)}
    results.write("desk", figures)
    return 0


def _asked(port: int, path: str, headers: dict[str, str]) -> float:
    one = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    one.request("GET", path, headers=headers)
    answer = one.getresponse()
    answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answers {answer.status}")
    one.close()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
