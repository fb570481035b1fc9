"""The house rules about imports."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_package_imports_only_from_the_rooms_below_it() -> None:
    lint = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert lint.returncode == 0, lint.stdout


def test_the_library_starts_without_its_heavy_parts() -> None:
    """A web process imports these; numpy and Pillow would cost it a second each start."""
    light = "import holdout.urls, holdout.resolution, holdout.fingerprints.sandbox, sys"
    heavy = "{'PIL', 'imagehash', 'scipy', 'numpy', 'django'}"
    code = f"{light}; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
