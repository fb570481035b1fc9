"""Quotas, as callers meet them."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.test import Client

from accounts.models import Organization
from accounts.services import issue_key
from api import throttling
from api.meters import LocalMeter, ValkeyMeter

URL = "https://x.example/a.jpg"
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def small(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> LazySettings:
    """Quotas that a test can spend: ten at once, one more a minute."""
    settings.HOLDOUT_QUOTAS = dict.fromkeys(settings.HOLDOUT_QUOTAS, (1, 10))
    settings.HOLDOUT_IN_FLIGHT = dict.fromkeys(settings.HOLDOUT_IN_FLIGHT, 1_000)
    monkeypatch.setattr(throttling, "_LOCAL", LocalMeter())
    return settings


@pytest.fixture
def without_valkey(small: LazySettings) -> None:
    small.REDIS_URL = NOWHERE


def look_up(client: Client, count: int) -> Any:
    body = json.dumps({"queries": [{"url": URL}] * count})
    return client.post("/v1/lookups", body, content_type="application/json")


def ask_nothing(client: Client, **headers: str) -> int:
    """A status call that costs one and touches no table."""
    return client.get("/v1/status", headers=headers).status_code


@pytest.mark.django_db
class TestWithAKey:
    def test_each_query_of_a_batch_is_paid_for(self, small: LazySettings, vendor: Client) -> None:
        assert [look_up(vendor, n).status_code for n in (6, 4, 1)] == [200, 200, 429]

    def test_a_batch_is_let_through_whole_or_not_at_all(self, small: LazySettings, vendor: Client) -> None:
        assert [look_up(vendor, n).status_code for n in (6, 5, 4)] == [200, 429, 200]

    def test_the_caller_is_told_what_is_left_and_when_it_comes_back(
        self, small: LazySettings, vendor: Client
    ) -> None:
        answered = look_up(vendor, 4)
        assert answered["RateLimit-Policy"] == '"lookups";q=10;w=600'
        assert answered["RateLimit"] == '"lookups";r=6;t=240'

    def test_who_has_spent_it_is_told_when_the_same_call_would_pass(
        self, small: LazySettings, vendor: Client
    ) -> None:
        look_up(vendor, 10)
        refused = look_up(vendor, 3)
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
        assert refused["Content-Type"] == "application/problem+json"
        assert 170 < int(refused["Retry-After"]) <= 180
        assert refused["RateLimit"] == '"lookups";r=0;t=600'

    def test_all_keys_of_an_organisation_share_its_quota(
        self, small: LazySettings, vendor: Client, vera: Organization
    ) -> None:
        look_up(vendor, 10)
        other = Client(headers={"Authorization": f"Bearer {issue_key(organization=vera, name='2')[1]}"})
        assert look_up(other, 1).status_code == 429

    def test_one_organisation_spends_nothing_of_anothers(self, small: LazySettings, vendor: Client) -> None:
        look_up(vendor, 10)
        rival = Organization.objects.create(name="Rival", side="vendor")
        other = Client(headers={"Authorization": f"Bearer {issue_key(organization=rival, name='x')[1]}"})
        assert look_up(other, 10).status_code == 200

    def test_a_batch_that_only_a_lenient_reader_reads_is_paid_for_too(
        self, small: LazySettings, vendor: Client
    ) -> None:
        body = b'{"queries": [' + b'{"url": NaN},' * 7 + b"{}]}"
        first = vendor.post("/v1/lookups", body, content_type="application/json")
        left = first["RateLimit"].split(";")[1]
        assert (first.status_code, left) in {(200, "r=2"), (422, "r=9")}

    def test_jobs_and_other_calls_have_quotas_of_their_own(self, small: LazySettings, vendor: Client) -> None:
        look_up(vendor, 10)
        submitted = vendor.post("/v1/jobs", b"url\nhttps://x.example/\n", content_type="text/csv")
        assert (submitted.status_code, submitted["RateLimit"]) == (202, '"jobs";r=9;t=60')
        assert vendor.get(submitted["Location"])["RateLimit"] == '"calls";r=9;t=60'

    def test_without_valkey_lookups_are_counted_by_this_process_alone(
        self, without_valkey: None, vendor: Client
    ) -> None:
        assert [look_up(vendor, n).status_code for n in (6, 4, 1)] == [200, 200, 429]

    def test_without_valkey_nothing_is_submitted(self, without_valkey: None, vendor: Client) -> None:
        refused = vendor.post("/v1/jobs", b"url\nhttps://x.example/\n", content_type="text/csv")
        assert (refused.status_code, refused.json()["code"]) == (503, "quota_unavailable")
        assert refused["Retry-After"] == "5"


def test_without_a_key_each_address_has_a_quota(small: LazySettings, anybody: Client) -> None:
    assert [ask_nothing(anybody) for _ in range(12)] == [422] * 10 + [429] * 2


def test_a_forged_forwarded_header_opens_no_second_quota(small: LazySettings, anybody: Client) -> None:
    asked = [ask_nothing(anybody, **{"X-Forwarded-For": f"192.0.2.{n}"}) for n in range(12)]
    assert asked == [422] * 10 + [429] * 2


def test_behind_our_proxy_only_what_it_saw_itself_counts(small: LazySettings, anybody: Client) -> None:
    small.HOLDOUT_TRUSTED_PROXIES = 1
    forged = [ask_nothing(anybody, **{"X-Forwarded-For": f"192.0.2.{n}, 198.51.100.7"}) for n in range(12)]
    assert forged == [422] * 10 + [429] * 2
    assert ask_nothing(anybody, **{"X-Forwarded-For": "198.51.100.7, 198.51.100.8"}) == 422


@pytest.mark.parametrize("forwarded", ["", "nonsense", ", ", "::1%eth0; DROP", "1" * 9_000])
def test_what_is_no_address_is_not_believed(small: LazySettings, anybody: Client, forwarded: str) -> None:
    small.HOLDOUT_TRUSTED_PROXIES = 1
    assert [ask_nothing(anybody, **{"X-Forwarded-For": forwarded}) for _ in range(11)][-1] == 429


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_a_network_is_an_ipv4_address_or_an_ipv6_64(
    small: LazySettings, anybody: Client, one: str, other: str, shared: bool
) -> None:
    asked = [anybody.get("/v1/status", REMOTE_ADDR=one).status_code for _ in range(10)]
    assert asked == [422] * 10
    assert anybody.get("/v1/status", REMOTE_ADDR=other).status_code == (429 if shared else 422)


def test_two_hundred_parallel_calls_spend_no_more_than_the_burst(small: LazySettings) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask_nothing(Client()), range(200)))
    assert sorted(answers) == [422] * 10 + [429] * 190


def test_without_valkey_parallel_calls_spend_no_more_than_the_burst(without_valkey: None) -> None:
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: ask_nothing(Client()), range(200)))
    assert sorted(answers) == [422] * 10 + [429] * 190


def test_a_valkey_that_is_away_is_not_asked_again_at_once() -> None:
    meter = ValkeyMeter(NOWHERE)
    quota = throttling.quota_named(throttling.QuotaName.STATUS)
    assert meter.charge("a", cost=1, quota=quota) is None
    with patch.object(meter, "_script", side_effect=AssertionError("asked")):
        assert meter.charge("a", cost=1, quota=quota) is None


@pytest.mark.django_db
def test_the_burst_holds_the_largest_batch(vendor: Client, settings: LazySettings) -> None:
    assert settings.HOLDOUT_QUOTAS["lookups"][1] >= settings.HOLDOUT_LOOKUP_MAX_QUERIES
    assert look_up(vendor, settings.HOLDOUT_LOOKUP_MAX_QUERIES).status_code == 200


@pytest.mark.django_db
def test_health_pages_cost_nothing(small: LazySettings, anybody: Client) -> None:
    assert {anybody.get("/livez").status_code for _ in range(30)} == {200}
