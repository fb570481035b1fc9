"""Staff may look at everything that is theirs to see, and change nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.db import IntegrityError, connection, models, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.audit import SHELL
from accounts.models import AuditEvent, Organization, User
from accounts.services import issue_key, let_vouch
from consent.grants import give_grant, revoke
from consent.services import withdraw
from holdout.vocabulary import UsageCategory
from ledger.models import Log, LogEntry, Opening, PendingEntry
from ledger.services import append
from lookup.models import LookupJob, LookupReceipt
from registry.control import challenge_for, claim_place
from registry.mandates import Consent, give_mandate
from registry.models import Declarant, Sample, Standing, Work
from registry.services import set_standing
from tests.factories import reserve_place, reserve_work, settle

pytestmark = pytest.mark.django_db

TABLES = sorted(admin.site._registry, key=lambda model: model._meta.label)
NAMES = [model._meta.label for model in TABLES]


def address(model: type[models.Model], *more: object) -> str:
    parts = ["", "staff", model._meta.app_label, str(model._meta.model_name), *map(str, more), ""]
    return "/".join(parts)


def fill(declarant: Declarant, vendor: Organization, number: int) -> None:
    """One more row in every table."""
    statement = reserve_work(declarant, {"sha256": bytes([number]) * 32})
    withdraw(statement=statement)
    assert statement.work
    asset = statement.work.assets.get()
    word, reason = Standing.Word.QUARANTINED, Standing.Reason.STAFF
    set_standing(asset=asset, standing=word, reason=reason, by=SHELL)
    reserve_place(declarant, f"https://example.com/{number}.jpg")
    account = claim_place(declarant=declarant, typed=f"https://space.bilibili.com/{number + 1}")
    challenge_for(locator=account, now=datetime.now(UTC))
    Sample.objects.get_or_create(locator=account)
    issue_key(organization=vendor, name="crawler")
    now = datetime.now(UTC)
    grant = give_grant(
        declarant=declarant,
        grantee=vendor,
        uses=[UsageCategory.TDM],
        expires_at=now + timedelta(days=1),
        now=now,
    )
    revoke(grant=grant)
    job = LookupJob.objects.create(
        organization=vendor, upload_format="csv", upload_sha256=bytes(32), upload_bytes=1, url_column="url"
    )
    LookupReceipt.objects.create(job=job)
    let_vouch(organization=declarant.organization, by=SHELL)
    give_mandate(
        organization=declarant.organization,
        reference=f"user {number}",
        consent=Consent(at=now, how="form", text_sha256="ab" * 32),
        expires_at=now + timedelta(days=1),
        by=SHELL,
        now=now,
    )
    settle()
    with transaction.atomic():
        append(log=Log.LOOKUPS, entry_type="test", record_id=f"waiting {number}", record={})
    Organization.objects.create(name=f"Other {number}", side="creator")
    Declarant.objects.create(organization=declarant.organization)
    User.objects.create_user(f"number-{number}@example.com")


def test_only_our_own_tables_are_shown() -> None:
    assert {model._meta.app_label for model in TABLES} == {
        *("accounts", "consent", "ledger", "lookup", "registry"),
    }
    assert not {Authenticator, Opening} & set(TABLES)


@pytest.mark.parametrize("model", TABLES, ids=NAMES)
def test_a_list_takes_as_many_queries_for_six_rows_as_for_three(
    desk: Client, alice: Declarant, vera: Organization, model: type[models.Model]
) -> None:
    counts = []
    desk.get("/staff/")
    for numbers in (range(3), range(3, 6)):
        for number in numbers:
            fill(alice, vera, number)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert desk.get(address(model)).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 12


@pytest.mark.parametrize("model", TABLES, ids=NAMES)
def test_a_row_can_be_read_and_not_changed(
    desk: Client, alice: Declarant, vera: Organization, model: type[models.Model]
) -> None:
    fill(alice, vera, 1)
    row = model._default_manager.order_by("pk").last()
    assert row is not None
    page = desk.get(address(model, row.pk, "change"))
    assert page.status_code == 200
    text = page.content.decode()
    assert 'name="_save"' not in text
    before = model._default_manager.values().get(pk=row.pk)
    for gone in ((row.pk, "change"), (row.pk, "delete"), ("add",)):
        assert desk.post(address(model, *gone), {"post": "yes"}).status_code == 403
    assert model._default_manager.values().get(pk=row.pk) == before
    selected = {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"}
    desk.post(address(model), selected)
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", TABLES, ids=NAMES)
def test_a_search_for_rubbish_finds_nothing_and_breaks_nothing(
    desk: Client, model: type[models.Model]
) -> None:
    assert desk.get(address(model), {"q": "' OR 1=1 --%_\\"}).status_code == 200
    assert desk.get(address(model), {"o": "-1.2"}).status_code == 200
    answer = desk.get(address(model), {"organisation": "org_nobody", "user_number": "x\0"})
    assert answer.status_code in {200, 302}  # 302: the table has no such filter


def test_a_row_is_found_by_its_public_id_and_by_its_organisation(
    desk: Client, alice: Declarant, bob: Declarant
) -> None:
    mine, other = reserve_work(alice, {"sha256": bytes(32)}), reserve_work(bob, {"sha256": bytes(32)})
    for found in (
        desk.get("/staff/consent/statement/", {"q": mine.public_id}),
        desk.get("/staff/consent/statement/", {"organisation": alice.organization.public_id}),
    ):
        text = found.content.decode()
        assert mine.public_id in text
        assert other.public_id not in text


def test_an_entry_without_its_place_is_shown_until_it_has_one(desk: Client) -> None:
    append(log=Log.LOOKUPS, entry_type="lookup", record_id="lrc_waits", record={"secret": "of a vendor"})
    waiting = PendingEntry.objects.get()
    shown = [address(PendingEntry), address(PendingEntry, waiting.pk, "change")]
    for page in shown:
        text = desk.get(page).content.decode()
        assert "lrc_waits" in text
        assert "of a vendor" not in text
        assert bytes(waiting.commitment).hex() not in text
    settle()
    assert "lrc_waits" not in desk.get(shown[0]).content.decode()
    assert "lrc_waits" in desk.get(address(LogEntry)).content.decode()


def test_nobody_can_be_above_the_rules(sam: User) -> None:
    with pytest.raises(IntegrityError, match="user_no_superusers"), transaction.atomic():
        User.objects.filter(pk=sam.pk).update(is_superuser=True)


def test_what_is_for_others_is_not_shown(desk: Client, alice: Declarant, vera: Organization) -> None:
    """A work's title is for its creator; salts, digests and fingerprints are for nobody."""
    statement = reserve_work(alice, {"sha256": b"\x5a" * 32})
    Work.objects.update(title="Moonlit harbour")
    key, text = issue_key(organization=vera, name="crawler")
    opening = Opening.objects.get(record_id=statement.public_id)
    secrets = ["Moonlit", text, key.digest.hex(), (b"\x5a" * 32).hex(), bytes(opening.salt).hex()]
    for model in TABLES:
        rows = model._default_manager.all()
        for page in [address(model), *(address(model, row.pk, "change") for row in rows)]:
            shown = desk.get(page).content.decode()
            assert not [secret for secret in secrets if secret in shown], page


def test_the_list_of_people_shows_no_address_and_opening_one_leaves_an_event(
    desk: Client, alice: Declarant
) -> None:
    user = User.objects.create_user("linnea@example.org")
    assert user.email not in desk.get("/staff/accounts/user/").content.decode()
    assert str(user) in desk.get("/staff/accounts/user/", {"q": "LINNEA@example.org"}).content.decode()
    assert not AuditEvent.objects.filter(what="staff:user:looked_at").exists()
    assert user.email in desk.get(f"/staff/accounts/user/{user.pk}/change/").content.decode()
    assert AuditEvent.objects.get(what="staff:user:looked_at").object_id == str(user)
