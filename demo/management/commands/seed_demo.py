"""`manage.py seed_demo`: what `./run serve --demo` shows. Doing it twice is harmless.

The workers and the sequencer must be running.
"""

from django.core.management.base import BaseCommand
from rich.console import Console

from demo.people import seed_people
from demo.progress import bars, register_pictures, reserve_places


class Command(BaseCommand):
    help = "Make the demonstration's people, pictures and reserved places."

    def handle(self, *_args: object, **_options: object) -> None:
        seed_people()
        with bars(Console(stderr=True)) as progress:
            register_pictures(progress)
            reserve_places(progress)
