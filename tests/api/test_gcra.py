"""The quota's arithmetic against a plain model: a bucket of tokens that fills as time goes by."""

from fractions import Fraction

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis

from api.gcra import Quota, charge
from api.meters import _SCRIPT, LocalMeter

quotas = st.builds(Quota, st.just("x"), st.integers(1, 90_000_000), st.integers(1, 200_000))
charges = st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 250_000)), min_size=1, max_size=40)


@given(quotas, charges)
def test_it_lets_through_exactly_what_a_bucket_of_tokens_would(
    quota: Quota, asked: list[tuple[int, int]]
) -> None:
    now, tat, tokens = 1_700_000_000_000_000, 0, Fraction(quota.burst)
    for waited, cost in asked:
        now += waited
        tokens = min(Fraction(quota.burst), tokens + Fraction(waited, quota.interval_us))
        tat, standing = charge(tat, now=now, cost=cost, quota=quota)
        assert standing.allowed is (cost <= tokens)
        tokens -= cost if standing.allowed else 0
        assert standing.remaining == int(tokens)
        assert standing.full_after_us == (quota.burst - tokens) * quota.interval_us


@given(quotas, st.integers(1, 200_000), st.integers(1, 200_000))
def test_a_refused_charge_passes_after_the_time_it_was_told_and_not_before(
    quota: Quota, first: int, second: int
) -> None:
    first, second = min(first, quota.burst), min(second, quota.burst)
    tat, _ = charge(0, now=10**15, cost=first, quota=quota)
    refused = charge(tat, now=10**15, cost=second, quota=quota)[1]
    if refused.allowed:
        return
    then = 10**15 + refused.retry_after_us
    assert not charge(tat, now=then - 1, cost=second, quota=quota)[1].allowed
    assert charge(tat, now=then, cost=second, quota=quota)[1].allowed


@given(quotas, charges)
def test_over_any_time_no_more_passes_than_the_burst_and_what_came_back(
    quota: Quota, asked: list[tuple[int, int]]
) -> None:
    now, tat, passed = 0, 0, 0
    for waited, cost in asked:
        now += waited
        tat, standing = charge(tat, now=now, cost=cost, quota=quota)
        passed += cost if standing.allowed else 0
    assert passed <= quota.burst + now // quota.interval_us


@given(quotas, st.lists(st.integers(0, 250_000), min_size=1, max_size=15))
def test_the_script_and_the_function_agree_to_the_last_microsecond(quota: Quota, costs: list[int]) -> None:
    with Redis.from_url(settings.REDIS_URL) as valkey:
        valkey.delete("holdout:test:gcra")
        tat = 0
        for cost in costs:
            allowed, *numbers, now = valkey.eval(
                _SCRIPT, 1, "holdout:test:gcra", cost, quota.interval_us, quota.burst
            )
            tat, standing = charge(tat, now=now, cost=cost, quota=quota)
            assert bool(allowed) is standing.allowed
            assert numbers == [standing.remaining, standing.retry_after_us, standing.full_after_us]


def test_a_process_that_counts_alone_forgets_the_longest_unseen_first() -> None:
    meter, quota = LocalMeter(most_keys=2), Quota("x", 1, 1)
    for key in ("a", "b", "a", "c"):
        meter.charge(key, cost=1, quota=quota)
    assert [meter.charge(key, cost=1, quota=quota).allowed for key in ("a", "c")] == [False, False]
    assert meter.charge("b", cost=1, quota=quota).allowed


@pytest.mark.parametrize("burst", [10, 1])
def test_lowering_the_burst_never_leaves_less_than_nothing(burst: int) -> None:
    tat, _ = charge(0, now=10**15, cost=1_000, quota=Quota("x", 60, 1_000))
    standing = charge(tat, now=10**15, cost=1, quota=Quota("x", 60, burst))[1]
    assert (standing.allowed, standing.remaining) == (False, 0)
