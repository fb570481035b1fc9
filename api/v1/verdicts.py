"""A verdict as JSON; what a vendor learns, and nothing about whose picture it is."""

from typing import Any

from holdout.verdicts import AsOf, Reason, Verdict


def as_of_json(as_of: AsOf) -> dict[str, Any]:
    return {"log_index": as_of.log_index, "time": as_of.time.isoformat()}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """`{"status": "failed", "error": ...}` has no `uses`: there is nothing in it to mistake for an allow."""
    if verdict.error is not None:
        error = {"code": verdict.error.code, "detail": verdict.error.detail}
        return {"status": verdict.status, "error": error}
    return {
        "status": verdict.status,
        "uses": dict(verdict.uses),
        "access": verdict.access,
        "disputed": verdict.disputed,
        "reasons": [_reason_json(reason) for reason in verdict.reasons],
    }


def _reason_json(reason: Reason) -> dict[str, Any]:
    return {
        "source": reason.source,
        "method": reason.method,
        "assurance": None if reason.assurance is None else f"L{reason.assurance}",
        "uses": dict(reason.outcomes),
    }
