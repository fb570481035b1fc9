"""Where quotas are counted: in Valkey for all processes together, or, while it is away, in this one."""

import logging
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from api import gcra
from api.gcra import Quota, Standing

logger = logging.getLogger(__name__)

_SCRIPT: Final = Path(__file__).with_name("gcra.lua").read_text(encoding="utf-8")
_PATIENCE_SECONDS: Final = 0.25
_PAUSE_SECONDS: Final = 2.0


class ValkeyMeter:
    """Counts for every process that shares the Valkey of `url`."""

    def __init__(self, url: str) -> None:
        self._client = Redis.from_url(
            url,
            socket_timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            retry=Retry(NoBackoff(), 0),  # its own default waits for seconds, with a request behind it
        )
        self._script = self._client.register_script(_SCRIPT)
        self._away_until = 0.0

    def charge(self, key: str, *, cost: int, quota: Quota) -> Standing | None:
        """None when Valkey cannot say; then it is left alone for a moment: not every request shall wait."""
        if time.monotonic() < self._away_until:
            return None
        try:
            allowed, remaining, retry_after, full_after, _ = self._script(
                keys=[f"holdout:quota:{quota.name}:{key}"], args=[cost, quota.interval_us, quota.burst]
            )
        except RedisError as error:
            self._away_until = time.monotonic() + _PAUSE_SECONDS
            logger.warning("Quotas are counted in this process, Valkey is away: %s", error)
            return None
        return Standing(bool(allowed), remaining, retry_after, full_after)


class LocalMeter:
    """Counts for this process alone; of more than `most_keys` callers the longest unseen is forgotten."""

    def __init__(self, most_keys: int = 10_000) -> None:
        self._tats: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._most_keys = most_keys
        self._lock = threading.Lock()

    def charge(self, key: str, *, cost: int, quota: Quota) -> Standing:
        now = time.monotonic_ns() // 1000
        place = (quota.name, key)
        with self._lock:
            tat, standing = gcra.charge(self._tats.pop(place, 0), now=now, cost=cost, quota=quota)
            self._tats[place] = tat
            if len(self._tats) > self._most_keys:
                self._tats.popitem(last=False)
        return standing
