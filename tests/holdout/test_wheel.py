"""The library as vendors install it: a wheel by itself, with few dependencies and without the registry."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from holdout import __version__
from tests.holdout.registry_server import serving
from tests.holdout.registry_stub import NO_AI, OPEN, RegistryStub

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
_NOT_COPIED = shutil.ignore_patterns(".*", "var", "__pycache__", "build", "*.egg-info")


def run(*command: object, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **more}
    environment.pop("PYTHONPATH", None)
    words = list(map(str, command))
    return subprocess.run(words, capture_output=True, text=True, check=False, env=environment, cwd="/")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "checkout", ignore=_NOT_COPIED)
    if find_spec("setuptools") and int(distribution("setuptools").version.split(".")[0]) >= 77:
        build = f"import os; os.chdir({str(folder / 'checkout')!r}); from setuptools import build_meta as b; "
        built = run(sys.executable, "-c", f"{build}b.build_wheel({str(folder)!r})")
    else:
        venv.create(folder / "builder", with_pip=True)
        pip = folder / "builder/bin/pip"
        built = run(pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "checkout")
        if built.returncode and "setuptools" in built.stderr:
            pytest.skip(
                f"NOT TESTED: no setuptools here, and no package index answers: {built.stderr[-300:]}"
            )
    assert built.returncode == 0, built.stdout + built.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel and, by links, what it says that it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("vendor")
    venv.create(folder / "env", with_pip=True)
    installed = run(folder / "env/bin/pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
    assert installed.returncode == 0, installed.stderr
    (site,) = (folder / "env").glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder / "unpacked")
    (info,) = (folder / "unpacked").glob("*.dist-info")
    for needed in closure(Distribution.at(info)):
        for top in {Path(str(path)).parts[0] for path in needed.files or () if ".." not in str(path)}:
            if not (site / top).exists() and top != "__pycache__":
                (site / top).symlink_to(str(needed.locate_file(top)))
    return folder / "env"


def closure(wanted: Distribution) -> Iterator[Distribution]:
    """What a distribution needs, and what that needs."""
    seen: set[str] = set()
    waiting = [wanted]
    while waiting:
        for text in waiting.pop().requires or ():
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if not applies or requirement.name in seen:
                continue
            seen.add(requirement.name)
            try:
                found = distribution(requirement.name)
            except PackageNotFoundError:
                continue
            assert requirement.specifier.contains(found.version, prereleases=True), requirement
            waiting.append(found)
            yield found


def test_the_wheel_holds_the_library_and_nothing_of_the_registry(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as content:
        names = content.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"holdout", f"holdout_registry-{__version__}.dist-info"}
    for needed in (
        "py.typed",
        "data/figures.json",
        "fetch/special_purpose.toml",
        "fingerprints/vectors.json",
    ):
        assert f"holdout/{needed}" in names


def test_the_command_runs_where_there_is_no_django(environment: Path) -> None:
    assert run(environment / "bin/python", "-c", "import django").returncode == 1
    assert run(environment / "bin/holdout", "--version").stdout == f"holdout {__version__}\n"
    planned = run(environment / "bin/holdout", "plan", "--rows", "2e9")
    assert "2,000,000,000 rows by url" in planned.stdout


def test_every_module_is_there_with_what_it_needs(environment: Path) -> None:
    """All but what needs the extras says so when it is imported."""
    script = (
        "import importlib, pkgutil, holdout\n"
        "for module in pkgutil.walk_packages(holdout.__path__, 'holdout.'):\n"
        "    if module.name == 'holdout.__main__' or 'zygote' in module.name: continue\n"
        "    try: importlib.import_module(module.name)\n"
        "    except ModuleNotFoundError as error: print(module.name, error.name)\n"
    )
    done = run(environment / "bin/python", "-c", script)
    assert done.returncode == 0, done.stderr
    missing = {line.split()[1].partition(".")[0] for line in done.stdout.splitlines()}
    assert missing <= {"PIL", "cv2", "imagehash", "iscc_lib", "pyspark"}


def test_it_asks_a_registry(environment: Path, tmp_path: Path) -> None:
    stub = RegistryStub()
    stub.says = {"https://a.example/allow": OPEN, "https://a.example/deny": NO_AI}
    (tmp_path / "picture.jpg").write_bytes(b"a picture")
    with serving(stub) as server:
        known = {"HOLDOUT_URL": server, "HOLDOUT_KEY": "ho_test_key"}
        ask = (environment / "bin/holdout", "check", "--use", "train_gen")
        allowed = run(*ask, "https://a.example/allow", **known)
        assert (allowed.returncode, "may be used" in allowed.stdout) == (0, True)
        reserved = run(*ask, "https://a.example/deny", tmp_path / "picture.jpg", **known)
        assert (reserved.returncode, "not to be used" in reserved.stdout) == (1, True)
        assert "holdout-registry[pictures]" in reserved.stderr
