"""Once a month, to who wants it: who was told of what they said. English and Chinese in one mail."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.core.mail import send_mail
from django.db import transaction

from accounts.models import Organization, User
from accounts.services import DIGEST_EVERY
from consent.queries import statements_of
from lookup.hits import Told, told_of

MOST_STATEMENTS: Final = 20_000
"""Of one tenant, the newest, that are counted."""
_AT_ONCE: Final = 200

_TEXT: Final = """\
In the last {days} days you were asked for {rows} times:

{lines}

The registry shows more under "Overview". There you can also end these mails.

过去 {days} 天里，您的声明共被查询到 {rows} 次：

{lines}

更多内容见登记处的“概览”页面，您也可以在那里停止接收此邮件。
"""


def send_due(*, now: datetime) -> int:
    """Write to everybody whose month is over; nothing came of it: no mail. How many mails went out."""
    return sum(_send(user, now=now) for user in _due(now))


def _due(now: datetime) -> list[int]:
    waiting = User.objects.filter(next_digest_at__lte=now, is_active=True)
    return list(waiting.order_by("next_digest_at").values_list("pk", flat=True)[:_AT_ONCE])


def _send(user: int, *, now: datetime) -> bool:
    with transaction.atomic():
        # Whoever comes second finds that it is not due any more.
        found = User.objects.select_for_update().filter(pk=user, next_digest_at__lte=now).first()
        if found is None:
            return False
        User.objects.filter(pk=user).update(next_digest_at=now + DIGEST_EVERY)
    told = _told(Organization.objects.filter(memberships__user=found))
    if not told.rows:
        return False
    lines = "\n".join(f"- {name}: {rows}" for name, rows in told.by_organization.items())
    text = _TEXT.format(days=DIGEST_EVERY.days, rows=told.rows, lines=lines)
    send_mail("Holdout: who asked / 谁查询了您的声明", text, None, [found.email], fail_silently=True)
    return True


def _told(organizations: Iterable[Organization]) -> Told:
    ids = [s for one in organizations for s in statements_of(one, most=MOST_STATEMENTS)]
    return told_of(ids, days=DIGEST_EVERY.days)
