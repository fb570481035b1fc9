"""`/v1/grants`: what a vendor may, and nothing of who permitted it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts.models import Organization
from accounts.services import issue_key
from consent.grants import give_grant, revoke
from holdout.vocabulary import UsageCategory
from registry.models import Declarant

pytestmark = pytest.mark.django_db


def test_a_vendor_sees_what_it_is_permitted_now(vendor: Client, alice: Declarant, vera: Organization) -> None:
    now = datetime.now(UTC)
    wanda = Organization.objects.create(name="Wanda", side=Organization.Side.VENDOR)
    first, second, _ = (
        give_grant(
            declarant=alice,
            grantee=grantee,
            uses=[UsageCategory.TDM],
            expires_at=now + timedelta(days=1),
            now=now,
        )
        for grantee in (vera, vera, wanda)
    )
    revoke(grant=second)
    answered = vendor.get("/v1/grants").json()
    assert answered == {
        "grants": [
            {"id": first.public_id, "uses": ["tdm"], "expires_at": first.expires_at.isoformat()},
        ]
    }


def test_the_list_takes_a_vendors_key(anybody: Client, alice: Declarant) -> None:
    assert anybody.get("/v1/grants").status_code == 401
    key = issue_key(organization=alice.organization, name="test")[1]
    answered = anybody.get("/v1/grants", headers={"Authorization": f"Bearer {key}"})
    assert (answered.status_code, answered.json()["code"]) == (403, "vendor_key_needed")
