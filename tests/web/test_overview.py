"""The first page of who is signed in, and the monthly mail."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from accounts.models import Organization, User
from accounts.services import DIGEST_EVERY, personal_organization
from consent.models import Statement
from holdout.ids import id_bits
from lookup.digest import send_due
from lookup.hits import roll_up
from lookup.models import HitBatch
from registry.models import Authorization, Declarant, Locator
from registry.services import default_declarant
from tests.factories import reserve_place, reserve_work
from tests.web.test_places import add

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    cache.clear()


@pytest.fixture
def mine(ann: User) -> Statement:
    return reserve_work(
        default_declarant(organization=personal_organization(user=ann)), {"sha256": bytes(32)}
    )


def hit(statement: Statement, vendor: Organization, times: int) -> None:
    HitBatch.objects.create(
        organization=vendor,
        statements=id_bits(statement.public_id),
        counts=times.to_bytes(4, "little"),
    )
    roll_up()


def test_who_begins_is_told_what_to_do_first(browser: Client) -> None:
    page = browser.get("/overview/").content.decode()
    assert "Say it once for all that stands at your profile or site" in page
    assert "/places/new" in page
    assert "nobody asked about anything" in page


def test_what_came_of_it_is_told_by_organisation_and_day(
    browser: Client, mine: Statement, vera: Organization
) -> None:
    hit(mine, vera, 3)
    hit(mine, vera, 4)
    page = browser.get("/overview/").content.decode()
    assert "told of your statements 7 times" in page
    assert "<td>Vera</td><td>7</td>" in page
    assert f"<td>{NOW:%Y-%m-%d}</td><td>7</td>" in page
    assert page.count("<rect") == 1


def test_that_others_were_asked_for_is_told_honestly(
    browser: Client, mine: Statement, alice: Declarant, vera: Organization
) -> None:
    hit(reserve_work(alice, {"sha256": bytes([1]) * 32}), vera, 12)
    page = browser.get("/overview/").content.decode()
    assert "1 organisations were told of other people's statements 12 times, and never of yours" in page
    assert "Vera" not in page


def test_what_is_missing_is_warned_of(browser: Client, ann: User) -> None:
    declarant = default_declarant(organization=personal_organization(user=ann))
    reserve_place(declarant, "https://ann.example/art/", kind="path")  # type: ignore[arg-type]
    Authorization.objects.update(missing_since=NOW)
    page = browser.get("/overview/").content.decode()
    assert "the code has been missing since" in page
    assert Locator.objects.get().public_id in page


def test_it_costs_the_same_whatever_there_is(
    browser: Client,
    ann: User,
    vera: Organization,
    django_assert_max_num_queries: Any,
) -> None:
    declarant = default_declarant(organization=personal_organization(user=ann))
    for i in range(12):
        hit(reserve_work(declarant, {"sha256": bytes([i]) * 32}), vera, 1)
        add(browser, f"site{i}.example")
    with django_assert_max_num_queries(20):
        assert browser.get("/overview/").status_code == 200


def test_the_mail_comes_once_a_month_to_who_wants_it(
    browser: Client, ann: User, mine: Statement, vera: Organization
) -> None:
    hit(mine, vera, 5)
    assert send_due(now=NOW + 99 * timedelta(days=1)) == 0
    browser.post("/overview/digest", {"wanted": "yes"})
    assert "End these mails" in browser.get("/overview/").content.decode()
    assert send_due(now=NOW) == 0
    later = NOW + DIGEST_EVERY + timedelta(hours=1)
    assert send_due(now=later) == 1
    assert send_due(now=later) == 0
    (sent,) = mail.outbox
    assert sent.to == [ann.email]
    assert "- Vera: 5" in sent.body
    browser.post("/overview/digest", {"wanted": "no"})
    assert send_due(now=later + DIGEST_EVERY + timedelta(days=1)) == 0


def test_nothing_came_of_it_no_mail(browser: Client, mine: Statement) -> None:
    browser.post("/overview/digest", {"wanted": "yes"})
    assert send_due(now=NOW + 2 * DIGEST_EVERY) == 0
    assert mail.outbox == []
