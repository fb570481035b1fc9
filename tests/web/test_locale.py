"""The pages speak Chinese as completely as English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.template import Engine
from django.templatetags.i18n import BlockTranslateNode, TranslateNode

ROOT = Path(__file__).resolve().parents[2]
ROOMS = (ROOT / "web", ROOT / "demo")  # the staff area speaks English only (web/staff.py)
CATALOGUE = ROOT / "web" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
GETTEXT = {"_", "gettext", "gettext_lazy"}


def messages_in_python() -> Iterator[str]:
    for module in (module for room in ROOMS for module in room.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                (message,) = node.args
                assert isinstance(message, ast.Constant), f"{module.name}: {ast.unparse(node)}"
                yield str(message.value)


def messages_in_templates() -> Iterator[str]:
    folders = [room / "templates" for room in ROOMS]
    for name in [str(file.relative_to(folder)) for folder in folders for file in folder.rglob("*.*")]:
        template = Engine.get_default().get_template(name)
        for node in template.nodelist.get_nodes_by_type(TranslateNode):
            assert isinstance(node, TranslateNode)
            yield node.filter_expression.var.literal
        for node in template.nodelist.get_nodes_by_type(BlockTranslateNode):
            assert isinstance(node, BlockTranslateNode)
            yield node.render_token_list(node.singular)[0]


def messages() -> set[str]:
    return {*messages_in_python(), *messages_in_templates()}


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def test_every_message_of_the_pages_is_translated(catalogue: polib.POFile) -> None:
    translated = {entry.msgid for entry in catalogue if entry.msgstr and "fuzzy" not in entry.flags}
    assert messages() - translated == set()


def test_the_catalogue_holds_nothing_that_no_page_says(catalogue: polib.POFile) -> None:
    assert {entry.msgid for entry in catalogue} - messages() == set()


def test_a_translation_keeps_the_placeholders(catalogue: polib.POFile) -> None:
    placeholder = re.compile(r"%\(\w+\)s")
    for entry in catalogue:
        assert sorted(placeholder.findall(entry.msgid)) == sorted(placeholder.findall(entry.msgstr))


def test_the_compiled_catalogue_is_that_of_the_source(catalogue: polib.POFile) -> None:
    """Otherwise: python manage.py compile_locale."""
    compiled = {entry.msgid: entry.msgstr for entry in polib.mofile(str(CATALOGUE.with_suffix(".mo")))}
    assert compiled == {entry.msgid: entry.msgstr for entry in catalogue}


def test_nothing_promises_what_a_register_cannot_do(catalogue: polib.POFile) -> None:
    said = [*messages(), *(entry.msgstr for entry in catalogue)]
    assert not [text for text in said if re.search(r"protect|owner|保护|所有者|所有人", text, re.IGNORECASE)]
