"""`manage.py publish_snapshot`: publish now what beat publishes every hour."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from holdout.errors import HoldoutError
from lookup.snapshots import publish


class Command(BaseCommand):
    help = "Publish a snapshot for vendors, unless nothing has changed since the last one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--base", action="store_true", help="write the whole state, whatever its age")

    def handle(self, *_args: object, **options: Any) -> None:
        try:
            version = publish(base=options["base"])
        except HoldoutError as error:
            raise CommandError(f"{error.detail} ({error.code})") from error
        self.stdout.write(f"version {version}" if version else "nothing to publish")
