"""`manage.py set_standing FILE quarantined`: say from the shell what a file's looks may lead to."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.audit import SHELL
from holdout.errors import HoldoutError
from registry.models import Standing
from registry.queries import assets_named
from registry.services import set_standing


class Command(BaseCommand):
    help = "Say what near copies of a registered file may lead to, whoever registered it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="SHA-256 of the file in hex, or an asset's id (ast_...)")
        parser.add_argument("standing", choices=Standing.Word.values)
        parser.add_argument("--reason", choices=Standing.Reason.values, default=Standing.Reason.STAFF.value)

    def handle(self, *_args: object, **options: Any) -> None:
        word, reason = Standing.Word(options["standing"]), Standing.Reason(options["reason"])
        try:
            for asset in assets_named(options["file"]):
                said = set_standing(asset=asset, standing=word, reason=reason, by=SHELL)
                self.stdout.write(f"{asset}: {word}" if said else f"{asset}: {word} already")
        except HoldoutError as error:
            raise CommandError(error.detail) from error
