"""What staff can do: each action asks first, goes through a service, and leaves one audit event a row."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client

from accounts.models import ApiKey, AuditEvent, Organization, User
from accounts.queries import listed_vendors, live_key, may_vouch
from accounts.services import issue_key
from holdout.resolution import Assurance
from holdout.urls import KeyKind
from lookup.models import LookupJob
from registry.control import challenge_for, claim_place
from registry.models import Asset, Authorization, Declarant, Sample, Standing
from registry.queries import locator_assurances
from registry.services import authorize_locators, register_locators
from tests.factories import fingerprinted_work, settle

pytestmark = pytest.mark.django_db


def job_of(vendor: Organization, **fields: Any) -> LookupJob:
    return LookupJob.objects.create(
        organization=vendor,
        upload_format="csv",
        upload_sha256=bytes(32),
        upload_bytes=1,
        url_column="url",
        **fields,
    )


def act(desk: Client, path: str, action: str, rows: list[models.Model], *, confirm: bool = True) -> str:
    form: dict[str, Any] = {"action": action, "_selected_action": [row.pk for row in rows]}
    page = desk.post(path, form | ({"confirmed": "Yes"} if confirm else {}), follow=True)
    assert page.status_code == 200
    return page.content.decode()


def test_these_are_all_the_actions_that_there_are() -> None:
    """Add its test here with a new one."""
    actions = {
        (model._meta.label, action)
        for model, table in admin.site._registry.items()
        for action in table.actions or ()
    }
    assert actions == {
        ("accounts.ApiKey", "revoke"),
        ("registry.Sample", "fine"),
        ("registry.Sample", "doubtful"),
        ("accounts.Organization", "vet"),
        ("accounts.Organization", "unvet"),
        ("accounts.Organization", "let_vouch"),
        ("accounts.Organization", "stop_vouching"),
        ("accounts.Organization", "list_vendor"),
        ("accounts.Organization", "unlist_vendor"),
        ("lookup.LookupJob", "cancel"),
        ("registry.Asset", "quarantine"),
        ("registry.Asset", "make_live"),
        ("registry.Asset", "make_gone"),
        ("registry.Challenge", "see"),
        ("registry.Authorization", "end"),
    }


def test_revoking_a_key_asks_first_and_leaves_one_event(desk: Client, sam: User, vera: Organization) -> None:
    key, text = issue_key(organization=vera, name="crawler")
    asked = act(desk, "/staff/accounts/apikey/", "revoke", [key], confirm=False)
    assert "Revoke these keys?" in asked
    assert live_key(text)
    assert f"Revoked: {key}" in act(desk, "/staff/accounts/apikey/", "revoke", [key])
    assert live_key(text) is None
    act(desk, "/staff/accounts/apikey/", "revoke", [key])
    (event,) = AuditEvent.objects.filter(what="staff:api_key:revoked")
    assert (event.actor, event.object_id, event.organization) == (sam.pk, key.public_id, vera.public_id)


def test_every_row_of_an_action_has_its_own_event(desk: Client, vera: Organization) -> None:
    keys: list[models.Model] = [issue_key(organization=vera, name=name)[0] for name in "abc"]
    act(desk, "/staff/accounts/apikey/", "revoke", keys)
    assert not ApiKey.objects.filter(revoked_at=None).exists()
    assert AuditEvent.objects.filter(what="staff:api_key:revoked").count() == 3


def test_cancelling_jobs_tells_which_had_ended_and_records_the_others(
    desk: Client, sam: User, vera: Organization
) -> None:
    running, ended = job_of(vera), job_of(vera, state="cancelled")
    page = act(desk, "/staff/lookup/lookupjob/", "cancel", [running, ended])
    assert f"Cancelled: {running}" in page
    assert "The job has ended already." in page
    running.refresh_from_db()
    assert running.state == LookupJob.State.CANCELLED
    (event,) = AuditEvent.objects.filter(what="staff:job:cancelled")
    assert (event.actor, event.object_id, event.organization) == (sam.pk, running.public_id, vera.public_id)


def test_a_files_standing_is_said_after_a_question_and_said_twice_changes_nothing(
    desk: Client, sam: User, alice: Declarant
) -> None:
    asset = fingerprinted_work(alice, {"phash-256/1": bytes(32)}).assets.get()
    path = "/staff/registry/asset/"
    assert "Quarantine these files?" in act(desk, path, "quarantine", [asset], confirm=False)
    assert not Standing.objects.exists()
    for action, done in (("quarantine", "Quarantined"), ("make_gone", "Gone"), ("make_live", "Live")):
        for _ in range(2):
            assert f"{done}: {asset}" in act(desk, path, action, [asset])
    said = Standing.objects.order_by("pk").values_list("asset", "standing", "reason")
    assert list(said) == [(asset.pk, word, "staff") for word in ("quarantined", "gone", "live")]
    assert settle() == 5
    events = AuditEvent.objects.filter(object_id=asset.public_id).order_by("pk")
    assert [event.what for event in events] == [
        *("staff:asset:made_quarantined", "staff:asset:made_gone", "staff:asset:made_live"),
    ]
    assert {(event.actor, event.organization) for event in events} == {(sam.pk, alice.organization.public_id)}


def test_a_file_that_was_never_fingerprinted_has_no_standing(desk: Client, alice: Declarant) -> None:
    asset = fingerprinted_work(alice, {"phash-256/1": bytes(32)}).assets.get()
    asset.state = Asset.State.RECEIVED
    asset.save()
    page = act(desk, "/staff/registry/asset/", "quarantine", [asset])
    assert "The fingerprints of that file were never taken." in page
    assert not Standing.objects.exists()


def test_letting_vendors_fetch_snapshots_asks_first_and_can_be_taken_back(
    desk: Client, sam: User, vera: Organization
) -> None:
    path = "/staff/accounts/organization/"

    def vetted() -> bool:
        return Organization.objects.get(pk=vera.pk).may_fetch_snapshots

    assert "Let these organisations fetch snapshots?" in act(desk, path, "vet", [vera], confirm=False)
    assert not vetted()
    assert f"May fetch snapshots: {vera}" in act(desk, path, "vet", [vera])
    assert vetted()
    assert f"May not fetch snapshots: {vera}" in act(desk, path, "unvet", [vera])
    assert not vetted()
    events = AuditEvent.objects.filter(object_id=vera.public_id).order_by("pk")
    assert [event.what for event in events] == ["staff:organization:vetted", "staff:organization:unvetted"]
    assert {event.actor for event in events} == {sam.pk}


def test_letting_platforms_vouch_asks_first_and_can_be_taken_back(
    desk: Client, sam: User, alice: Declarant, vera: Organization
) -> None:
    path, platform = "/staff/accounts/organization/", alice.organization
    asked = act(desk, path, "let_vouch", [platform], confirm=False)
    assert "Let these organisations speak for people who gave them a mandate?" in asked
    assert not may_vouch(platform)
    page = act(desk, path, "let_vouch", [platform, vera])
    assert f"May vouch: {platform}" in page
    assert "does not speak for their creators" in page
    assert (may_vouch(platform), may_vouch(vera)) == (True, False)
    assert f"May not vouch: {platform}" in act(desk, path, "stop_vouching", [platform])
    assert not may_vouch(platform)
    events = AuditEvent.objects.filter(object_id=platform.public_id).order_by("pk")
    assert [event.what for event in events] == [
        *("staff:organization:let_vouch", "staff:organization:stopped_vouching"),
    ]
    assert {event.actor for event in events} == {sam.pk}


def test_listing_vendors_asks_first_and_can_be_taken_back(
    desk: Client, sam: User, alice: Declarant, vera: Organization
) -> None:
    path, creators = "/staff/accounts/organization/", alice.organization
    asked = act(desk, path, "list_vendor", [vera], confirm=False)
    assert "List these organisations for creators?" in asked
    assert not listed_vendors()
    page = act(desk, path, "list_vendor", [vera, creators])
    assert f"Is listed: {vera}" in page
    assert "Only who screens pictures can be permitted something." in page
    assert list(listed_vendors()) == [vera]
    assert f"Is not listed: {vera}" in act(desk, path, "unlist_vendor", [vera])
    assert not listed_vendors()
    events = AuditEvent.objects.filter(object_id=vera.public_id).order_by("pk")
    assert [event.what for event in events] == ["staff:organization:listed", "staff:organization:unlisted"]
    assert {event.actor for event in events} == {sam.pk}


def test_a_code_that_is_seen_counts_once_for_each_of_the_staff(
    desk: Client, sam: User, alice: Declarant
) -> None:
    profile = claim_place(declarant=alice, typed="https://space.bilibili.com/12345")
    challenge = challenge_for(locator=profile, now=datetime.now(UTC))
    path = "/staff/registry/challenge/"
    assert "with your own eyes" in act(desk, path, "see", [challenge], confirm=False)
    assert f"Seen: {challenge}" in act(desk, path, "see", [challenge])
    assert "a colleague must look too" in act(desk, path, "see", [challenge])
    assert not Authorization.objects.exists()
    (event,) = AuditEvent.objects.filter(what="staff:challenge:seen")
    assert (event.actor, event.object_id) == (sam.pk, challenge.public_id)
    assert challenge.code in desk.get(path).content.decode()


def test_ending_a_proof_asks_first_and_leaves_one_event(desk: Client, sam: User, alice: Declarant) -> None:
    (place,) = register_locators(declarant=alice, targets=[(KeyKind.HOST, "alice.example")])
    (proof,) = authorize_locators(declarant=alice, locators=[place], level=Assurance.L3, method="operator")
    path = "/staff/registry/authorization/"
    assert "End these proofs?" in act(desk, path, "end", [proof], confirm=False)
    assert locator_assurances([place.pk])
    assert f"Ended: {proof}" in act(desk, path, "end", [proof])
    assert not locator_assurances([place.pk])
    (event,) = AuditEvent.objects.filter(what="staff:authorization:ended")
    assert (event.actor, event.object_id) == (sam.pk, proof.public_id)


def test_a_sampled_claim_is_judged_and_can_be_judged_anew(desk: Client, sam: User, alice: Declarant) -> None:
    (place,) = register_locators(declarant=alice, targets=[(KeyKind.URL, "https://example.com/a.jpg")])
    sample, _ = Sample.objects.get_or_create(locator=place)
    path = "/staff/registry/sample/"
    assert "https://example.com/a.jpg" in desk.get(path).content.decode()
    assert "somebody else" in act(desk, path, "doubtful", [sample], confirm=False)
    assert f"Doubtful: {sample}" in act(desk, path, "doubtful", [sample])
    assert f"Fine: {sample}" in act(desk, path, "fine", [sample])
    events = AuditEvent.objects.filter(object_id=sample.public_id).order_by("pk")
    assert [event.what for event in events] == ["staff:sample:found_doubtful", "staff:sample:found_fine"]
    assert {event.actor for event in events} == {sam.pk}
