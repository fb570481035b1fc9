"""Make `holdout/data/figures.json`, from which `holdout plan` counts, out of `benchmarks/results/`.

    python -m benchmarks.plan_figures

Its `from` says which result each figure is (`lookup.packed_per_core_s`). A figure whose benchmark has no
result yet stays as it is, and then the whole is marked provisional.
"""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.results import CHECKOUT, RESULTS

FIGURES = CHECKOUT / "holdout" / "data" / "figures.json"


def updated(figures: dict[str, Any], *, results: Path) -> tuple[dict[str, Any], list[str]]:
    """The figures with what the results say, and the names of those that no result says."""
    said = {path.stem: json.loads(path.read_text()) for path in sorted(results.glob("*.json"))}
    values, missing, used = dict(figures["figures"]), [], []
    for name, where in figures["from"].items():
        bench, _, key = where.partition(".")
        value = said.get(bench, {}).get("figures", {}).get(key)
        if value is None:
            missing.append(name)
        else:
            values[name] = value
            used.append(said[bench])
    newest = max(used, key=lambda result: str(result["date"]), default=figures)
    head = {key: newest[key] for key in ("machine", "commit", "date")}
    return {**head, "provisional": bool(missing), "figures": values, "from": figures["from"]}, missing


def main() -> int:
    """Write the file; 1 while figures are missing."""
    figures, missing = updated(json.loads(FIGURES.read_text()), results=RESULTS)
    FIGURES.write_text(json.dumps(figures, indent=2) + "\n")
    for name in missing:
        print(f"no result for {name} ({figures['from'][name]})", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
