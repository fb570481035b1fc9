"""The docs say what is true: codes, links, commands."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("accounts", "api", "config", "consent", "holdout", "ledger", "lookup", "registry")
ERRORS = {
    "InvalidInput", "NotPermitted", "NotFound", "Conflict", "Unavailable", "UnreadablePicture",
    "SnapshotRefused", "RequestRefused", "RegistryAway", "AnswerUnusable", "Gone", "LengthRequired",
    "TooLarge", "UnsupportedMediaType",
}  # fmt: skip


def codes_in_use() -> set[str]:
    """The first argument of every error that our code makes, where it is a plain string."""
    found: set[str] = set()
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(source.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Name)
                    and node.func.id in ERRORS
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    found.add(str(node.args[0].value))
    return found


def test_every_error_code_is_explained() -> None:
    from holdout.fetch.refusals import FAILED, REFUSED
    from holdout.fingerprints.refusals import REFUSALS

    page = (ROOT / "docs/reference/errors.md").read_text()
    explained = set(re.findall(r"^\| `([a-z_0-9]+)`", page, re.MULTILINE))
    assert (codes_in_use() | {*REFUSALS, *REFUSED, *FAILED}) - explained == set()


def test_the_docs_are_built_without_a_warning(tmp_path: Path) -> None:
    built = subprocess.run(
        [Path(sys.executable).with_name("properdocs"), "build", "--strict", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "tutorials/vendor/index.html").exists()


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_link_of_the_front_pages_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_file_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    named = set(re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.[a-z]+)", text))
    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_command_of_run_that_the_docs_name_is_there() -> None:
    from launcher.usage import COMMANDS

    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {word for page in pages for word in re.findall(r"\./run ([a-z]+)", page.read_text())}
    assert named - set(COMMANDS) == set()
