"""The second step of signing in, and passkeys: allauth's pages; what changes there leaves an audit event."""

from collections.abc import Callable
from functools import wraps

from allauth.mfa.base import views as base
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from csp.decorators import csp_update
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache

from accounts.audit import Source, actor_of
from accounts.services import record

View = Callable[..., HttpResponseBase]


def audited(view: View) -> View:
    """What `view` changes of the person's second factors is recorded with it, or not done."""

    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        if request.method != "POST" or not request.user.is_authenticated:
            return view(request, *args, **kwargs)
        with transaction.atomic():
            before = _factors(request)
            response = view(request, *args, **kwargs)
            _record_changes(request, before, _factors(request))
        return response

    return answer


def _factors(request: HttpRequest) -> dict[int, tuple[str, str | None]]:
    """By their number: of which kind they are, and what the person calls them."""
    factors = Authenticator.objects.filter(user_id=request.user.pk)
    return {pk: (kind, name) for pk, kind, name in factors.values_list("pk", "type", "data__name")}


def _record_changes(
    request: HttpRequest,
    before: dict[int, tuple[str, str | None]],
    after: dict[int, tuple[str, str | None]],
) -> None:
    changes = (
        ("added", after.keys() - before.keys()),
        ("removed", before.keys() - after.keys()),
        ("renamed", {pk for pk in after.keys() & before.keys() if after[pk] != before[pk]}),
    )
    for action, numbers in changes:
        for pk in sorted(numbers):
            _record(request, action, (before | after)[pk][0])


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
passkeys = webauthn.list_webauthn
add_passkey = audited(webauthn.add_webauthn)
rename_passkey = audited(webauthn.edit_webauthn)
remove_passkey = audited(webauthn.remove_webauthn)
confirm_by_passkey = webauthn.reauthenticate_webauthn
sign_in_by_passkey = never_cache(webauthn.login_webauthn)
