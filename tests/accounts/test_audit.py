"""The audit log: append-only, without personal data, written with what it is about or not at all."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import services
from accounts.audit import SHELL, Actor, Source, coarse_network
from accounts.models import ApiKey, AuditEvent, Organization, User
from accounts.services import dismiss_staff, issue_key, make_staff, record, revoke_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def event(vera: Organization) -> AuditEvent:
    return record(by=SHELL, subject="thing", action="done", object_id="thing 1", organization=vera)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE accounts_auditevent SET what = 'staff:thing:undone'",
        "UPDATE accounts_auditevent SET at = now()",
        "DELETE FROM accounts_auditevent",
    ],
)
def test_the_database_refuses_to_change_or_delete_an_event(event: AuditEvent, change: str) -> None:
    with (
        pytest.raises(DatabaseError, match="accounts_auditevent is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    assert AuditEvent.objects.get().what == "shell:thing:done"


def test_an_event_outlives_the_organisation_and_the_person(event: AuditEvent) -> None:
    Organization.objects.all().delete()
    User.objects.all().delete()
    assert AuditEvent.objects.get() == event


@pytest.mark.parametrize("what", ["thing", "staff:thing", "staff:thing:done:twice", "Staff:thing:done", "::"])
def test_the_database_refuses_what_does_not_say_source_subject_and_action(what: str) -> None:
    with pytest.raises(IntegrityError, match="auditevent_what"):
        AuditEvent.objects.create(what=what, object_id="x")


def test_the_database_refuses_a_whole_address() -> None:
    with pytest.raises(IntegrityError, match="auditevent_coarse_network"):
        AuditEvent.objects.create(what="staff:thing:done", object_id="x", network="203.0.113.7")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("::ffff:203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_of_an_address_only_the_network_is_kept(address: str, network: str) -> None:
    assert coarse_network(address) == network


def test_a_key_s_life_is_recorded_once_each(vera: Organization) -> None:
    actor = Actor(Source.STAFF, user=7)
    key, _ = issue_key(organization=vera, name="crawler", by=actor)
    revoke_key(key=key, by=actor)
    revoke_key(key=key, by=actor)
    events = AuditEvent.objects.order_by("pk").values_list("what", "actor", "object_id", "organization")
    assert list(events) == [
        ("staff:api_key:issued", 7, key.public_id, vera.public_id),
        ("staff:api_key:revoked", 7, key.public_id, vera.public_id),
    ]


def test_what_cannot_be_recorded_is_not_done(vera: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(services, "record", refuse)
    with pytest.raises(DatabaseError):
        issue_key(organization=vera, name="crawler")
    assert not ApiKey.objects.exists()


def test_making_and_dismissing_staff_is_recorded_once_each() -> None:
    user = make_staff(email="Sam@Example.com", by=SHELL)
    assert make_staff(email="sam@example.com", by=SHELL) == user
    assert (user.email, user.is_staff, user.is_superuser) == ("sam@example.com", True, False)
    assert not user.has_usable_password()
    dismiss_staff(user=user, by=SHELL)
    dismiss_staff(user=user, by=SHELL)
    events = AuditEvent.objects.order_by("pk").values_list("what", "object_id")
    assert list(events) == [("shell:user:made_staff", str(user)), ("shell:user:dismissed_staff", str(user))]
    assert "sam@" not in str(list(AuditEvent.objects.values()))


def test_staff_are_made_from_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("make_staff", "Sam@example.com")
    assert "sam@example.com is staff" in capsys.readouterr().out
    assert User.objects.get().is_staff
    call_command("make_staff", "sam@example.com", "--dismiss")
    assert not User.objects.get().is_staff
    with pytest.raises(CommandError, match="Nobody has that address"):
        call_command("make_staff", "nobody@example.com", "--dismiss")
    with pytest.raises(CommandError, match="email"):
        call_command("make_staff", "no address")
