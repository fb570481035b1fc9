"""`manage.py compile_locale`: the .mo files from the .po files, without gettext's tools."""

from pathlib import Path
from typing import Any

import polib
from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Compile every django.po below LOCALE_PATHS. Needs the development requirements."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 - Django's signature
        for folder in map(Path, settings.LOCALE_PATHS):
            for catalogue in sorted(folder.glob("*/LC_MESSAGES/django.po")):
                polib.pofile(str(catalogue)).save_as_mofile(str(catalogue.with_suffix(".mo")))
                self.stdout.write(f"{catalogue.parent.parent.name}: compiled")
