"""`manage.py migrate_locked`: migrate, safe for several processes that start at once."""

from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

# Any fixed number serves; all processes of one database must use the same.
_LOCK = 0x486F6C646F7574


class Command(BaseCommand):
    help = "Apply migrations under an advisory lock: Django's migrate races with itself."

    def handle(self, *_args: object, **options: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
            try:
                call_command("migrate", verbosity=options["verbosity"], interactive=False)
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])
