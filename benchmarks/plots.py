"""Draw what the benchmarks wrote: `python -m benchmarks.plots` makes docs/images/lookup-cost.png."""

import json
import re
import sys
from typing import Final

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.results import CHECKOUT, RESULTS

PICTURE: Final = CHECKOUT / "docs" / "images" / "lookup-cost.png"
_LINES: Final = {
    "kernel": "the compiled loop alone",
    "text_10k": "lookup by HTTP, 10,000 URLs a request",
    "json_pairs": "lookup by HTTP, JSON with URL and SHA-256",
    "datadiligence": "Spawning's door, asked by datadiligence",
    "packed": "lookup by HTTP, packed keys",
}
_BASELINES: Final = {
    "drf_orm": "DRF serializers and ORM",
    "postgres_any": "PostgreSQL, = ANY",
    "redis_mget": "Redis, MGET",
}


def main() -> int:
    """What a row costs, in processor microseconds, against how much is registered."""
    figures = json.loads((RESULTS / "lookup.json").read_text())["figures"]
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for name, words in _LINES.items():
        pattern = re.compile(rf"{name}_per_core_s_at_(\d+)m")
        points = sorted(
            (int(found[1]), 1e6 / value)
            for key, value in figures.items()
            if (found := pattern.fullmatch(key))
        )
        axes.plot(*zip(*points, strict=True), marker="o", label=words)
    for name, words in _BASELINES.items():
        axes.plot([1], [1e6 / figures[f"{name}_per_core_s"]], marker="s", linestyle="", label=words)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="registered URLs, millions",
        ylabel="processor microseconds a row",
    )
    axes.set_xticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
