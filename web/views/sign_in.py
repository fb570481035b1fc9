"""The way to the code by which people sign in."""

from allauth.account.internal.stagekit import clear_login
from django.http import HttpRequest, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django.views.generic import RedirectView

_to_code_form = RedirectView.as_view(pattern_name="account_request_login_code", query_string=True)


@require_safe
@never_cache
def start_over(request: HttpRequest) -> HttpResponseBase:
    """To the form that sends a code, also from the middle of signing up, which is given up.

    Without that, the link in "You already have an account" would lead the browser that asked for it back to
    where it waits for a code that is never sent.
    """
    if not request.user.is_authenticated:
        clear_login(request)
    return _to_code_form(request)
