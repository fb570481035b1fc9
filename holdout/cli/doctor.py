"""`holdout doctor`: what a site says to machines about a picture or a page, and what to mend."""

from collections import Counter
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.markup import escape

from holdout.cli import options
from holdout.cli.show import notes, out, print_json
from holdout.vocabulary import UsageCategory

_MISTAKEN: Final = 1
_COLOURS: Final = {"mistake": "red", "gap": "yellow", "remark": "dim"}


def doctor(
    url: Annotated[str, typer.Argument(help="A picture or a page: https://...", show_default=False)],
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", help="Read it as this crawler does (its product token); several are one."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """How machines see a picture or a page: what is said, what follows, how others read it, what to mend.

    Asks its host, from this machine, for at most ten addresses. Ends with 0 if nothing is mistaken, and 1 if
    something means nothing or contradicts itself.
    """
    # Here, since the readers bring parsers along that the other commands need not.
    from holdout.doctor.diagnosis import WORDS, diagnose
    from holdout.doctor.diagnosis import as_json as json_of
    from holdout.doctor.visit import go_round

    diagnosis = diagnose(go_round(url, agents=tuple(agent or ())), at=datetime.now(UTC))
    if as_json:
        print_json(json_of(diagnosis))
        raise typer.Exit(_MISTAKEN if diagnosis.mistakes else 0)
    screen = out()
    screen.print(f"[bold]{escape(diagnosis.seen.surroundings.url or url)}[/]", highlight=False)
    outcomes = diagnosis.resolution.uses
    screen.print("  " + "  ".join(f"{use.value}: {outcomes[use]}" for use in UsageCategory), highlight=False)
    screen.print(f"  robots.txt: {diagnosis.resolution.access}", highlight=False)
    for signal in diagnosis.signals:
        if signal.preferences:
            said = ", ".join(f"{use.value} {value}" for use, value in signal.preferences.items())
            screen.print(f"  {signal.source}: {said}", highlight=False, markup=False)
    for name, keeps in diagnosis.clients.items():
        screen.print(f"  {name}: {'keeps it' if keeps else 'leaves it out'}", highlight=False)
    for finding in diagnosis.findings:
        place = ": ".join(filter(None, (finding.place, finding.text)))
        weight = f"[{_COLOURS[finding.weight]}]{finding.weight}[/]"
        screen.print(f"{weight} {escape(place)}\n    {escape(WORDS[finding.code])}", highlight=False)
    counted = Counter(finding.weight.value for finding in diagnosis.findings)
    notes().print(f"[dim]{counted['mistake']} mistakes, {counted['gap']} gaps.[/]", highlight=False)
    raise typer.Exit(_MISTAKEN if diagnosis.mistakes else 0)
