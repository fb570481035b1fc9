"""`./run bench`: which benchmarks there are, what a newcomer starts with, and what a result says."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import results, setup
from launcher import commands
from launcher.failures import Failure
from launcher.paths import CHECKOUT


@pytest.mark.parametrize("name", ["results", "__init__", "../setup", "nothing"])
def test_what_is_no_benchmark_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(Failure, match=r"one of: .*setup"):
        commands.bench([name])


def test_a_benchmark_gets_its_arguments_and_a_migrated_database_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    addresses = {"DATABASE_URL": "postgresql://one", "REDIS_URL": "redis://one"}

    @contextmanager
    def engines(folder: Path, *, durable: bool) -> Iterator[dict[str, str]]:
        steps.append(f"engines in {folder.name}, {durable=}")
        yield addresses

    def run(argv: Sequence[str], environment: dict[str, str]) -> int:
        assert addresses.items() <= environment.items()
        steps.append(" ".join(argv[1:]))
        return 3

    monkeypatch.setenv("HOLDOUT_VAR_DIR", str(tmp_path))
    monkeypatch.setattr(commands, "engines", engines)
    monkeypatch.setattr(commands, "_manage_quietly", lambda _, name, doing: steps.append(name))
    monkeypatch.setattr(commands, "_foreground", run)

    assert commands.bench(["setup", "--no-tests"]) == 3

    assert steps == ["engines in bench, durable=True", "migrate_locked", "-m benchmarks.setup --no-tests"]


def test_a_result_tells_what_was_measured_on_what_and_when(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = results.write("sample", {"answer_s": 1.5, "rows_per_s": 123_456}, folder=tmp_path)

    written = json.loads(path.read_text())
    assert path == tmp_path / "sample.json"
    assert written["figures"] == {"answer_s": 1.5, "rows_per_s": 123_456}
    assert re.match(r"\d+ CPUs, \d+ GiB, ", written["machine"])
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?|unknown", written["commit"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", written["date"])
    assert "123,456" in capsys.readouterr().out


def test_a_newcomer_has_an_empty_home_and_none_of_our_settings() -> None:
    environment = setup.newcomer(
        {
            "PATH": "/bin",
            "HOME": "/home/somebody",
            "PIP_INDEX_URL": "https://mirror.example/simple",
            "UV_CACHE_DIR": "/cache",
            "DATABASE_URL": "postgresql://ours",
            "HOLDOUT_VAR_DIR": "/ours",
        },
        home=Path("/fresh"),
    )

    assert environment == {"PATH": "/bin", "HOME": "/fresh", "PIP_INDEX_URL": "https://mirror.example/simple"}


def test_the_first_answer_is_read_from_what_the_demonstration_prints() -> None:
    assert setup.first_answer_seconds("│ first true answer after │ 17.4 s │") == 17.4
    with pytest.raises(ValueError, match="does not tell"):
        setup.first_answer_seconds("something else")


def test_the_demonstration_still_prints_what_the_benchmark_reads() -> None:
    assert '"first true answer after"' in (CHECKOUT / "demo" / "story.py").read_text()
