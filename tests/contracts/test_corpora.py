"""Conformance data: left out with one line where there is none, and never silently."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READERS = ("test_urls_corpora.py", "test_hostile_corpus.py", "test_fetch_refused.py")

pytestmark = pytest.mark.slow


def told(corpora: str, *options: str, readers: tuple[str, ...] = READERS) -> str:
    """What a test run says in the end whose HOLDOUT_CORPORA is that."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    files = [f"tests/holdout/{name}" for name in readers]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *files],
        cwd=ROOT,
        env={**inherited, "HOLDOUT_CORPORA": corpora},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout


def test_without_the_data_one_line_says_that_tests_were_left_out() -> None:
    said = told("", "-n", "1", "-m", "corpora")  # in a process of its own, as ./run test has them
    lines = [line for line in said.splitlines() if "HOLDOUT_CORPORA" in line]
    assert lines == ["6 conformance-corpus tests deselected: HOLDOUT_CORPORA is not set"]
    assert "skipped" not in said
    assert "passed" not in said


def test_tests_that_were_not_asked_for_are_not_spoken_of() -> None:
    assert "HOLDOUT_CORPORA" not in told("", "-n", "0", "-k", "every_spelling", readers=READERS[:1])


def test_a_folder_without_the_files_fails_every_test_that_reads_them(tmp_path: Path) -> None:
    said = told(str(tmp_path), "-n", "0", "-m", "corpora")
    assert re.search(r"^6 failed, \d+ deselected in ", said, re.MULTILINE), said
