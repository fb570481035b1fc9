"""`./run demo`: what is left of it."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from launcher import commands


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a job of a demonstration (without engines or processes here) leaves; an earlier one left more."""
    monkeypatch.setenv("HOLDOUT_VAR_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    jobs = tmp_path / "demo" / "store" / "jobs"
    (jobs / "job_of_a_killed_run").mkdir(parents=True)
    answers = jobs / "job_of_this_run" / "answers"

    @contextmanager
    def product(port: int, *, var_dir: Path, **_: Any) -> Iterator[tuple[Any, dict[str, str]]]:
        yield None, dict(os.environ)
        assert answers.exists()  # whoever may still work on a job has them

    def story(running: Any, argv: Sequence[str], environment: Mapping[str, str]) -> int:
        answers.parent.mkdir()
        answers.write_text("deny")
        return 3

    monkeypatch.setattr(commands, "_product", product)
    monkeypatch.setattr(commands, "_manage_quietly", lambda *_, **__: None)
    monkeypatch.setattr(commands, "_beside", story)
    return answers


def test_no_files_of_jobs_are_left_of_a_demonstration(answers: Path, tmp_path: Path) -> None:
    (tmp_path / "demo" / "results").mkdir()

    assert commands.demo([]) == 3

    assert not (tmp_path / "demo" / "store").exists()
    assert (tmp_path / "demo" / "results").exists()


def test_the_files_stay_with_a_database_that_is_not_the_demonstrations_own(
    answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/holdout")

    assert commands.demo([]) == 3

    assert answers.read_text() == "deny"
