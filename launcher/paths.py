"""Where things are."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def var_dir() -> Path:
    """The folder for all state: HOLDOUT_VAR_DIR, or `var` in the checkout."""
    return Path(os.environ.get("HOLDOUT_VAR_DIR") or CHECKOUT / "var").absolute()
