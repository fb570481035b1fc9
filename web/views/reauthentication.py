"""For people without a second factor: it is still they who can read their mail."""

from allauth.account.forms import ConfirmLoginCodeForm
from allauth.account.utils import get_next_redirect_url
from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from web.reauthentication import MailedCode


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def confirm(request: HttpRequest) -> HttpResponse:
    """Sends a code when asked to, takes it, and leads back to where it was needed."""
    back = get_next_redirect_url(request) or "/"
    if is_mfa_enabled(request.user):
        return redirect_to_login(back, "mfa_reauthenticate")
    if request.POST.get("action") == "send":
        if MailedCode.sent(request) is None:
            messages.error(request, _("Too many codes were asked for. Wait a minute."))
        return redirect_to_login(back, "account_reauthenticate")
    code = MailedCode.waiting(request)
    if code is None:
        return render(request, "account/reauthenticate.html", {"back": back})
    form = ConfirmLoginCodeForm(request.POST if request.method == "POST" else None, code=code.code)
    if form.is_valid():
        code.finish()
        return redirect(back)
    if form.is_bound and not code.record_invalid_attempt():
        messages.error(request, _("That was wrong three times. Ask for another code."))
        return redirect_to_login(back, "account_reauthenticate")
    return render(request, "account/reauthenticate.html", {"back": back, "form": form})
