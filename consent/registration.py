"""What a creator does, from the form to the log: each is one call for a view."""

from dataclasses import dataclass

from django.conf import settings

from accounts.models import Organization
from consent.models import Statement
from consent.queries import current_statement
from consent.services import declare, withdraw
from holdout.errors import Conflict, Unavailable
from holdout.vocabulary import Preferences, UsageCategory
from ledger.services import wait_for_entry
from registry.models import Work
from registry.services import await_fingerprints, default_declarant, receive_picture


@dataclass(frozen=True, slots=True)
class Declared:
    """A stored statement, and whether it has its place in the log already; if not, it will get one."""

    work: Work
    statement: Statement
    logged: bool


def register(
    *, organization: Organization, title: str, picture: bytes, preferences: Preferences, terms_url: str
) -> Declared:
    """Register one picture for `organization` and say `preferences` about it.

    Raises what `registry.services.await_fingerprints` raises; then nothing stays.
    """
    declarant = default_declarant(organization=organization)
    asset = await_fingerprints(
        asset=receive_picture(declarant=declarant, title=title, picture=picture),
    )
    return say(work=asset.work, preferences=preferences, terms_url=terms_url)


def say(*, work: Work, preferences: Preferences, terms_url: str) -> Declared:
    """Say `preferences` about a work, instead of what its declarant said before."""
    return _logged(
        work,
        declare(declarant=work.declarant, subject=work, preferences=preferences, terms_url=terms_url),
    )


def take_back(*, work: Work) -> Declared:
    """Withdraw what is said about a work. Raises `Conflict` (`nothing_to_withdraw`)."""
    statement = current_statement(work)
    if statement is None or not any(getattr(statement, use.value) for use in UsageCategory):
        raise Conflict("nothing_to_withdraw", "Nothing is said about this work.")
    return _logged(work, withdraw(statement=statement))


def _logged(work: Work, statement: Statement) -> Declared:
    try:
        wait_for_entry(
            record_id=statement.public_id,
            timeout_seconds=settings.HOLDOUT_SEQUENCING_TIMEOUT_SECONDS,
        )
    except Unavailable:
        # It is stored and will be logged: an error would only make the creator say it twice.
        return Declared(work, statement, logged=False)
    return Declared(work, statement, logged=True)
