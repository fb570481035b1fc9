"""What the demonstration tells in the end."""

from dataclasses import dataclass, field

from rich.table import Table


@dataclass(slots=True)
class Report:
    """Lines for the table, and every answer that was not the expected one."""

    lines: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def table(self) -> Table:
        table = Table(title="Holdout demonstration", show_header=False)
        table.add_column(justify="right", style="bold")
        table.add_column(overflow="fold")
        for name, value in self.lines.items():
            table.add_row(name, value)
        return table
