"""When the client asks again, how long it waits, and when it gives up; on a clock of its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.client.pace import Pace
from holdout.client.retry import Retry, Terms, exchange
from holdout.client.wire import Broken, Heard, Reply, Request, Send, Step, Wait
from holdout.errors import ClientError, RegistryAway, RequestRefused

ASKED = Send(Request("POST", "/v1/lookups", quota="lookups", cost=1_000))


@dataclass
class World:
    """Plays what comes back to a conversation; time passes only by its waits."""

    heard: Sequence[Heard]
    chance: float = 0.0
    now: float = 1_000.0
    sent: int = 0
    waits: list[float] = field(default_factory=list)

    def hold(self, retry: Retry | None = None, pace: Pace | None = None, step: Send = ASKED) -> Reply:
        terms = Terms(retry or Retry(), pace or Pace(), clock=lambda: self.now, chance=lambda: self.chance)
        conversation = exchange(step, terms)
        replies = iter(self.heard)
        came: Heard = None
        while True:
            try:
                step_now = conversation.send(came)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            came = self._play(step_now, lambda: next(replies))

    def _play(self, step: Step, next_reply: Callable[[], Heard]) -> Heard:
        if isinstance(step, Wait):
            self.waits.append(round(step.seconds, 3))
            self.now += step.seconds
            return None
        self.sent += 1
        return next_reply()


def problem(status: int, code: str = "x", **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, f'{{"code":"{code}","detail":"Because."}}'.encode())


OK = Reply(200, body=b"fine")


def test_what_goes_well_is_asked_once() -> None:
    world = World([OK])
    assert world.hold() is OK
    assert (world.sent, world.waits) == (1, [])


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_server_that_is_away_is_asked_again_after_ever_longer_pauses(status: int) -> None:
    world = World([problem(status), Broken("cut"), problem(status), OK])
    assert world.hold() is OK
    assert world.waits == [0.5, 1.0, 2.0]


def test_pauses_are_spread_so_that_clients_do_not_come_back_together() -> None:
    world = World([problem(503), problem(503), OK], chance=0.5)
    world.hold()
    assert world.waits == [0.375, 0.75]


def test_retry_after_is_obeyed_in_seconds_and_as_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    world = World([problem(503, retry_after="7"), problem(503, retry_after=date), OK])
    world.hold()
    assert world.waits[0] == 7.0
    assert 80 < world.waits[1] <= 90


@pytest.mark.parametrize("strange", ["soon", "-5", "", "١٢"])
def test_a_retry_after_that_says_nothing_is_none(strange: str) -> None:
    world = World([problem(503, retry_after=strange), OK])
    world.hold()
    assert world.waits == [0.5]


def test_attempts_are_bounded_and_the_last_word_is_passed_on() -> None:
    world = World([problem(503, "overloaded")] * 9)
    with pytest.raises(RegistryAway) as away:
        world.hold(Retry(attempts=4))
    assert (away.value.code, world.sent) == ("overloaded", 4)
    assert "Gave up after 4 attempts" in away.value.detail


def test_patience_is_bounded_too() -> None:
    world = World([problem(503, retry_after="400")] * 9)
    with pytest.raises(RegistryAway):
        world.hold(Retry(patience_seconds=600))
    assert world.waits == [400.0]


def test_a_spent_quota_costs_patience_but_no_attempt() -> None:
    world = World([problem(429, "quota_exceeded", retry_after="10")] * 20 + [OK])
    assert world.hold(Retry(attempts=2)) is OK
    assert world.waits == [10.0] * 20


def test_a_429_that_names_no_time_counts_as_an_attempt() -> None:
    world = World([problem(429)] * 20)
    with pytest.raises(RegistryAway):
        world.hold(Retry(attempts=3))
    assert world.sent == 3


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 413, 415, 422, 500, 501])
def test_a_refusal_is_final(status: int) -> None:
    world = World([problem(status, "no")])
    with pytest.raises(RequestRefused) as refused:
        world.hold()
    assert (refused.value.code, refused.value.status, refused.value.detail) == ("no", status, "Because.")


def test_a_request_that_is_still_being_executed_is_asked_again() -> None:
    world = World([problem(409, "idempotency_in_progress"), OK])
    assert world.hold() is OK


def test_no_connection_at_all_says_so() -> None:
    world = World([Broken("ConnectError: refused")] * 9)
    with pytest.raises(RegistryAway, match="ConnectError") as away:
        world.hold()
    assert away.value.code == "registry_unreachable"


def limits(left: int, *, burst: int = 5_000, seconds: int = 10) -> dict[str, str]:
    return {
        "ratelimit-policy": f'"lookups";q={burst};w={seconds}',
        "ratelimit": f'"lookups";r={left};t={seconds}',
    }


def test_it_waits_rather_than_be_refused() -> None:
    """5,000 units come back in 10 seconds; 1,000 are wanted and 200 left."""
    pace = Pace()
    World([Reply(200, limits(200))]).hold(pace=pace)
    world = World([OK])
    world.hold(pace=pace)
    assert world.waits == [1.6]


def test_a_call_larger_than_the_burst_waits_for_all_of_it_and_no_longer() -> None:
    pace = Pace()
    pace.learn(limits(0, burst=500), now=1_000.0)
    world = World([OK])
    world.hold(pace=pace)
    assert world.waits == [10.0]


def test_waiting_for_quota_uses_up_patience_too() -> None:
    pace = Pace()
    pace.learn(limits(0, burst=1, seconds=999_999_999), now=1_000.0)
    world = World([OK])
    with pytest.raises(RegistryAway) as away:
        world.hold(pace=pace)
    assert (away.value.code, world.waits, world.sent) == ("quota_exceeded", [], 0)


def test_a_number_longer_than_headers_have_teaches_nothing() -> None:
    pace = Pace()
    pace.learn({"ratelimit": '"lookups";r=0', "ratelimit-policy": f'"lookups";q=1;w={"9" * 5_000}'}, now=0.0)
    assert pace.seconds_before("lookups", 1, now=0.0) == 0.0


def test_what_was_sent_counts_before_the_answer_comes() -> None:
    pace = Pace()
    pace.learn(limits(2_500), now=0.0)
    assert [pace.seconds_before("lookups", 1_000, now=0.0) for _ in range(3)] == [0.0, 0.0, 1.0]


def test_another_quota_is_another_matter() -> None:
    pace = Pace()
    pace.learn(limits(0), now=0.0)
    assert pace.seconds_before("jobs", 1, now=0.0) == 0.0


@pytest.mark.parametrize("header", ["", "lookups", '"lookups"', '"lookups";r=x', '"lookups";t=3', "\x00"])
def test_limits_that_cannot_be_read_teach_nothing(header: str) -> None:
    pace = Pace()
    pace.learn({"ratelimit": header, "ratelimit-policy": '"lookups";q=5;w=1'}, now=0.0)
    pace.learn({"ratelimit": '"lookups";r=0;t=9', "ratelimit-policy": header}, now=0.0)
    assert pace.seconds_before("lookups", 5, now=0.0) == 0.0


@given(
    st.lists(st.tuples(st.integers(1, 9_999), st.floats(0, 5)), max_size=30),
    st.integers(1, 5_000),
    st.integers(1, 60),
)
def test_nobody_ever_spends_more_than_the_quota_gives(
    wishes: list[tuple[int, float]], burst: int, seconds: int
) -> None:
    pace, now, spent = Pace(), 0.0, 0.0
    pace.learn(limits(burst, burst=burst, seconds=seconds), now=now)
    for cost, pause in wishes:
        now += pause
        while (wait := pace.seconds_before("lookups", cost, now=now)) > 0:
            now += wait
        spent += min(cost, burst)
        assert spent <= burst + now * burst / seconds + 1


@given(st.lists(st.sampled_from([OK, problem(503), problem(429), problem(401), Broken("x")]), max_size=20))
def test_whatever_happens_it_ends_with_an_answer_or_an_error(heard: list[Any]) -> None:
    world = World([*heard, *[problem(503)] * 10])
    try:
        assert world.hold() is OK
    except ClientError:
        assert sum(world.waits) <= Retry().patience_seconds
