"""The staff area follows the visitor's language, down to the names of columns and values."""

import re
from html.parser import HTMLParser

import pytest
from django.db import models
from django.test import Client

from accounts.models import Organization
from lookup.models import LookupJob
from registry.models import Declarant
from tests.staff.test_actions import act, job_of
from tests.staff.test_tables import NAMES, TABLES, address, fill

pytestmark = pytest.mark.django_db

CHINESE = re.compile("[一-鿿]")


class Names(HTMLParser):
    """The texts of headings, column heads, labels, links and buttons."""

    NAMING = {"h1", "h2", "th", "label", "button", "option", "summary", "caption"}

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "html":
            self.language = given["lang"]
        if tag in self.NAMING and "lang" not in given and "field-" not in (given.get("class") or ""):
            self._inside = tag
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.texts[-1] += data.strip()


def in_chinese(desk: Client, path: str) -> Names:
    answer = desk.get(path, headers={"Accept-Language": "zh-CN"})
    assert answer.status_code == 200
    return Names(answer.content.decode())


def is_chinese(text: str) -> bool:
    return bool(CHINESE.search(text)) or not re.search("[a-zA-Z]", text)


@pytest.mark.parametrize("model", TABLES, ids=NAMES)
def test_every_name_in_a_table_is_chinese_for_who_reads_chinese(
    desk: Client, alice: Declarant, vera: Organization, model: type[models.Model]
) -> None:
    fill(alice, vera, 1)
    row = model._default_manager.order_by("pk").last()
    assert row is not None
    for path in ("/staff/", address(model), address(model, row.pk, "change")):
        page = in_chinese(desk, path)
        assert page.language == "zh-hans"
        assert len(page.texts) > 3
        names = [text for text in page.texts if text != str(row)]
        assert [name for name in names if not is_chinese(name)] == [], path


def test_the_same_names_are_english_for_everybody_else(desk: Client) -> None:
    page = desk.get("/staff/ledger/pendingentry/", headers={"Accept-Language": "fr"}).content.decode()
    assert '<html lang="en"' in page
    assert "Select pending entry to view" in page
    assert "By log" in page


def test_values_with_a_name_are_translated_and_codes_stay_as_they_are(
    desk: Client, vera: Organization
) -> None:
    job_of(vera, state="cancelled")
    page = desk.get("/staff/lookup/lookupjob/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert '<td class="field-state">已取消</td>' in page
    desk.get("/staff/")
    events = desk.get("/staff/accounts/auditevent/", headers={"Accept-Language": "zh-CN"}).content.decode()
    assert "staff:session:entered" in events


def test_what_an_action_asks_and_tells_is_in_the_same_language(desk: Client, vera: Organization) -> None:
    running, ended = job_of(vera), job_of(vera, state="cancelled")
    desk.post("/language", {"language": "zh-hans"})
    asked = act(desk, "/staff/lookup/lookupjob/", "cancel", [running, ended], confirm=False)
    assert "要取消这些任务吗？" in asked
    told = act(desk, "/staff/lookup/lookupjob/", "cancel", [running, ended])
    assert f"已取消: {running}" in told
    assert f"任务已经结束。 {ended}" in told
    assert LookupJob.objects.get(pk=running.pk).state == LookupJob.State.CANCELLED
