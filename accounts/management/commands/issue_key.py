"""`manage.py issue_key NAME`: a vendor organisation and its key, from the shell."""

from django.core.management.base import BaseCommand, CommandParser

from accounts.audit import SHELL
from accounts.models import Organization
from accounts.services import issue_key


class Command(BaseCommand):
    help = "Make a vendor organisation and print a key for it; the key is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the vendor's name")

    def handle(self, *_args: object, **options: str) -> None:
        organization = Organization.objects.create(name=options["name"], side=Organization.Side.VENDOR)
        _, text = issue_key(organization=organization, name="issued from the shell", by=SHELL)
        self.stdout.write(text)
