"""What staff may do in the staff area: look. Whatever changes something is an action that calls a service."""

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from accounts.models import User


class StaffPermissions(BaseBackend):
    """Gives every member of staff the `view` permissions, and nobody any other."""

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Model | None = None) -> bool:  # noqa: ARG002 - Django's signature
        return _is_staff(user_obj) and perm.partition(".")[2].startswith("view_")

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:  # noqa: ARG002
        return _is_staff(user_obj)


def _is_staff(user: User | AnonymousUser) -> bool:
    return user.is_active and user.is_staff
