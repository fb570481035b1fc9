"""Keeping within quotas: what the registry's RateLimit headers say, and how long to wait by them.

draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "lookups";q=100000;w=10`,
`RateLimit: "lookups";r=90000;t=1`: q units come back in w seconds; r are left.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MEMBER: Final = re.compile(r'"([^"]+)"((?:\s*;\s*[a-z]+=[0-9]{1,15}(?![0-9]))*)')
_PARAMETER: Final = re.compile(r"([a-z]+)=([0-9]{1,15})")  # RFC 9651 has no longer numbers
_ROUNDING: Final = 1e-3
"""Units. Who waited exactly as long as was said must not find that a rounding error is missing."""


@dataclass(slots=True)
class _Bucket:
    burst: int
    per_second: float
    left: float
    at: float


class Pace:
    """What is known of each quota. Threads may share one."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}
        self._lock = threading.Lock()

    def seconds_before(self, quota: str, cost: int, *, now: float) -> float:
        """How long to wait before spending `cost`; 0 means now, and then they count as spent.

        What is larger than the burst waits for a full quota, as the registry charges it.
        """
        with self._lock:
            bucket = self._buckets.get(quota)
            if bucket is None:
                return 0.0
            cost = min(cost, bucket.burst)
            left = min(bucket.burst, bucket.left + (now - bucket.at) * bucket.per_second)
            if left + _ROUNDING < cost:
                return (cost - left) / bucket.per_second
            bucket.left, bucket.at = left - cost, now
            return 0.0

    def learn(self, headers: Mapping[str, str], *, now: float) -> None:
        """Take over what an answer says; headers that are absent or strange teach nothing."""
        policies = _members(headers.get("ratelimit-policy", ""))
        for name, said in _members(headers.get("ratelimit", "")).items():
            policy = policies.get(name, {})
            if "r" in said and policy.get("q") and policy.get("w"):
                per_second = policy["q"] / policy["w"]
                with self._lock:
                    self._buckets[name] = _Bucket(policy["q"], per_second, said["r"], now)


def _members(header: str) -> dict[str, dict[str, int]]:
    return {
        name: {key: int(value) for key, value in _PARAMETER.findall(parameters)}
        for name, parameters in _MEMBER.findall(header)
    }
