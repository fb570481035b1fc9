"""Published conformance data: files below the folder that HOLDOUT_CORPORA names.

Tests that read them are marked `corpora`: without the variable they are left out with one line
(`tests/conftest.py`), and with a folder in which something is missing they fail.
"""

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("HOLDOUT_CORPORA", ""))


def files(folder: str) -> list[Path]:
    """The files of a folder; where there are none, one that a test will not find."""
    return sorted((FOLDER / folder).glob("*")) or [FOLDER / folder / "no-file"]


def cases(file: str) -> list[dict[str, Any]]:
    """The cases of one file; strings among them are comments."""
    listed = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return [case for case in listed if isinstance(case, dict)]
