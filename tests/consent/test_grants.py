"""Permitting one vendor something, and taking it back."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.audit import SHELL
from accounts.models import Organization
from accounts.services import list_vendor, unlist_vendor
from consent import grants
from consent.grants import give_grant, permit, revoke, take_back
from consent.models import Grant, Revocation
from consent.queries import grant_of, grants_of, grants_to
from holdout.errors import Conflict, HoldoutError, InvalidInput, NotFound, NotPermitted
from holdout.vocabulary import UsageCategory
from ledger.models import PendingEntry
from ledger.queries import receipt
from registry.models import Declarant
from tests.factories import settle

NOW = datetime.now(UTC)
YEAR = NOW + timedelta(days=365)
GEN, TDM = UsageCategory.TRAIN_GEN, UsageCategory.TDM


@pytest.fixture(autouse=True)
def nobody_sequences(settings: object) -> None:
    settings.HOLDOUT_SEQUENCING_TIMEOUT_SECONDS = 0  # type: ignore[attr-defined]


@pytest.fixture
def listed(vera: Organization) -> Organization:
    list_vendor(organization=vera, by=SHELL)
    return vera


def give(alice: Declarant, to: Organization, **other: object) -> Grant:
    said = {"uses": [TDM, GEN], "expires_at": YEAR, "now": NOW} | other
    return give_grant(declarant=alice, grantee=to, **said)  # type: ignore[arg-type]


def test_a_grant_and_its_revocation_stand_in_the_log(alice: Declarant, vera: Organization) -> None:
    grant = give(alice, vera)
    assert grants_of(alice.organization)[0].given is None
    settle()
    record = receipt(grant.public_id)["record"]
    assert record == {
        "grant": grant.public_id,
        "declarant": alice.public_id,
        "grantee": vera.public_id,
        "uses": ["train_gen", "tdm"],
        "expires_at": YEAR.isoformat(),
    }
    revoked = revoke(grant=grant)
    assert revoke(grant=grant) == revoked
    settle()
    assert receipt(revoked.public_id)["record"] == {
        "revocation": revoked.public_id,
        "grant": grant.public_id,
    }
    (line,) = grants_of(alice.organization)
    assert line.given
    assert line.revoked
    assert not line.lifts(NOW)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"uses": []}, "grant_without_uses"),
        ({"expires_at": NOW}, "grant_has_ended"),
        ({"expires_at": NOW + timedelta(days=6 * 366)}, "grant_too_long"),
    ],
)
def test_what_is_no_grant_is_refused(
    alice: Declarant, vera: Organization, wrong: dict[str, object], code: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        give(alice, vera, **wrong)
    assert (refused.value.code, Grant.objects.count(), PendingEntry.objects.count()) == (code, 0, 0)


def test_for_somebody_else_nobody_permits_anything(alice: Declarant, listed: Organization) -> None:
    spoken = Declarant.objects.create(organization=alice.organization, spoken_for=True)
    with pytest.raises(NotPermitted) as refused:
        give(spoken, listed)
    assert refused.value.code == "own_act_needed"
    permit(organization=alice.organization, grantee=listed.public_id, uses=[GEN], expires_at=YEAR, now=NOW)
    assert [grant.declarant for grant in Grant.objects.all()] == [alice]


def test_only_a_listed_vendor_is_permitted_something(alice: Declarant, listed: Organization) -> None:
    def to(grantee: str) -> bool:
        return permit(organization=alice.organization, grantee=grantee, uses=[GEN], expires_at=YEAR, now=NOW)

    assert to(listed.public_id) is False  # the log has it later
    unlist_vendor(organization=listed, by=SHELL)
    for grantee in (listed.public_id, alice.organization.public_id, "org_x", ""):
        with pytest.raises(NotFound) as refused:
            to(grantee)
        assert refused.value.code == "vendor_unknown"
    assert Grant.objects.count() == 1


def test_only_a_vendor_is_listed(alice: Declarant) -> None:
    with pytest.raises(NotPermitted) as refused:
        list_vendor(organization=alice.organization, by=SHELL)
    assert refused.value.code == "only_vendors_listed"
    with pytest.raises(IntegrityError), transaction.atomic():
        Organization.objects.update(listed=True)


def test_so_many_stand_and_no_more(
    alice: Declarant, listed: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grants, "MOST_STANDING", 1)
    said = {"organization": alice.organization, "grantee": listed.public_id, "uses": [GEN]}
    permit(**said, expires_at=YEAR, now=NOW)  # type: ignore[arg-type]
    with pytest.raises(Conflict) as refused:
        permit(**said, expires_at=YEAR, now=NOW)  # type: ignore[arg-type]
    assert refused.value.code == "too_many_grants"
    take_back(grant=Grant.objects.get())
    permit(**said, expires_at=YEAR, now=NOW)  # type: ignore[arg-type]
    assert Grant.objects.count() == 2


@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}"])
def test_the_database_lets_neither_be_changed(alice: Declarant, vera: Organization, change: str) -> None:
    revoke(grant=give(alice, vera))
    for table in (Grant, Revocation):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(change.format(table._meta.db_table))


@pytest.mark.parametrize("uses", [[], ["painting"]])
def test_the_database_knows_the_uses(alice: Declarant, vera: Organization, uses: list[str]) -> None:
    with pytest.raises(IntegrityError, match="grant_uses"), transaction.atomic():
        Grant.objects.create(declarant=alice, grantee=vera, uses=uses, expires_at=YEAR)


def test_a_vendor_sees_what_it_may_now(alice: Declarant, vera: Organization) -> None:
    first, second = give(alice, vera), give(alice, vera, expires_at=NOW + timedelta(days=1))
    assert list(grants_to(vera, now=NOW)) == [second, first]
    revoke(grant=first)
    assert list(grants_to(vera, now=NOW)) == [second]
    assert not grants_to(vera, now=NOW + timedelta(days=2))
    assert not grants_to(alice.organization, now=NOW)


def test_anothers_grant_is_not_found(alice: Declarant, bob: Declarant, vera: Organization) -> None:
    grant = give(alice, vera)
    assert grant_of(alice.organization, grant.public_id) == grant
    for organization, name in ((bob.organization, grant.public_id), (alice.organization, "grt_\0")):
        with pytest.raises(HoldoutError) as refused:
            grant_of(organization, name)
        assert refused.value.code == "grant_unknown"
