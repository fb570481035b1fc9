"""What a creator does, from the form to the log: each is one call for a view."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.db import transaction

from accounts.models import Organization
from consent.intentions import forget, intend, intend_of_all, not_saying
from consent.models import Statement
from consent.queries import current_statement
from consent.services import declare, declare_many, withdraw
from holdout.errors import Conflict, Unavailable
from holdout.vocabulary import Preferences, UsageCategory
from ledger.services import wait_for_entry
from registry.models import Asset, Declarant, Work
from registry.quotas import refuse_beyond_quota
from registry.services import await_fingerprints, default_declarant, receive_once, receive_picture
from registry.unseen import Codes, register_unseen

_AT_ONCE: Final = 500
_MOST_AT_ONCE: Final = 5_000
"""Works of which is spoken while somebody waits for the page."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A stored statement, and whether it has its place in the log already; if not, it will get one."""

    work: Work
    statement: Statement
    logged: bool


@dataclass(frozen=True, slots=True)
class SaidOfAll:
    """Of how many works something was said, and of how many it will be."""

    said: int
    later: int


def register(
    *, organization: Organization, title: str, picture: bytes, preferences: Preferences, terms_url: str
) -> Declared:
    """Register one picture for `organization` and say `preferences` about it.

    Raises what `registry.services.await_fingerprints` raises, and LimitReached; then nothing stays.
    """
    declarant = default_declarant(organization=organization)
    refuse_beyond_quota(declarant=declarant, works=1, now=datetime.now(UTC))
    asset = await_fingerprints(
        asset=receive_picture(declarant=declarant, title=title, picture=picture),
    )
    return say(work=asset.work, preferences=preferences, terms_url=terms_url)


def register_once(
    *,
    organization: Organization,
    title: str,
    picture: bytes,
    original: bytes,
    preferences: Preferences,
    terms_url: str,
) -> Declared | None:
    """`register`, unless something was said already about the file with that SHA-256: then None.

    `picture` is that file or a smaller copy of it (`registry.services.receive_picture`). Sent twice, even at
    the same time, it is one work with one statement.
    """
    declarant = default_declarant(organization=organization)
    refuse_beyond_quota(declarant=declarant, works=1, now=datetime.now(UTC))
    asset = await_fingerprints(
        asset=receive_once(
            declarant=declarant,
            title=title,
            picture=picture,
            original=original,
        ),
    )
    return _say_once(asset, preferences=preferences, terms_url=terms_url)


def register_unseen_once(
    *,
    organization: Organization,
    title: str,
    original: bytes,
    codes: Codes | None,
    preferences: Preferences,
    terms_url: str,
) -> Declared | None:
    """`register_once` for a picture that stays on its creator's device (`registry.unseen`)."""
    declarant = default_declarant(organization=organization)
    refuse_beyond_quota(declarant=declarant, works=1, now=datetime.now(UTC))
    asset = register_unseen(declarant=declarant, title=title, original=original, codes=codes)
    return _say_once(asset, preferences=preferences, terms_url=terms_url)


def _say_once(asset: Asset, *, preferences: Preferences, terms_url: str) -> Declared | None:
    with transaction.atomic():
        work = Work.objects.select_for_update(no_key=True).get(pk=asset.work_id)
        if work.statements.exists():
            return None
        statement = declare(
            declarant=work.declarant, subject=work, preferences=preferences, terms_url=terms_url
        )
    return _logged(work, statement)


def say(*, work: Work, preferences: Preferences, terms_url: str) -> Declared:
    """Say `preferences` about a work, instead of what its declarant said before or was to say later."""
    with transaction.atomic():
        forget([work])  # first, as the clock does: it would wait for us, and we for it
        statement = declare(
            declarant=work.declarant, subject=work, preferences=preferences, terms_url=terms_url
        )
    return _logged(work, statement)


def say_later(*, work: Work, preferences: Preferences, terms_url: str, starts_at: datetime) -> None:
    """Say `preferences` about a work from then on; until then what is said now holds."""
    intend([work], preferences=preferences, terms_url=terms_url, starts_at=starts_at)


def say_of_all(
    *,
    organization: Organization,
    preferences: Preferences,
    terms_url: str,
    starts_at: datetime | None = None,
) -> SaidOfAll:
    """Say `preferences` of every work of `organization` of which something else is said.

    From `starts_at` on, where it is given; and in a while, by the clock, where there are many
    (`consent.intentions`). Some hundred at a time: what is said stays said should the rest fail.
    """
    own = Work.objects.filter(organization=organization, declarant__spoken_for=False)
    if starts_at is not None or own[: _MOST_AT_ONCE + 1].count() > _MOST_AT_ONCE:
        later = intend_of_all(
            organization=organization, preferences=preferences, terms_url=terms_url, starts_at=starts_at
        )
        return SaidOfAll(said=0, later=later)
    said = last = 0
    while works := list(own.filter(pk__gt=last).select_related("declarant").order_by("pk")[:_AT_ONCE]):
        last = works[-1].pk
        with transaction.atomic():
            forget(works)
            for declarant, theirs in _by_declarant(not_saying(works, preferences, terms_url)):
                declare_many(
                    declarant=declarant, subjects=theirs, preferences=preferences, terms_url=terms_url
                )
                said += len(theirs)
    return SaidOfAll(said=said, later=0)


def _by_declarant(works: list[Work]) -> list[tuple[Declarant, list[Work]]]:
    theirs: dict[Declarant, list[Work]] = {}
    for work in works:
        theirs.setdefault(work.declarant, []).append(work)
    return list(theirs.items())


def take_back(*, work: Work) -> Declared:
    """Withdraw what is said about a work. Raises `Conflict` (`nothing_to_withdraw`)."""
    statement = current_statement(work)
    if statement is None or not any(getattr(statement, use.value) for use in UsageCategory):
        raise Conflict("nothing_to_withdraw", "Nothing is said about this work.")
    with transaction.atomic():
        forget([work])
        withdrawn = withdraw(statement=statement)
    return _logged(work, withdrawn)


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
