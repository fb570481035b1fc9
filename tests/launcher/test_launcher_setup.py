"""`./run` before anything is installed: what it asks of a machine, and what it says when it cannot go on."""

import ast
import errno
import importlib.machinery
import importlib.util
import os
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from launcher import bootstrap, failures, indexes, installer
from launcher.failures import Failure
from launcher.paths import CHECKOUT


class Usage(NamedTuple):
    total: int
    used: int
    free: int


def load_run() -> types.ModuleType:
    loader = importlib.machinery.SourceFileLoader("run_script", str(CHECKOUT / "run"))
    spec = importlib.util.spec_from_loader("run_script", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_an_old_python_is_told_which_one_is_needed() -> None:
    complaint = load_run().complaint_about_python((3, 9, 2))

    assert "needs Python 3.11 or newer, and this is 3.9.2" in complaint


def test_a_new_enough_python_is_no_cause_for_complaint() -> None:
    assert load_run().complaint_about_python((3, 11, 0)) == ""


def test_an_old_python_can_read_the_complaint() -> None:
    ast.parse((CHECKOUT / "run").read_text(), feature_version=(3, 6))


def test_run_is_executable() -> None:
    assert os.access(CHECKOUT / "run", os.X_OK)


@pytest.mark.parametrize("argv", [[], ["help"], ["--help"]])
def test_help_lists_the_commands(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(argv) == 0

    assert "demo" in capsys.readouterr().out


def test_an_unknown_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main(["dmeo"]) == 2

    assert "no command dmeo" in capsys.readouterr().err


def test_a_disk_without_room_is_noticed_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(10**10, 10**10 - 10**9, 10**9))

    with pytest.raises(Failure, match=r"needs about 1\.5 GB .* 1\.0 GB are free"):
        installer.check_space(tmp_path)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EROFS, "make it writable"),
        (errno.EACCES, "make it writable"),
    ],
)
def test_what_a_person_can_mend_is_told_without_a_traceback(
    number: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), "/some/folder")

    monkeypatch.setattr(bootstrap, "ensure", fail)

    assert bootstrap.main(["demo"]) == 2

    told = capsys.readouterr().err
    assert words in told
    assert "/some/folder" in told


def test_a_fault_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "gone")

    monkeypatch.setattr(bootstrap, "ensure", fail)

    with pytest.raises(FileNotFoundError):
        bootstrap.main(["demo"])


def test_a_full_disk_is_recognised_in_what_a_program_printed() -> None:
    failure = failures.from_output("initdb: No space left on device\n", doing="initdb", where="/data")

    assert "The disk is full (/data)" in str(failure)


def test_addresses_are_left_out_of_what_is_shown() -> None:
    shown = failures.last_lines("failed at https://user:secret@index.example/simple\n(host='index.example')")

    assert "index.example" not in shown
    assert "secret" not in shown


class FakeInstaller:
    """Stands in for the real one and counts."""

    installed: list[Sequence[Path]] = []

    def __init__(self, venv: Path) -> None: ...

    def get_uv(self) -> None: ...

    def install(self, requirements: Sequence[Path], *, say: Callable[[str], None]) -> None:
        self.installed.append(requirements)


@pytest.fixture
def fake_installer(monkeypatch: pytest.MonkeyPatch) -> type[FakeInstaller]:
    monkeypatch.setattr(FakeInstaller, "installed", [])
    monkeypatch.setattr(installer, "Installer", FakeInstaller)
    monkeypatch.setattr(installer, "check_space", lambda _: None)
    return FakeInstaller


def test_a_second_start_installs_nothing(tmp_path: Path, fake_installer: type[FakeInstaller]) -> None:
    for _ in range(2):
        bootstrap.ensure(tmp_path / "venv", bootstrap.RUN_SET)

    assert fake_installer.installed == [bootstrap.RUN_SET]


def test_the_run_set_comes_with_the_development_set(
    tmp_path: Path, fake_installer: type[FakeInstaller]
) -> None:
    bootstrap.ensure(tmp_path / "venv", bootstrap.DEV_SET)
    bootstrap.ensure(tmp_path / "venv", bootstrap.RUN_SET)

    assert fake_installer.installed == [bootstrap.DEV_SET]


def test_a_changed_lock_file_is_installed(tmp_path: Path, fake_installer: type[FakeInstaller]) -> None:
    lock = tmp_path / "requirements.txt"
    for content in ("a==1", "a==2"):
        lock.write_text(content)
        bootstrap.ensure(tmp_path / "venv", [lock])

    assert len(fake_installer.installed) == 2


def test_settings_for_pip_reach_uv() -> None:
    settings = indexes.parse(
        "global.index-url='https://mirror.example/simple'\n"
        "global.extra-index-url='https://one.example/s file:///local/simple\\nhttps://two.example/s'\n"
        "install.find-links='/wheels /more'\n"
        ":env:.index-url='https://other.example/simple'\n"
    )

    added = indexes.uv_environment(settings, {})

    assert added["UV_DEFAULT_INDEX"] == "https://other.example/simple"
    assert added["UV_INDEX"] == "https://one.example/s https://two.example/s"
    assert added["UV_FIND_LINKS"] == "/wheels,/more"
    assert added["UV_SYSTEM_CERTS"] == "1"


def test_settings_for_uv_win_over_those_for_pip() -> None:
    added = indexes.uv_environment(
        {"index-url": "https://a.example"}, {"UV_DEFAULT_INDEX": "https://b.example"}
    )

    assert "UV_DEFAULT_INDEX" not in added


@pytest.mark.parametrize("home", ["", "/nonexistent/home"])
def test_without_a_home_the_cache_is_in_the_environment(home: str, tmp_path: Path) -> None:
    assert indexes.cache_environment({"HOME": home}, fallback=tmp_path) == {"UV_CACHE_DIR": str(tmp_path)}


def test_with_a_home_the_cache_is_where_it_always_is(tmp_path: Path) -> None:
    assert indexes.cache_environment({"HOME": str(tmp_path)}, fallback=Path("/fallback")) == {}
