"""What the pages show of works: reading only, always in the tenant that asks."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from consent.queries import LoggedStatement, StatementInForce, history_of, said_of_works
from holdout.errors import NotFound
from holdout.ids import is_public_id
from holdout.vocabulary import Preference
from ledger import queries as ledger
from lookup.hits import Asked, seen_copies, who_asked
from registry.models import Asset, Locator, Work
from registry.queries import Proven, work_assurance
from web.copies import DrawnCopy, drawn


@dataclass(frozen=True, slots=True)
class ListedWork:
    """A line of the creator's list; `said` is None while nothing is in force."""

    work: Work
    said: StatementInForce | None


@dataclass(frozen=True, slots=True)
class WorkDetails:
    """Everything that is shown of one work. `history` is newest first; `said` is the one in force."""

    work: Work
    asset: Asset | None
    sha256: str
    sent_nothing: bool
    """Whether its declarant alone has seen the file."""
    unseen: list[str]
    """The SHA-256 of files that only their declarant has seen: smaller copies of them were uploaded."""
    places: list[Locator]
    proven: Proven
    history: list[LoggedStatement]
    said: LoggedStatement | None
    receipt: dict[str, Any] | None
    told: list[Asked]
    """Who asked about pictures and was told of it."""
    copies: list[DrawnCopy]
    """The near copies among those."""

    @property
    def waiting(self) -> bool:
        """Whether the newest statement is not in the log yet."""
        return bool(self.history) and self.history[0].index is None

    @property
    def permits_in_vain(self) -> bool:
        """Whether it says "yes" to something with a proof that cannot permit (lookups answer `unknown`)."""
        said = self.said.preferences.values() if self.said else ()
        return Preference.ALLOW in said and not self.proven.permits


def with_what_is_said(works: Iterable[Work]) -> list[ListedWork]:
    """The works, in their order, with what their own declarants say of them now, as sequenced."""
    works = list(works)
    said = said_of_works(works, as_of=ledger.head().log_index)
    return [ListedWork(work, said.get(work.pk)) for work in works]


def details_of(work: Work) -> WorkDetails:
    history = history_of(work)
    logged = [line for line in history if line.index is not None]
    statements = [line.statement.public_id for line in logged]
    assets = list(work.assets.order_by("pk"))
    asset = assets[0] if assets else None
    return WorkDetails(
        work=work,
        asset=asset,
        sha256=_sha256(asset),
        sent_nothing=asset is not None and not asset.authorizations.exists(),
        unseen=[_sha256(other) for other in assets[1:] if other.width is None],
        places=list(work.locators.order_by("pk")),
        proven=work_assurance(work, as_of=ledger.head().log_index),
        history=history,
        said=logged[0] if logged else None,
        receipt=ledger.receipt(logged[0].statement.public_id) if logged else None,
        told=who_asked(statements),
        copies=[drawn(copy) for copy in seen_copies(statements)],
    )


def receipt_of(work: Work, record_id: str | None = None) -> dict[str, Any]:
    """The receipt of one of the work's statements or files, of the statement in force when none is named.

    Raises `NotFound` (`not_in_log`), also for a record that is not about this work.
    """
    if record_id is None:
        record_id = next((s.statement.public_id for s in history_of(work) if s.index is not None), "")
    elif not is_public_id(record_id) or not (
        work.statements.filter(public_id=record_id).exists()
        or work.assets.filter(public_id=record_id).exists()
    ):
        raise NotFound("not_in_log", "That record is not about this work.")
    return ledger.receipt(record_id)


def _sha256(asset: Asset | None) -> str:
    found = asset and asset.fingerprints.filter(algorithm="sha256").first()
    return bytes(found.value).hex() if found else ""
