"""A vendor writes to whoever made a statement that it was told of, and learns nothing about who that is.

A call only stores what is written; `deliver` decides whether anybody wants to read it, so that no vendor can
tell from an answer, or from how long it took.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Membership, Organization, User
from consent.models import Statement
from holdout.errors import InvalidInput, LimitReached, NotFound
from holdout.ids import is_public_id
from holdout.vocabulary import Preference, UsageCategory
from lookup.hits import was_told
from lookup.models import Inquiry, Mute

logger = logging.getLogger(__name__)

LONGEST: Final = 4_000
A_DAY: Final = 20
"""Inquiries of one vendor in 24 hours."""
_STATEMENT_EVERY: Final = timedelta(days=7)
KEPT: Final = timedelta(days=365)
PATIENCE: Final = timedelta(days=2)
"""So long a mail server may be away."""
_AT_ONCE: Final = 100
State = Inquiry.State

_SUBJECT: Final = "Holdout: a vendor writes to you / 有厂商写信给您"
_TEXT: Final = """\
{vendor} was told of what you declared (number {statement}) and writes to you.
It does not know who you are, and learns your address only if you answer. Holdout has read nothing of
this and vouches for nothing in it.

----------------------------------------------------------------
{message}
----------------------------------------------------------------

To answer, write to {reply_to}: the address that the vendor gave. To hear nothing more of it, to end
all such mails, or to permit it something, sign in and look at "Messages from vendors" in the overview. {page}

{vendor} 查询时被告知了您的声明（编号 {statement}），并写来一封信。对方不知道您是谁；只有在您回信之后，
才会知道您的邮箱地址。Holdout 没有看过上面的内容，也不为其作任何担保。

如需回复，请写信至对方提供的地址：{reply_to}。如果不想再收到该机构的来信、想停止所有此类邮件，
或想给予其许可，请登录后在“概览”中打开“厂商来信”。{page}
"""


def write_about(
    *, vendor: Organization, statement: str, message: str, reply_to: str, now: datetime
) -> Inquiry:
    """Store what `vendor` writes to whoever made the statement with that public id.

    Raises `NotFound` (`statement_unknown`) for one that the vendor was not told of, or whose declarant is
    gone, `InvalidInput` (`message_malformed`, `reply_to_malformed`) and `LimitReached` (`inquiry_limit`).
    """
    _refuse_what_is_no_message(message, reply_to)
    with transaction.atomic():
        # One at a time, so that no two count each other as not there.
        Organization.objects.select_for_update().get(pk=vendor.pk)
        said = _told_of(vendor, statement)
        _refuse_too_many(vendor, said, now=now)
        return Inquiry.objects.create(
            organization=vendor, statement=said, message=message.strip(), reply_to=reply_to
        )


def _told_of(vendor: Organization, statement: str) -> Statement:
    found = Statement.objects.select_related("declarant__organization")
    said = found.filter(public_id=statement).first() if is_public_id(statement) else None
    told = said is not None and was_told(vendor, said.public_id)
    if said is None or not told or not _readers(said.declarant.organization).exists():
        raise NotFound("statement_unknown", "No lookup of yours was told of a statement with that id.")
    return said


def _refuse_what_is_no_message(message: str, reply_to: str) -> None:
    printable = all(character == "\n" or character.isprintable() for character in message)
    if not printable or not message.strip() or len(message) > LONGEST:
        raise InvalidInput(
            "message_malformed", f"Write plain text of at most {LONGEST:,} characters, lines ended by \\n."
        )
    try:
        validate_email(reply_to)
    except ValidationError:
        raise InvalidInput(
            "reply_to_malformed", "Give the mail address at which you can be answered."
        ) from None


def _refuse_too_many(vendor: Organization, said: Statement, *, now: datetime) -> None:
    written = Inquiry.objects.filter(organization=vendor)
    if written.filter(created_at__gt=now - timedelta(days=1)).count() >= A_DAY:
        raise LimitReached("inquiry_limit", f"At most {A_DAY} messages in 24 hours.")
    if written.filter(statement=said, created_at__gt=now - _STATEMENT_EVERY).exists():
        raise LimitReached("inquiry_limit", "You wrote about this statement in the last seven days.")


def deliver(*, now: datetime) -> int:
    """Send what waits, or withhold it; how many were sent. What a mail server refuses waits a while."""
    waiting = Inquiry.objects.filter(state=State.WAITING).order_by("pk")
    return sum(_deliver(pk, now=now) for pk in list(waiting.values_list("pk", flat=True)[:_AT_ONCE]))


def _deliver(pk: int, *, now: datetime) -> bool:
    with transaction.atomic():
        # Whoever comes second finds that it waits no more.
        locked = Inquiry.objects.select_for_update(of=("self",), skip_locked=True)
        waiting = locked.select_related("organization", "statement__declarant__organization")
        inquiry = waiting.filter(pk=pk, state=State.WAITING).first()
        if inquiry is None:
            return False
        sent = _is_wanted(inquiry) and now < inquiry.created_at + PATIENCE
        if sent and not _sent(inquiry):
            return False
        Inquiry.objects.filter(pk=pk).update(state=State.SENT if sent else State.WITHHELD)
    return sent


def _is_wanted(inquiry: Inquiry) -> bool:
    to = inquiry.statement.declarant.organization
    if Mute.objects.filter(organization=to, vendor=inquiry.organization).exists():
        return False
    return _asks_for_it(inquiry.statement) if to.accepts_inquiries is None else to.accepts_inquiries


def _asks_for_it(said: Statement) -> bool:
    """Whether it is still "ask first" that is said there."""
    chain = Statement.objects.filter(declarant=said.declarant_id, work=said.work_id, locator=said.locator_id)
    now = chain.filter(superseded_by=None).first()
    return now is not None and any(getattr(now, use.value) == Preference.CONDITIONAL for use in UsageCategory)


def _sent(inquiry: Inquiry) -> bool:
    text = _TEXT.format(
        vendor=inquiry.organization.name,
        statement=inquiry.statement.public_id,
        message=inquiry.message,
        reply_to=inquiry.reply_to,
        page=f"{settings.HOLDOUT_PUBLIC_URL}/inquiries/" if settings.HOLDOUT_PUBLIC_URL else "",
    )
    try:
        for reader in _readers(inquiry.statement.declarant.organization):
            EmailMessage(_SUBJECT, text, None, [reader.email], reply_to=[inquiry.reply_to]).send()
    except OSError:
        logger.warning("a mail about an inquiry could not be sent", extra={"code": "inquiry"})
        return False
    return True


def _readers(organization: Organization) -> QuerySet[User]:
    """Who manages it: in an organisation of one's own that is oneself."""
    return User.objects.filter(
        is_active=True,
        memberships__organization=organization,
        memberships__role=Membership.Role.MANAGER,
    )


def inquiries_to(organization: Organization) -> QuerySet[Inquiry]:
    """What reached a creator, newest first."""
    found = Inquiry.objects.filter(statement__declarant__organization=organization, state=State.SENT)
    return found.select_related("organization", "statement").order_by("-pk")


def inquiry_to(organization: Organization, public_id: str) -> Inquiry:
    """One of what reached a creator. Raises `NotFound` (`inquiry_unknown`), also for another's."""
    found = inquiries_to(organization).filter(public_id=public_id) if is_public_id(public_id) else None
    inquiry = found.first() if found is not None else None
    if inquiry is None:
        raise NotFound("inquiry_unknown", "You have no message with that id.")
    return inquiry


def mute(*, organization: Organization, vendor: Organization, muted: bool) -> None:
    """Read nothing more of `vendor`, or again. Doing it twice changes nothing."""
    if muted:
        Mute.objects.get_or_create(organization=organization, vendor=vendor)
    else:
        Mute.objects.filter(organization=organization, vendor=vendor).delete()


def muted_by(organization: Organization) -> set[int]:
    """The primary keys of the vendors of which it reads nothing."""
    return set(Mute.objects.filter(organization=organization).values_list("vendor", flat=True))


def sweep(*, now: datetime) -> int:
    """Delete what retention ends."""
    return Inquiry.objects.filter(created_at__lt=now - KEPT).delete()[0]
