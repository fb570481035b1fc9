"""Proofs of places are looked at again: what is gone is told, and lapses only after that."""

from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import transaction

from ledger.models import Log
from ledger.services import append
from registry.looking import LOOK_AGAIN, Attempt, Method, look
from registry.models import Authorization, Lapse
from registry.notices import tell
from registry.queries import holding_authorizations
from registry.records import lapse_record

AGAIN_WHEN_MISSING: Final = timedelta(days=1)
PATIENCE: Final = timedelta(days=14)
"""From the first day on which the code was not there."""
PATIENCE_UNREACHABLE: Final = timedelta(days=60)
"""While the place does not answer: that is no word of its holder."""

_WARNING: Final = """\
{where} no longer shows that you control {place}.

Put the code back before {day}, or prove it anew, and nothing changes:

{code}

After that day this proof lapses, and what you said about the place has no effect until it is proven again.

{where} 已不再显示您控制 {place} 的证明。

请在 {day} 之前放回验证码，或重新验证，一切照旧：

{code}

过期后该证明失效；在重新验证之前，您对该处所作的声明不再生效。
"""
_LAPSED: Final = """\
The proof that you control {place} has lapsed: {where} has not shown it for too long.

What you said about it stays on record and has effect again as soon as you prove it anew.

您控制 {place} 的证明已失效：{where} 长期未显示该证明。

您的声明仍保留在记录中，重新验证后立即恢复效力。
"""


def due(*, now: datetime, most: int) -> list[str]:
    """The public ids of proofs that are to be looked at again, those first that wait longest."""
    waiting = holding_authorizations().filter(due_at__lte=now, locator__isnull=False)
    return list(waiting.order_by("due_at").values_list("public_id", flat=True)[:most])


def recheck(*, authorization_id: str, now: datetime | None = None) -> Attempt | None:
    """Look whether a proof still stands; warn, and let it lapse when it is missing for too long.

    None for a proof that holds no more, or that nobody can look at.
    """
    now = now or datetime.now(UTC)
    proof = (
        holding_authorizations()
        .select_related("locator__declarant", "challenge")
        .filter(public_id=authorization_id, challenge__isnull=False, due_at__isnull=False)
        .first()
    )
    if proof is None or proof.locator is None or proof.challenge is None:
        return None
    method = Method(proof.method)
    attempt = look(proof.locator, proof.challenge.code, method=method, where=proof.where, now=now)
    if not attempt.error:
        found = {"due_at": now + LOOK_AGAIN[method], "missing_since": None}
        Authorization.objects.filter(pk=proof.pk).update(**found)
    elif proof.missing_since is None:
        Authorization.objects.filter(pk=proof.pk).update(due_at=now + AGAIN_WHEN_MISSING, missing_since=now)
        _tell(proof, _WARNING, "Holdout: a proof is missing / 证明缺失", until=now + _patience(attempt))
    elif now - proof.missing_since >= _patience(attempt):
        lapse(proof, reason=Lapse.Reason.GONE)
        _tell(proof, _LAPSED, "Holdout: a proof has lapsed / 证明已失效", until=now)
    else:
        Authorization.objects.filter(pk=proof.pk).update(due_at=now + AGAIN_WHEN_MISSING)
    return attempt


def lapse(proof: Authorization, *, reason: Lapse.Reason) -> Lapse:
    """From its log index on the proof, and all that rests on it, holds no more."""
    with transaction.atomic():
        ended, new = Lapse.objects.get_or_create(authorization=proof, defaults={"reason": reason})
        if new:
            append(
                log=Log.DECLARATIONS,
                entry_type="lapse",
                record_id=ended.public_id,
                record=lapse_record(ended),
            )
    return ended


def _patience(attempt: Attempt) -> timedelta:
    return PATIENCE if attempt.error == "code_not_found" else PATIENCE_UNREACHABLE


def _tell(proof: Authorization, words: str, subject: str, *, until: datetime) -> None:
    assert proof.locator is not None  # noqa: S101 - `recheck` asks for proofs of places
    assert proof.challenge is not None  # noqa: S101 - likewise
    text = words.format(
        place=proof.locator.target,
        where=proof.where,
        day=f"{until:%Y-%m-%d}",
        code=f"holdout-verify={proof.challenge.code}",
    )
    tell(proof.declarant, subject=subject, text=text)
