"""Proving an account by signing in at its platform, through allauth.

Nobody signs in here that way, and nothing of it is kept: the platform's answer is compared with the place
that is to be proven, and forgotten with its token. The platform's addresses are allauth's own: nothing that a
visitor types is fetched.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from consent.places import prove_place_by_sign_in
from holdout.errors import HoldoutError
from registry.models import Locator
from registry.platforms import account_of
from registry.queries import place_of
from web.pages import acting_organization
from web.refusals import refusal_words

if TYPE_CHECKING:
    from allauth.socialaccount.providers.base import Provider


def provider_of(request: HttpRequest, place: Locator) -> "Provider | None":
    """Who lets the holder of an account sign in, if this registry has keys for it."""
    account = account_of(place.target)
    if account is None or account.platform.sign_in is None:
        return None
    try:
        return get_adapter().get_provider(request, account.platform.sign_in.provider)
    except SocialApp.DoesNotExist:
        return None


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc] # allauth has no types here
    """What becomes of a platform's answer: a proof, or a message, and never a session or an account."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:  # noqa: ARG002
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        place_id = (sociallogin.state.get("data") or {}).get("place", "")
        raise ImmediateHttpResponse(_proven(request, place_id, sociallogin.account))

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,  # noqa: ARG002 - allauth's signature
        error: Any = None,  # noqa: ARG002
        exception: Exception | None = None,  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        state = (extra_context or {}).get("state") or {}
        messages.error(request, _("The platform did not say who you are there. Try again, or use the code."))
        raise ImmediateHttpResponse(_back((state.get("data") or {}).get("place", "")))


def _proven(request: HttpRequest, place_id: str, account: Any) -> HttpResponse:
    if not request.user.is_authenticated:
        return redirect("places")
    try:
        prove_place_by_sign_in(
            place=place_of(acting_organization(request), place_id),
            provider=account.provider,
            told=account.extra_data,
            now=datetime.now(UTC),
        )
    except HoldoutError as error:
        messages.error(request, refusal_words(error))
    else:
        messages.success(request, _("Proven. What you chose is said now."))
    return _back(place_id)


def _back(place_id: str) -> HttpResponse:
    """To the place, whose page says so where it is nobody's or another's."""
    return redirect("place", place_id=place_id) if place_id else redirect("places")
