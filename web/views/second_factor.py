"""The second step of signing in: allauth's pages; what changes with them leaves an audit event."""

from collections.abc import Callable
from functools import wraps

from allauth.mfa.base import views as base
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from csp.decorators import csp_update
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from accounts.audit import Source, actor_of
from accounts.services import record

View = Callable[[HttpRequest], HttpResponseBase]


def audited(view: View) -> View:
    """What `view` adds to the person's second factors or takes from them is recorded with it, or not done."""

    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST" or not request.user.is_authenticated:
            return view(request)
        with transaction.atomic():
            before = _factors(request)
            response = view(request)
            after = _factors(request)
            for action, kinds in (("added", after - before), ("removed", before - after)):
                for _, kind in sorted(kinds):
                    _record(request, action, kind)
        return response

    return answer


def _factors(request: HttpRequest) -> set[tuple[int, str]]:
    return set(Authenticator.objects.filter(user_id=request.user.pk).values_list("pk", "type"))


def _record(request: HttpRequest, action: str, kind: str) -> None:
    by = actor_of(request, Source.PERSON)
    record(by=by, subject="second_factor", action=action, object_id=str(request.user), details={"kind": kind})


index = base.index
authenticate = base.authenticate
confirm = base.reauthenticate
# The QR code is a picture inside the page, so that its secret has no address of its own.
activate = audited(csp_update({"img-src": ["data:"]})(totp.activate_totp))
deactivate = audited(totp.deactivate_totp)
view_codes = recovery_codes.view_recovery_codes
generate_codes = audited(recovery_codes.generate_recovery_codes)
