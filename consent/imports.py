"""Many addresses at once, from a list, a table or a site map: of all of them the same is said."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from accounts.models import Organization
from consent import tasks
from consent.importing import add_lines
from consent.models import Import, ImportLine
from holdout.errors import InvalidInput, LimitReached
from holdout.ids import is_public_id
from holdout.vocabulary import Preferences
from registry.models import Declarant
from registry.services import default_declarant
from registry.sitemaps import MOST

_MOST_RUNNING: Final = 3
_MOST_A_DAY: Final = 50
MAX_BYTES: Final = 10 * 1024 * 1024
_COLUMNS: Final = frozenset({"url", "urls", "address", "link", "image", "image_url", "网址", "链接", "图片"})


def import_list(
    *, organization: Organization, octets: bytes, preferences: Preferences, terms_url: str, now: datetime
) -> Import:
    """Say `preferences` of every address in a text, a line each, or a CSV with a column of addresses.

    Returns at once. Raises InvalidInput (`list_empty`, `list_too_long`, `list_not_text`) and LimitReached.
    """
    targets = list(dict.fromkeys(_addresses(octets)))
    if not targets:
        raise InvalidInput("list_empty", "There is no address in it; give one in each line.")
    if len(targets) > MOST:
        raise InvalidInput("list_too_long", f"At most {MOST:,} addresses at once; send the rest as another.")
    declarant = default_declarant(organization=organization)
    with transaction.atomic():
        job = _new(declarant, preferences, terms_url, state=Import.State.RUNNING)
        add_lines(job, targets, now=now)
    return job


def import_sitemap(
    *, organization: Organization, url: str, preferences: Preferences, terms_url: str
) -> Import:
    """Say `preferences` of every picture that a site map lists; a worker fetches it. Returns at once."""
    declarant = default_declarant(organization=organization)
    with transaction.atomic():
        return _new(declarant, preferences, terms_url, state=Import.State.READING, sitemap=url)


def _new(
    declarant: Declarant, preferences: Preferences, terms_url: str, *, state: str, sitemap: str = ""
) -> Import:
    _refuse_too_many(declarant)
    values = {use.value: said.value for use, said in preferences.items()}
    transaction.on_commit(lambda: tasks.work_on_imports.delay(), robust=True)
    return Import.objects.create(
        declarant=declarant, preferences=values, terms_url=terms_url, state=state, sitemap=sitemap
    )


def _refuse_too_many(declarant: Declarant) -> None:
    """Site maps are fetched from hosts that somebody names: nobody shall have us fetch without end."""
    Declarant.objects.select_for_update().get(pk=declarant.pk)
    running = declarant.imports.filter(state__in=[Import.State.READING, Import.State.RUNNING])
    lately = declarant.imports.filter(created_at__gt=Now() - timedelta(days=1))
    if running.count() >= _MOST_RUNNING or lately.count() >= _MOST_A_DAY:
        raise LimitReached("too_many_imports", "Wait until the imports that run are done; or until tomorrow.")


def _addresses(octets: bytes) -> Iterator[str]:
    try:
        text = octets.decode("utf-8-sig").replace("\0", "")
    except UnicodeDecodeError as error:
        raise InvalidInput("list_not_text", "Save the list as UTF-8 text and send it again.") from error
    lines = text.splitlines()
    first = next(csv.reader(lines[:1]), [])
    column = next((at for at, name in enumerate(first) if name.strip().lower() in _COLUMNS), None)
    if column is None:
        yield from (stripped for row in lines if (stripped := row.strip()) and not stripped.startswith("#"))
        return
    try:
        for row in islice(csv.reader(io.StringIO(text)), 1, None):
            if len(row) > column and row[column].strip():
                yield row[column].strip()
    except csv.Error as error:
        raise InvalidInput("list_not_text", "The table cannot be read as CSV.") from error


def import_of(organization: Organization, public_id: str) -> Import | None:
    """One of a tenant's imports; None for any other text."""
    found = Import.objects.filter(declarant__organization=organization, public_id=public_id)
    return found.first() if is_public_id(public_id) else None


def imports_of(organization: Organization, *, most: int = 20) -> list[Import]:
    """A tenant's imports, newest first."""
    return list(Import.objects.filter(declarant__organization=organization).order_by("-pk")[:most])


def counts_of(job: Import) -> dict[str, int]:
    """How many lines of an import have each result."""
    found = job.lines.values("result").annotate(count=Count("pk"))
    return dict.fromkeys(ImportLine.Result.values, 0) | {row["result"]: row["count"] for row in found}
