"""Progress bars for seeding a registry."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo import pictures, rules, seed


def bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def register_pictures(progress: Progress) -> None:
    task = progress.add_task("registering pictures", total=len(pictures.registered()))
    seed.seed_pictures(advance=lambda n: progress.advance(task, n))


def reserve_places(progress: Progress) -> None:
    task = progress.add_task("reserving places", total=len(rules.rules()))
    seed.seed_rules(advance=lambda n: progress.advance(task, n))
