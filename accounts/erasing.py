"""Forgetting a person: the request, the week in which it can be called off, and what `accounts` erases.

The rooms above pull what is theirs to do (`running_for`) and say when it is done (`mark_done`), in the order
of HOLDOUT_ERASING; nobody calls them. Whatever is done twice changes nothing.
"""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Final

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.utils import translation

from accounts.audit import SYSTEM, Actor
from accounts.models import (
    ApiKey,
    ErasureRequest,
    IdempotentResponse,
    Invitation,
    Membership,
    Organization,
    User,
)
from accounts.services import record
from holdout.errors import Conflict, NotPermitted

logger = logging.getLogger(__name__)

GRACE: Final = timedelta(days=7)
_MAIL_PATIENCE: Final = timedelta(days=1)
_SESSIONS_AT_ONCE: Final = 1_000

State = ErasureRequest.State


def open_request(user: User) -> ErasureRequest | None:
    """The one that waits or runs."""
    return user.erasures.filter(state__in=[State.WAITING, State.RUNNING]).first()


def ask_for_erasure(*, user: User, kind: ErasureRequest.Kind, by: Actor) -> ErasureRequest:
    """Erase `user` after a week, unless they call it off. Every session of theirs ends now, API keys do not.

    Raises `NotPermitted` (`staff_not_erasable`) and `Conflict` (`erasure_waits`, `last_manager`).
    """
    with transaction.atomic():
        user = User.objects.select_for_update().get(pk=user.pk)
        if user.is_staff:
            raise NotPermitted("staff_not_erasable", "Staff must be dismissed before they can be deleted.")
        if open_request(user):
            raise Conflict("erasure_waits", "The deletion of this account has been asked for already.")
        if _is_last_manager(user):
            raise Conflict("last_manager", "Make somebody else manager of your organisation first.")
        erasure = ErasureRequest.objects.create(
            user=user, kind=kind, due_at=Now() + GRACE, language=translation.get_language() or "en"
        )
        # Sessions are bound to it, sign-in codes are not: every browser is signed out, and may come back.
        user.set_unusable_password()
        user.save(update_fields=["password"])
        _record(erasure, user, "deletion_asked", by)
    erasure.refresh_from_db()
    _tell(erasure, user.email, "erasure_asked")
    return erasure


def _is_last_manager(user: User) -> bool:
    """Whether others act in an organisation that would have nobody to manage it."""
    managers = Membership.objects.filter(role=Membership.Role.MANAGER)
    others = Membership.objects.exclude(user=user).values("organization")
    managed = managers.filter(user=user, organization__shared=True, organization__in=others)
    also = managers.exclude(user=user).values("organization")
    return managed.exclude(organization__in=also).exists()


def keep_account(*, user: User, by: Actor) -> None:
    """Call it off. Raises `Conflict` (`erasure_not_waiting`) when there is none, or it has begun."""
    with transaction.atomic():
        waiting = ErasureRequest.objects.select_for_update().filter(user=user, state=State.WAITING).first()
        if waiting is None:
            raise Conflict("erasure_not_waiting", "No deletion of this account waits.")
        ErasureRequest.objects.filter(pk=waiting.pk).update(state=State.CANCELLED, ended_at=Now())
        _record(waiting, user, "deletion_called_off", by)


def begin() -> int:
    """Begin with those whose week is over; from then on nobody signs in. Returns how many began."""
    due = ErasureRequest.objects.filter(state=State.WAITING, due_at__lte=Now(), user__is_staff=False)
    return sum(_begin(pk) for pk in list(due.values_list("pk", flat=True)))


def _begin(pk: int) -> bool:
    with transaction.atomic():
        waiting = ErasureRequest.objects.select_for_update().filter(pk=pk, state=State.WAITING).first()
        if waiting is None or waiting.user is None:
            return False
        user = User.objects.select_for_update().get(pk=waiting.user.pk)
        if user.is_staff:
            return False
        User.objects.filter(pk=user.pk).update(is_active=False)
        ErasureRequest.objects.filter(pk=pk).update(state=State.RUNNING)
        _record(waiting, user, "deletion_begun", SYSTEM)
        return True


def running_for(room: str) -> list[ErasureRequest]:
    """Those that `room` is to do next: the rooms before it have done theirs."""
    before = settings.HOLDOUT_ERASING[: settings.HOLDOUT_ERASING.index(room)]
    running = ErasureRequest.objects.filter(state=State.RUNNING, done__contains=before)
    return list(running.exclude(done__contains=[room]).order_by("pk"))


def mark_done(erasure: ErasureRequest, room: str) -> None:
    """Nothing of what `room` keeps is about that person any more."""
    with transaction.atomic():
        running = ErasureRequest.objects.select_for_update().get(pk=erasure.pk)
        if room not in running.done:
            running.done.append(room)
            running.save(update_fields=["done"])


def organizations_of(erasure: ErasureRequest) -> QuerySet[Organization]:
    """Those in which nobody else acts: what they keep is about this person alone.

    Not those that speak for others: a reservation of somebody else must not end with them.
    """
    alone = Membership.objects.values("organization").annotate(people=Count("pk")).filter(people=1)
    found = Organization.objects.filter(memberships__user=erasure.user, pk__in=alone.values("organization"))
    return found.exclude(may_vouch=True)


def shares_an_organization(user: User) -> bool:
    """Whether the person acts for an organisation in which others act too."""
    return Membership.objects.filter(organization__memberships__user=user).exclude(user=user).exists()


def finish() -> int:
    """Erase the people of whom the other rooms keep nothing any more; returns how many."""
    ready = ErasureRequest.objects.filter(state=State.RUNNING, done__contains=settings.HOLDOUT_ERASING)
    finished = 0
    for erasure in ready:
        try:
            finished += _finish(erasure)
        except OSError:
            logger.warning("an erasure waits for the mail server", extra={"code": "erasure_done"})
    return finished


def _finish(erasure: ErasureRequest) -> bool:
    with transaction.atomic():
        locked = ErasureRequest.objects.select_for_update().filter(pk=erasure.pk, state=State.RUNNING).first()
        if locked is None or locked.user is None:
            return False
        user = locked.user
        _forget_organizations([organization.pk for organization in organizations_of(locked)])
        Invitation.objects.filter(email__in={user.email.lower(), *map(str.lower, _addresses(user))}).delete()
        _forget_sessions(user)
        _record(locked, user, "deleted", SYSTEM)
        email = user.email
        user.delete()
        ErasureRequest.objects.filter(pk=locked.pk).update(state=State.DONE, ended_at=Now())
        # Before the commit: whom a mail server did not hear of is told by the next attempt. Not for ever.
        overdue = datetime.now(UTC) > locked.due_at + _MAIL_PATIENCE
        _tell(locked, email, "erasure_done", must_arrive=not overdue)
    return True


def _forget_organizations(organizations: Collection[int]) -> None:
    keys = ApiKey.objects.filter(organization__in=organizations)
    keys.filter(revoked_at=None).update(revoked_at=Now())
    keys.update(name="")
    IdempotentResponse.objects.filter(organization__in=organizations).delete()
    Invitation.objects.filter(organization__in=organizations).delete()
    Organization.objects.filter(pk__in=organizations).update(name="")


def _forget_sessions(user: User) -> None:
    """What their browsers left with us, also where nobody was signed in: it may hold the address."""
    emails = {user.email.lower()} | {email.lower() for email in _addresses(user)}
    for session in Session.objects.order_by().iterator(chunk_size=_SESSIONS_AT_ONCE):
        kept = session.get_decoded()
        text = str(kept).lower()
        if kept.get("_auth_user_id") == str(user.pk) or any(email in text for email in emails):
            session.delete()


def _addresses(user: User) -> list[str]:
    return list(user.emailaddress_set.values_list("email", flat=True))  # type: ignore[attr-defined] # allauth's


def forget_expired_invitations() -> None:
    """Nobody can use them any more, and they name an address."""
    Invitation.objects.filter(expires_at__lt=Now()).delete()


def forget_expired_sessions() -> None:
    """Nobody can use them any more, and they say who signed in."""
    Session.objects.filter(expire_date__lt=Now()).delete()


def _record(erasure: ErasureRequest, user: User, action: str, by: Actor) -> None:
    details = {"request": erasure.public_id, "kind": erasure.kind}
    record(by=by, subject="account", action=action, object_id=str(user), details=details)


def _tell(erasure: ErasureRequest, email: str, template: str, *, must_arrive: bool = False) -> None:
    with translation.override(erasure.language):
        context = {"erasure": erasure}
        subject = render_to_string(f"account/email/{template}_subject.txt", context).strip()
        body = render_to_string(f"account/email/{template}_message.txt", context)
    try:
        send_mail(subject, body, None, [email])
    except OSError:  # smtplib's errors are such too
        if must_arrive:
            raise
        logger.warning("a mail about an erasure could not be sent", extra={"code": template})
