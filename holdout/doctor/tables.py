"""`python -m holdout.doctor.tables`: the page "Which standard says what", made from the label tables."""

from collections.abc import Iterator

from holdout.carriers.standards import Standard, standards
from holdout.doctor.cases import cases
from holdout.vocabulary import Preferences, UsageCategory

_HEAD = """\
# Which standard says what

Made by `python -m holdout.doctor.tables` from the tables that the readers use
(`holdout/carriers/standards.toml`, `holdout/doctor/cases.toml`); a test keeps it so. A use that a label does
not name stays unset, which is no permission.

Several standards are asked at once. Inside each its own precedence holds; between them the more restrictive
counts, use by use: deny, conditional, allow, unknown. What a caller sends along, and what stands inside a
file, only restricts. What cannot be read says nothing, and is never a permission.
"""


def page() -> str:
    """The page, as Markdown."""
    lines = [_HEAD, *(line for standard in standards().values() for line in _of(standard)), *_readers()]
    return "\n".join(lines).rstrip() + "\n"


def _of(standard: Standard) -> Iterator[str]:
    yield f"## {standard.name}"
    yield ""
    yield f"[{standard.revision}]({standard.url}). {standard.state}."
    yield ""
    yield f"- **Where:** {'; '.join(standard.places)}"
    yield f"- **Precedence:** {standard.precedence}"
    yield f"- **How it is read here:** {standard.judgement}"
    yield ""
    if standard.labels:
        uses = list(UsageCategory)
        yield f"| it says | {' | '.join(f'`{use}`' for use in uses)} |"
        yield f"|---|{'---|' * len(uses)}"
        for label, said in standard.labels.items():
            yield f"| `{label}` | {' | '.join(_cell(said, use) for use in uses)} |"
        yield ""


def _cell(said: Preferences, use: UsageCategory) -> str:
    return said[use].value if use in said else " "


def _readers() -> Iterator[str]:
    yield "## Who sees it"
    yield ""
    yield "What three readers make of the same, for the training of a generative model. The others read"
    yield "header lines of the picture's own answer alone; what they miss they keep."
    yield ""
    yield "| what stands there | Holdout | img2dataset 1.47.0 | datadiligence 0.1.7 |"
    yield "|---|---|---|---|"
    for case in cases():
        others = (
            "keeps it" if keeps else "leaves it out" for keeps in (case.img2dataset, case.datadiligence)
        )
        what = case.what.replace("|", "\\|")
        yield f"| {what} | {case.holdout} | {' | '.join(others)} |"


if __name__ == "__main__":
    print(page(), end="")
