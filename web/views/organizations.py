"""Organisations: who acts in them, their keys, and taking over from one that spoke for somebody."""

from datetime import UTC, datetime
from typing import Any, Final, cast

from allauth.core.internal import ratelimit
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import organizations
from accounts.audit import Actor, Source, actor_of
from accounts.models import Membership, Organization, User
from accounts.queries import is_manager, organizations_of_person, require_manager
from accounts.services import personal_organization
from holdout.errors import HoldoutError, NotFound
from registry.mandates import hand_over
from web.forms import HandoverForm, InvitationForm, KeyForm, OrganizationForm
from web.pages import ACTING, creator_page
from web.reauthentication import way_to_prove_again
from web.refusals import refusal_words

_RATES: Final = {"invite": "10/m/user,60/h/user", "handover": "10/m/user,60/h/user"}


@require_safe
@creator_page
def organization(request: HttpRequest, organization: Organization) -> HttpResponse:
    return _page(request, organization)


@require_POST
@creator_page
def found(request: HttpRequest, organization: Organization) -> HttpResponse:
    """A new organisation, in which the person acts from now on."""
    form = OrganizationForm(request.POST)
    if not form.is_valid():
        return _page(request, organization, found=form, status=422)
    made = organizations.found(user=_user(request), name=form.cleaned_data["name"], by=_by(request))
    request.session[ACTING] = made.public_id
    messages.success(request, _("Founded. You act for it now, and can invite others."))
    return redirect("organization")


@require_POST
@creator_page
def choose(request: HttpRequest, _organization: Organization) -> HttpResponse:
    """Act in another of one's organisations."""
    theirs = organizations_of_person(_user(request))
    chosen = next((one for one in theirs if one.public_id == request.POST.get("organization")), None)
    if chosen is None:
        raise NotFound("organization_unknown", "You act in no such organisation.")
    request.session[ACTING] = chosen.public_id
    return redirect("overview")


@require_POST
@creator_page
def name(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Call it by another name."""
    form = OrganizationForm(request.POST)
    if not form.is_valid():
        return _page(request, organization, name=form, status=422)
    new = form.cleaned_data["name"]
    organizations.rename(organization=organization, name=new, user=_user(request), by=_by(request))
    messages.success(request, _("The name is changed."))
    return redirect("organization")


@require_POST
@creator_page
def invite(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Mail a link with which somebody may join."""
    require_manager(_user(request), organization)
    if refused := _too_often(request, "invite"):
        return refused
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return _page(request, organization, invite=form, status=422)
    try:
        organizations.invite(
            organization=organization,
            email=form.cleaned_data["email"],
            role=Membership.Role(form.cleaned_data["role"]),
            user=_user(request),
            link=lambda code: request.build_absolute_uri(reverse("join", args=[code])),
            by=_by(request),
            now=datetime.now(UTC),
        )
    except HoldoutError as error:
        form.add_error("email", refusal_words(error))
        return _page(request, organization, invite=form, status=error.http_status)
    messages.success(request, _("Invited. The link in the mail is good for 14 days."))
    return redirect("organization")


@require_POST
@creator_page
def take_back(request: HttpRequest, organization: Organization, invitation_id: str) -> HttpResponse:
    """Let an invitation lead nowhere."""
    invitation = organizations.invitation_of(organization, invitation_id)
    organizations.take_back_invitation(invitation=invitation, user=_user(request), by=_by(request))
    messages.success(request, _("The invitation is taken back."))
    return redirect("organization")


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def join(request: HttpRequest, _organization: Organization, code: str) -> HttpResponse:
    """Asks whether to join; POST does it."""
    user, now = _user(request), datetime.now(UTC)
    if request.method != "POST":
        invitation = organizations.invitation_for(user=user, code=code, now=now)
        return render(request, "web/join.html", {"invitation": invitation})
    joined = organizations.accept(user=user, code=code, by=_by(request), now=now)
    request.session[ACTING] = joined.public_id
    messages.success(request, _("You act for it now."))
    return redirect("organization")


@require_POST
@creator_page
def role(request: HttpRequest, organization: Organization, member_id: int) -> HttpResponse:
    """Make a member manager, or a manager member."""
    member = organizations.member_of(organization, member_id)
    manager = request.POST.get("role") == Membership.Role.MANAGER
    wanted = Membership.Role.MANAGER if manager else Membership.Role.MEMBER
    organizations.set_role(member=member, role=wanted, user=_user(request), by=_by(request))
    messages.success(request, _("Changed."))
    return redirect("organization")


@require_POST
@creator_page
def removal(request: HttpRequest, organization: Organization, member_id: int) -> HttpResponse:
    """Let a member act for the organisation no more."""
    member = organizations.member_of(organization, member_id)
    organizations.remove(member=member, user=_user(request), by=_by(request))
    messages.success(request, _("Removed."))
    return redirect("organization")


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def leave(request: HttpRequest, organization: Organization) -> HttpResponse:
    """Asks whether to leave; POST does it."""
    if request.method != "POST":
        return render(request, "web/leave.html", {"organization": organization})
    organizations.leave(organization=organization, user=_user(request), by=_by(request))
    request.session.pop(ACTING, None)
    messages.success(request, _("You left. You act for yourself again."))
    return redirect("organization")


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def new_key(request: HttpRequest, organization: Organization) -> HttpResponse:
    """A new key, shown once. It needs a recent proof of who asks."""
    require_manager(_user(request), organization)
    if elsewhere := way_to_prove_again(request):
        return elsewhere
    form = KeyForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "web/new_key.html", {"form": form}, status=422 if form.is_bound else 200)
    key, text = organizations.issue_key_for(
        organization=organization, name=form.cleaned_data["name"], user=_user(request), by=_by(request)
    )
    return render(request, "web/new_key.html", {"key": key, "text": text})


@require_POST
@creator_page
def key_revocation(request: HttpRequest, organization: Organization, key_id: str) -> HttpResponse:
    """From now on nobody gets in with a key."""
    key = organizations.key_of(organization, key_id)
    organizations.revoke_key_for(key=key, user=_user(request), by=_by(request))
    messages.success(request, _("Revoked. Programs that use this key are refused within seconds."))
    return redirect("organization")


@require_http_methods(["GET", "HEAD", "POST"])
@creator_page
def handover(request: HttpRequest, _organization: Organization) -> HttpResponse:
    """Take over, with a code, what a platform registered for the person who is signed in."""
    form = HandoverForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "web/handover.html", {"form": form}, status=422 if form.is_bound else 200)
    if refused := _too_often(request, "handover"):
        return refused
    own = personal_organization(user=_user(request))
    try:
        hand_over(code=form.cleaned_data["code"], to=own, by=_by(request), now=datetime.now(UTC))
    except NotFound as error:
        form.add_error("code", refusal_words(error))
        return render(request, "web/handover.html", {"form": form}, status=error.http_status)
    request.session[ACTING] = own.public_id
    messages.success(request, _("Taken over. From now on only you say what holds for it."))
    return redirect("places")


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _by(request: HttpRequest) -> Actor:
    return actor_of(request, Source.PERSON)


def _too_often(request: HttpRequest, action: str) -> HttpResponse | None:
    if ratelimit.consume(request, app="holdout", action=action, config=_RATES):
        return None
    refused: HttpResponse = ratelimit.respond_429(request)
    return refused


def _page(
    request: HttpRequest,
    shown: Organization,
    *,
    status: int = 200,
    **forms: OrganizationForm | InvitationForm,
) -> HttpResponse:
    context: dict[str, Any] = {
        "organization": shown,
        "manages": is_manager(_user(request), shown),
        "members": shown.memberships.select_related("user").order_by("pk"),
        "invitations": shown.invitations.order_by("pk"),
        "keys": shown.api_keys.filter(revoked_at=None).order_by("pk"),
        "name_form": forms.get("name") or OrganizationForm(initial={"name": shown.name}),
        "found_form": forms.get("found") or OrganizationForm(auto_id="found_%s"),
        "invite_form": forms.get("invite") or InvitationForm(),
    }
    return render(request, "web/organization.html", context, status=status)
