"""`manage.py issue_key NAME`: a vendor organisation and its key, from the shell."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts.audit import SHELL
from accounts.models import Organization
from accounts.services import issue_key, vet_for_snapshots


class Command(BaseCommand):
    help = "Make a vendor organisation and print a key for it; the key is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the vendor's name")
        parser.add_argument(
            "--snapshots", action="store_true", help="it is vetted: it may fetch snapshots and ask for ranges"
        )

    def handle(self, *_args: object, **options: Any) -> None:
        organization = Organization.objects.create(name=options["name"], side=Organization.Side.VENDOR)
        if options["snapshots"]:
            vet_for_snapshots(organization=organization, by=SHELL)
        _, text = issue_key(organization=organization, name="issued from the shell", by=SHELL)
        self.stdout.write(text)
