"""Asking until there is an answer, or until patience ends."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import msgspec

from holdout.client.pace import Pace
from holdout.client.wire import Broken, Conversation, Heard, Reply, Request, Save, Send, Wait
from holdout.errors import ClientError, RegistryAway, RequestRefused

_LATER: Final = frozenset({429, 502, 503, 504})
_IN_PROGRESS: Final = "idempotency_in_progress"
_QUOTA: Final = 429


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a call is. Failed attempts are repeated after 0.5, 1, 2, 4 ... seconds, less up to half.

    `Retry-After` is obeyed. A refusal for quota uses up patience, but no attempt: it says when to come back.
    """

    attempts: int = 6
    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    patience_seconds: float = 600.0
    """The most that one call waits altogether."""

    def seconds_before(self, attempt: int, *, retry_after: float | None, chance: float) -> float:
        """How long to wait after failed attempt number `attempt` (from 1); `chance` lies in [0, 1)."""
        backoff = min(self.longest_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 32))
        # Spread over half of it, so that those who were refused together do not come back together.
        spread = backoff * (1 - chance / 2)
        return spread if retry_after is None else retry_after + chance * self.first_seconds


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a client's calls are made; clock and chance are for tests to set."""

    retry: Retry = field(default_factory=Retry)
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


def exchange(step: Send | Save, terms: Terms) -> Conversation[Reply]:
    """Send `step.request` until it is answered with a success.

    Only for requests that may be repeated. Raises `RequestRefused` and `RegistryAway`.
    """
    attempts, waited = 0, 0.0
    while True:
        waited = yield from _until_affordable(step.request, terms, waited)
        heard = yield step
        if isinstance(heard, Reply):
            terms.pace.learn(heard.headers, now=terms.clock())
            if heard.status < 300:
                return heard
        error = error_of(heard)
        if not _passes_later(heard, error):
            raise error
        attempts += 0 if _is_quota(heard) else 1
        seconds = terms.retry.seconds_before(
            max(1, attempts), retry_after=_retry_after(heard), chance=terms.chance()
        )
        waited += seconds
        if attempts >= terms.retry.attempts or waited > terms.retry.patience_seconds:
            raise RegistryAway(error.code, f"{error.detail} Gave up after {attempts} attempts.") from error
        yield Wait(seconds)


def _until_affordable(request: Request, terms: Terms, waited: float) -> Conversation[float]:
    """Wait until the quota allows the request; returns how long the call has waited altogether."""
    while (seconds := terms.pace.seconds_before(request.quota, request.cost, now=terms.clock())) > 0:
        waited += seconds
        if waited > terms.retry.patience_seconds:
            raise RegistryAway(
                "quota_exceeded", f"The quota would allow this in {seconds:.0f} seconds, which is too long."
            )
        yield Wait(seconds)
    return waited


class _Problem(msgspec.Struct):
    code: str = "http_error"
    detail: str = ""


def error_of(heard: Heard) -> ClientError:
    """What an answer that is no success says, or the want of one."""
    if not isinstance(heard, Reply):
        why = heard.why if isinstance(heard, Broken) else "nothing was sent"
        return RegistryAway("registry_unreachable", f"No answer from the registry ({why}).")
    try:
        problem = msgspec.json.decode(heard.body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = _Problem()
    if problem.code == "http_error":
        problem.detail = f"The server answered {heard.status}, without saying why. Is it a Holdout registry?"
    return RequestRefused(problem.code, problem.detail, heard.status)


def _passes_later(heard: Heard, error: ClientError) -> bool:
    if isinstance(heard, Reply):
        return heard.status in _LATER or error.code == _IN_PROGRESS
    return True


def _is_quota(heard: Heard) -> bool:
    return isinstance(heard, Reply) and heard.status == _QUOTA and "retry-after" in heard.headers


def _retry_after(heard: Heard) -> float | None:
    """Seconds, from a number or a date; None where there is none that can be read."""
    text = heard.headers.get("retry-after", "") if isinstance(heard, Reply) else ""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
