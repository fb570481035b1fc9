"""A snapshot as somebody who can be asked, with or without a registry behind it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from holdout.answers import NOTHING_SAID, Answers, Uses
from holdout.client import Client
from holdout.client.lookups import KEY_BYTES
from holdout.client.snapshots import Ranges
from holdout.errors import AnswerUnusable, RequestRefused
from holdout.policy import CONFIRMATION_NEEDED
from holdout.questions import Questions, digest_rows, selected, with_errors
from holdout.snapshot.codes import ASK, BITS, CODES, FAILED, LAST, to_preferences
from holdout.snapshot.ranges import Confirmed
from holdout.snapshot.read import Hits, Snapshot, every_key
from holdout.sources import Source, answered
from holdout.url_keys import ERRORS, UrlKeys, url_keys
from holdout.verdicts import AsOf, Outcome


def _uses_of(code: int) -> Uses:
    said = {use: Outcome(value) for use, value in to_preferences(code).items()}
    return MappingProxyType({**NOTHING_SAID, **said})


_OUTCOMES: Final = tuple(_uses_of(code) for code in range(LAST + 1))
_ERRORS: Final = (*ERRORS, CONFIRMATION_NEEDED, "range_unanswered")
_OTHER_BITS: Final = "confirm_bits"
_ASK_ERROR, _RANGE_ERROR = len(ERRORS), len(ERRORS) + 1


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SnapshotSource:
    """A snapshot on this machine. With `confirm` what it finds is asked again there, and that answer counts.

    Without, its restrictions count as they stand (one URL in 20,000 is taken for a reserved one), and rows
    that only a registry can answer come back as `confirmation_needed`. Nothing in a snapshot permits.
    """

    snapshot: Snapshot
    confirm: Source | None = None
    clock: Callable[[], datetime] = _now

    def record(self) -> dict[str, Any]:
        return {
            "kind": "snapshot",
            "version": self.snapshot.version,
            "created": self.snapshot.created.isoformat(),
            "expires": self.snapshot.expires.isoformat(),
            "log_index": self.snapshot.watermark,
            "digest": self.snapshot.header.digest.hex(),
            "confirmed_by": None if self.confirm is None else self.confirm.record(),
        }

    def ask(self, questions: Questions, /) -> Answers:
        """Raises `SnapshotRefused` (`snapshot_expired`) also in the middle of a long run."""
        self.snapshot.require_fresh(now=self.clock())
        codes, errors = _looked_up(self.snapshot, questions)
        asking = codes == ASK
        answers = Answers(
            outcomes=_OUTCOMES,
            outcome=np.where(asking | (errors != 0), 0, codes).astype(np.uint16),
            errors=_ERRORS,
            error=np.where(asking & (errors == 0), _ASK_ERROR, errors).astype(np.uint16),
            as_of=(AsOf(self.snapshot.watermark, self.snapshot.created),),
        )
        answers = with_errors(answers, questions.errors)
        if self.confirm is None:
            return answers
        # Those whose only error is that the registry has to be asked, and those with a restriction.
        open_rows = np.flatnonzero((codes != 0) & ((answers.error == 0) | (answers.error == _ASK_ERROR)))
        return _confirmed(answers, questions, open_rows, self.confirm)


class ByRanges:
    """A registry that is asked by ranges of keys: it does not learn what the pictures are (`confirm`).

    It says of each key by itself what follows, so that rows with exceptions stay `confirmation_needed`.
    """

    def __init__(self, registry: Client) -> None:
        self._registry = registry
        self._by: Ranges | None = None

    def record(self) -> dict[str, Any]:
        return {**self._registry.record(), "by": "ranges"}

    def ask(self, questions: Questions, /) -> Answers:
        """Raises `ClientError`."""
        hits, errors = _all_keys(questions)
        said, as_of = self._confirmed(hits)
        codes = np.zeros(questions.rows, np.uint8)
        codes[said.row] = said.code
        failed = (codes == FAILED) & (errors == 0)
        errors[(codes == ASK) & (errors == 0)] = _ASK_ERROR
        errors[failed] = _RANGE_ERROR
        answers = Answers(
            outcomes=_OUTCOMES,
            outcome=np.where(errors != 0, 0, codes).astype(np.uint16),
            errors=_ERRORS,
            error=errors,
            sources={
                row: sources[0]
                for row, sources in zip(said.row.tolist(), said.sources, strict=True)
                if sources
            },
            as_of=() if as_of is None else (as_of,),
        )
        return with_errors(answers, questions.errors)

    def _confirmed(self, hits: Hits) -> tuple[Confirmed, AsOf | None]:
        if self._by is None:
            self._by = self._registry.snapshots().confirm
        try:
            return self._registry.confirm(hits, self._by)
        except RequestRefused as error:
            if error.code != _OTHER_BITS:
                raise
            # The registry has grown since it was asked how it cuts its keys into ranges.
            self._by = self._registry.snapshots().confirm
            return self._registry.confirm(hits, self._by)


def _all_keys(asked: Questions) -> tuple[Hits, NDArray[np.uint16]]:
    """All keys of all rows, rows ascending, and the rows' errors."""
    errors = np.zeros(asked.rows, np.uint16)
    rows, keys = [np.empty(0, np.int64)], [np.empty((0, KEY_BYTES), np.uint8)]
    for column in (asked.pages, asked.urls):
        if column is not None:
            given = np.flatnonzero(~_is_null(column))
            found = _keys_of(column.drop_null())
            errors[given] = np.maximum(errors[given], found.error)
            hits = every_key(found, np.ones(len(given), np.bool_))
            rows.append(given[hits.row])
            keys.append(hits.key)
    if asked.digests is not None:
        given = np.flatnonzero(~_is_null(asked.digests))
        rows.append(given)
        keys.append(digest_rows(asked.digests)[given, :KEY_BYTES])
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    return Hits(row[order], np.concatenate(keys)[order]), errors


def _looked_up(snapshot: Snapshot, asked: Questions) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Per row the code of its keys together, 0 where it has an error; and its error, by `_ERRORS`."""
    bits, errors = np.zeros(asked.rows, np.uint16), np.zeros(asked.rows, np.uint16)
    for column in (asked.pages, asked.urls):
        if column is not None:
            rows = np.flatnonzero(~_is_null(column))
            keys = _keys_of(column.drop_null())
            wrong = keys.error != 0
            errors[rows[wrong]] = keys.error[wrong]
            codes = snapshot.urls(keys)
            bits[rows[~wrong]] |= BITS[codes[~wrong]]
    if asked.digests is not None:
        files = np.flatnonzero(~_is_null(asked.digests))
        bits[files] |= BITS[snapshot.files(digest_rows(asked.digests)[files])]
    bits[errors != 0] = 0
    return CODES[bits], errors


def _keys_of(urls: pa.LargeBinaryArray) -> UrlKeys:
    _, offsets, values = urls.buffers()
    ends = np.frombuffer(offsets, np.int64)[urls.offset : urls.offset + len(urls) + 1]
    buffer = np.frombuffer(values, np.uint8) if values else np.empty(0, np.uint8)
    return url_keys(buffer, ends[:-1], ends[1:])


def _is_null(column: pa.Array) -> NDArray[np.bool_]:
    null: NDArray[np.bool_] = column.is_null().to_numpy(zero_copy_only=False)
    return null


def _confirmed(answers: Answers, asked: Questions, rows: NDArray[np.int64], confirm: Source) -> Answers:
    """`answers` with those to `rows` replaced by what `confirm` says.

    Raises `AnswerUnusable` for one that is shorter, or older than the snapshot: it may not know of what the
    snapshot found.
    """
    if not len(rows):
        return answers
    said = answered(confirm, selected(asked, rows))
    if not said.as_of or min(said.as_of).log_index < min(answers.as_of).log_index:
        raise AnswerUnusable(
            "answer_too_old", "The registry that was asked to confirm is behind the snapshot. Nothing counts."
        )
    outcomes, errors = (*answers.outcomes, *said.outcomes), (*answers.errors, *said.errors[1:])
    outcome, error = answers.outcome.copy(), answers.error.copy()
    outcome[rows] = len(answers.outcomes) + said.outcome
    error[rows] = np.where(said.error == 0, 0, len(answers.errors) - 1 + said.error)
    return replace(
        answers,
        outcomes=outcomes,
        outcome=outcome,
        errors=errors,
        error=error,
        sources={int(rows[row]): source for row, source in said.sources.items()},
        disputed=rows[said.disputed],
        as_of=tuple(sorted({*answers.as_of, *said.as_of})),
        index_versions=said.index_versions,
    )
