"""Django's admin as our staff area: our site, and only the tables that are named here."""

from importlib import import_module
from typing import Final

from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig

# Not autodiscovered: a library's own tables may show what must not be seen, such as the secrets of MFA.
_ROOMS: Final = ("accounts", "ledger", "registry", "consent", "lookup")


class StaffAreaConfig(SimpleAdminConfig):
    default_site = "web.staff.StaffSite"

    def ready(self) -> None:
        super().ready()
        for room in _ROOMS:
            import_module(f"{room}.admin")
        # Imported late: it needs the models, which this module is read before.
        from web.staff_words import translate_names

        translate_names(admin.site)
