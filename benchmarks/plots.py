"""Draw what the benchmarks wrote: `python -m benchmarks.plots` makes pictures in docs/images."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.results import CHECKOUT, RESULTS

IMAGES: Final = CHECKOUT / "docs" / "images"
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


_RECOGNISERS: Final = {
    "recall": "Holdout",
    "pdq_dihedral_recall": "PDQ, eight orientations",
    "phash_256_recall": "pHash, 256 bits",
    "iscc_256_recall": "ISCC Image-Code, 256 bits",
    "phash_64_recall": "pHash, 64 bits",
    "segments_64_recall": "crop_resistant_hash",
}
_SEARCHES: Final = {
    "holdout": "Holdout",
    "faiss_multihash": "faiss MultiHash",
    "faiss_flat": "faiss BinaryFlat",
    "numpy": "numpy",
}


def lookup_cost(axes: Axes, figures: Mapping[str, float]) -> None:
    """What a row costs, in processor microseconds, against how much is registered."""
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


def recognition(axes: Axes, figures: Mapping[str, float]) -> None:
    """The share of altered copies that is found, by class of alteration, the easiest first."""
    groups = [key.removeprefix("phash_64_recall_") for key in figures if key.startswith("phash_64_recall_")]
    groups.sort(key=lambda group: (group == "overall", -figures[f"phash_256_recall_{group}"]))
    for name, words in _RECOGNISERS.items():
        if f"{name}_overall" not in figures:
            continue
        shares = [100 * figures[f"{name}_{group}"] for group in groups]
        style = {"linewidth": 2.5, "color": "black"} if name == "recall" else {"linewidth": 1, "alpha": 0.8}
        axes.plot(np.arange(len(groups)), shares, marker="o", markersize=4, label=words, **style)
    axes.set_xticks(np.arange(len(groups)), groups, rotation=60, ha="right")
    axes.set(ylabel="altered copies found, per cent", ylim=(-2, 102))
    axes.grid(visible=True, alpha=0.3)


def code_search(axes: Axes, figures: Mapping[str, float]) -> None:
    """How many codes a core compares in a second with how many registered ones."""
    for name, words in _SEARCHES.items():
        pattern = re.compile(rf"{name}_(\d+)m_queries_per_core_s")
        points = sorted(
            (int(found[1]), value) for key, value in figures.items() if (found := pattern.fullmatch(key))
        )
        axes.plot(*zip(*points, strict=True), marker="o", label=words)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="registered codes of 256 bits, millions",
        ylabel="queries a core-second, all within 31 bits",
    )
    axes.set_xticks([1, 10], ["1", "10"])
    axes.grid(visible=True, which="both", alpha=0.3)


_DRAWN: Final[dict[str, tuple[str, Callable[[Axes, Mapping[str, float]], None]]]] = {
    "lookup": ("lookup-cost", lookup_cost),
    "recognition": ("recognition", recognition),
    "codes": ("code-search", code_search),
}


def main() -> int:
    """Draw all."""
    for result, (name, draw) in _DRAWN.items():
        figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        draw(axes, json.loads((RESULTS / f"{result}.json").read_text())["figures"])
        axes.legend(fontsize="small")
        figure.savefig(IMAGES / f"{name}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
