"""`manage.py demo --url URL`: the main job, start to finish, against a running registry.

`./run demo` starts one and calls this. Exit 0 only if every answer is the expected one.
"""

from contextlib import nullcontext
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console

from demo import seed
from demo.progress import bars, register_pictures, reserve_places
from demo.report import Report
from demo.story import first_answer, look_at_copies, screen_rows
from demo.vendor import Vendor


class Command(BaseCommand):
    help = "Register pictures and places, screen 100,000 rows and a folder of copies, compare every answer."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", required=True, help="where the registry answers")
        parser.add_argument(
            "--sabotage", action="store_true", help="withdraw one rule first: the comparison must notice"
        )

    def handle(self, *_args: object, **options: Any) -> None:
        console, report = Console(), Report()
        vendor = Vendor(url=options["url"], key=seed.vendor_key())
        with bars(console) as progress:
            register_pictures(progress)
            first_answer(vendor, report)
            reserve_places(progress)
            look_at_copies(vendor, report, progress)
            with seed.sabotage() if options["sabotage"] else nullcontext():
                screen_rows(vendor, report, progress)
        console.print(report.table())
        if report.wrong:
            for line in report.wrong[:20]:
                console.print(f"not as expected: {line}", style="red", markup=False)
            raise CommandError(f"{len(report.wrong)} answers are not the expected ones.")
        console.print("Every answer is the expected one.", style="green")
