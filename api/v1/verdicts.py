"""Answers as JSON; what a vendor learns, and nothing about whose picture it is."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from holdout.verdicts import AsOf, Reason, Verdict
from lookup.batch import Batch
from lookup.decisions import OUTCOMES, Decisions
from lookup.engine import Looked, error_of


def as_of_json(as_of: AsOf) -> dict[str, Any]:
    return {"log_index": as_of.log_index, "time": as_of.time.isoformat()}


def all_json(looked: Looked, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A result for every query, in their order. Most say the same "nothing", which is written once."""
    written: dict[int, msgspec.Raw] = {}
    results = []
    for verdict in verdicts:
        if id(verdict) not in written:
            written[id(verdict)] = msgspec.Raw(msgspec.json.encode(verdict_json(verdict)))
        results.append(written[id(verdict)])
    return {**_head(looked), "results": results}


def hits_json(batch: Batch, looked: Looked, decisions: Decisions) -> dict[str, Any]:
    """In columns: the queries about which something is said, and those that failed.

    A query that stands in neither was looked up, and nothing is said about it: not a permission.
    """
    codes, outcome = np.unique(decisions.outcome, return_inverse=True)
    failed = np.flatnonzero(looked.error).tolist()
    return {
        **_head(looked),
        "queries": batch.rows,
        "outcomes": [dict(OUTCOMES[code]) for code in codes.tolist()],
        "hits": {
            "row": decisions.row.tolist(),
            "outcome": outcome.tolist(),
            "source": _sources(decisions),
            "disputed": decisions.row[decisions.disputed].tolist(),
        },
        "blocked": list(decisions.blocked),
        "failed": {"row": failed, "code": [error_of(batch, looked, row).code for row in failed]},
    }


def _sources(decisions: Decisions) -> list[str]:
    """Of each row the statement or grant that weighs most, or the standard of the signal that does."""
    ids = decisions.sources()
    if not decisions.standard:
        return ids
    return [decisions.standard.get(row, id_) for row, id_ in zip(decisions.row.tolist(), ids, strict=True)]


def _head(looked: Looked) -> dict[str, Any]:
    return {"as_of": as_of_json(looked.as_of), "index_version": looked.index_version}


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
    said: dict[str, Any] = {
        "source": reason.source,
        "method": reason.method,
        "assurance": None if reason.assurance is None else f"L{reason.assurance}",
        "uses": dict(reason.outcomes),
    }
    if reason.seen is not None:
        said |= {
            "mirrored": reason.seen.mirrored,
            "inverted": reason.seen.inverted,
            "covered": reason.seen.covered,
        }
    return said
