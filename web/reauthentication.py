"""What cannot be undone asks whoever is signed in for a recent proof that it is still they.

Having signed in within the last minutes is one, so the ordinary way has no further step. Later it takes the
second factor, or for people without one a code that is sent by mail.
"""

import time
from typing import Any, Final, Self

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.code_verification import AbstractCodeVerificationProcess
from allauth.account.internal.flows.login import record_authentication
from allauth.core import ratelimit
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts.models import User

RECENT_SECONDS: Final = 10 * 60
_CODE: Final = "reauthentication_code"
_TRIES: Final = 3


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc] # allauth carries no types
    """Every way of signing in leaves a record of when; who has a passkey alone is asked for that first."""

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        # Of signing up, which takes a code as well, allauth keeps none.
        if not get_authentication_records(request, user):
            record_authentication(request, user, method="code")

    def get_reauthentication_methods(self, user: User) -> list[dict[str, Any]]:
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        return methods if is_mfa_enabled(user, types=["totp"]) else methods[::-1]


def way_to_prove_again(request: HttpRequest) -> HttpResponse | None:
    """Where somebody who is signed in must go first, to come back here; None after a recent proof.

    What was posted is not kept: whoever comes back reads the question once more.
    """
    if _proven_recently(request):
        return None
    methods = get_adapter().get_reauthentication_methods(request.user)
    page = methods[0]["url"] if methods else reverse("account_reauthenticate")
    return redirect_to_login(request.get_full_path(), page)


def _proven_recently(request: HttpRequest) -> bool:
    """Of people with a second factor, only that one counts."""
    needed = {"mfa"} if is_mfa_enabled(request.user) else {"code", "mfa", *_OF_THE_DEMONSTRATION}
    return any(
        proof["method"] in needed and 0 <= time.time() - proof["at"] < RECENT_SECONDS
        for proof in get_authentication_records(request, request.user)
    )


_OF_THE_DEMONSTRATION: Final = {"demo"} if settings.HOLDOUT_DEMO else frozenset[str]()


class MailedCode(AbstractCodeVerificationProcess):  # type: ignore[misc]
    """A code on its way to the person who is signed in; it stands in their session."""

    def __init__(self, request: HttpRequest, state: dict[str, Any]) -> None:
        self._request = request
        timeout = settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT
        super().__init__(max_attempts=_TRIES, timeout=timeout, state=state, user=request.user)

    @classmethod
    def waiting(cls, request: HttpRequest) -> Self | None:
        """The one that was sent last, while it is valid."""
        state = request.session.get(_CODE)
        valid: Self | None = cls(request, state).abort_if_invalid() if state else None
        return valid

    @classmethod
    def sent(cls, request: HttpRequest) -> Self | None:
        """A new one, which replaces the one before; None where too many were asked for."""
        email = request.user.email  # type: ignore[union-attr] # whoever comes here is signed in
        if not ratelimit.consume(request, action="request_login_code", key=email):
            return None
        code = cls(request, cls.initial_state(user=request.user, email=email))
        code.state["code"] = get_adapter().generate_login_code()
        code.send()
        code.persist()
        return code

    def send(self) -> None:
        context = {"request": self._request, "code": self.code}
        get_adapter().send_mail("account/email/reauthentication_code", self.state["email"], context)

    def persist(self) -> None:
        self._request.session[_CODE] = self.state

    def abort(self) -> None:
        self._request.session.pop(_CODE, None)

    def finish(self) -> None:
        """The right code was entered: that is a proof, and the code is spent."""
        self.abort()
        record_authentication(self._request, self._request.user, method="code", reauthenticated=True)
