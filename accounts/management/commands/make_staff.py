"""`manage.py make_staff EMAIL`: let somebody into the staff area, from the shell and nowhere else."""

from argparse import ArgumentTypeError
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from accounts.audit import SHELL
from accounts.models import User
from accounts.services import dismiss_staff, make_staff


class Command(BaseCommand):
    help = "Make a person staff. They sign in with a code as everybody does, and set up a second factor."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", type=_address, help="the person's e-mail address")
        parser.add_argument("--dismiss", action="store_true", help="take it back instead")

    def handle(self, *_args: object, **options: Any) -> None:
        if not options["dismiss"]:
            user = make_staff(email=options["email"], by=SHELL)
            self.stdout.write(f"{user.email} is staff ({user}); the staff area is at /staff/.")
            return
        known = User.objects.filter(email=options["email"]).first()
        if known is None:
            raise CommandError("Nobody has that address.")
        dismiss_staff(user=known, by=SHELL)
        self.stdout.write(f"{known.email} is not staff ({known}).")


def _address(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError as error:
        raise ArgumentTypeError("that is no email address") from error
    return text.lower()
