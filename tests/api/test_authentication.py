"""Who gets in with which key."""

import pytest
from django.test import Client

from accounts.models import ApiKey, Organization
from accounts.services import issue_key, revoke_key
from api import authentication


class Clock:
    """Stands in for `time` in `api.authentication`."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(authentication, "time", clock)
    return clock


@pytest.fixture
def key(client: Client, vera: Organization) -> ApiKey:
    row, text = issue_key(organization=vera, name="crawler")
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {text}"
    return row


def status(client: Client) -> int:
    return client.get("/v1/jobs").status_code


def test_a_revoked_key_is_refused_within_five_seconds(client: Client, key: ApiKey, clock: Clock) -> None:
    assert status(client) == 200
    revoke_key(key=key)
    clock.now += authentication.KEPT_SECONDS
    assert status(client) == 401
    assert status(client) == 401


def test_a_key_that_is_used_all_the_time_is_asked_about_again_all_the_same(
    client: Client, key: ApiKey, clock: Clock
) -> None:
    for _ in range(10):
        assert status(client) == 200
        clock.now += authentication.KEPT_SECONDS / 4
    revoke_key(key=key)
    clock.now += authentication.KEPT_SECONDS
    assert status(client) == 401


def test_a_key_that_was_unknown_works_from_its_first_moment(client: Client, vera: Organization) -> None:
    client.defaults["HTTP_AUTHORIZATION"] = "Bearer ho_live_unknown"
    assert status(client) == 401
    _, text = issue_key(organization=vera, name="crawler")
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {text}"
    assert status(client) == 200


def test_no_more_than_so_many_keys_are_kept(
    client: Client, vera: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "_MOST_KEPT", 2)
    authentication._kept.clear()
    for number in range(5):
        _, text = issue_key(organization=vera, name=f"crawler {number}")
        client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {text}"
        assert status(client) == 200
        assert len(authentication._kept) <= 2
