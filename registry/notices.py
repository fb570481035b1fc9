"""Mail to the people behind a declarant; English and Chinese in one, since mail knows no language setting."""

from django.core.mail import send_mail

from accounts.models import User
from registry.models import Declarant


def tell(declarant: Declarant, *, subject: str, text: str) -> None:
    """Write to everybody who acts for `declarant`. What cannot be sent is lost: the pages say the same."""
    members = User.objects.filter(memberships__organization=declarant.organization_id)
    people = list(members.values_list("email", flat=True))
    if people:
        send_mail(subject, text, None, people, fail_silently=True)
