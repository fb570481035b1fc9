"""The pages and the staff area speak Chinese as completely as English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.apps import apps
from django.contrib import admin
from django.template import Engine
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from django.utils.functional import Promise
from django.utils.translation import override

from web.staff_words import CONTEXT, inlines, shown_fields

ROOT = Path(__file__).resolve().parents[2]
ROOMS = tuple(ROOT / room for room in ("web", "demo", "accounts", "ledger", "registry", "consent", "lookup"))
CATALOGUE = ROOT / "web" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
GETTEXT = {"_", "gettext", "gettext_lazy"}
PGETTEXT = {"pgettext", "pgettext_lazy"}
DERIVED = ROOT / "web" / "staff_words.py"
"""Makes messages of the models' names; `messages_in_tables` reads those off the result."""

DJANGO_S_OWN = {"last login"}
"""Names that come with a translation of their own."""

SAID_BY_LIBRARIES = {
    (None, text)
    for text in (
        *("Model name", "Add link", "Change or view list link"),  # Django has no Chinese for them yet
        *("Code", "Incorrect code.", "Authenticator code"),  # allauth's is that of source code
    )
}

Message = tuple[str | None, str]
"""A context, where there is one, and a text."""


def messages_in_python() -> Iterator[Message]:
    for module in (module for room in ROOMS for module in room.rglob("*.py") if module != DERIVED):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in GETTEXT | PGETTEXT:
                assert all(isinstance(a, ast.Constant) for a in node.args), f"{module}: {ast.unparse(node)}"
                context, text = [None, *(str(ast.literal_eval(a)) for a in node.args)][-2:]
                yield context, str(text)


def messages_in_templates() -> Iterator[Message]:
    folders = [room / "templates" for room in ROOMS]
    for name in [str(file.relative_to(folder)) for folder in folders for file in folder.rglob("*.*")]:
        template = Engine.get_default().get_template(name)
        for node in template.nodelist.get_nodes_by_type(TranslateNode):
            assert isinstance(node, TranslateNode)
            yield None, node.filter_expression.var.literal
        for node in template.nodelist.get_nodes_by_type(BlockTranslateNode):
            assert isinstance(node, BlockTranslateNode)
            yield None, node.render_token_list(node.singular)[0]


def messages_in_tables() -> Iterator[Message]:
    """The names that the staff area shows of rooms, tables, columns and values."""
    for desk in [*admin.site._registry.values(), *inlines(admin.site)]:
        opts = desk.model._meta
        names = [
            apps.get_app_config(opts.app_label).verbose_name,
            opts.verbose_name,
            opts.verbose_name_plural,
        ]
        for field in shown_fields(desk):
            names += [field.verbose_name, field.help_text, *(name for _, name in field.flatchoices)]
        assert all(isinstance(name, Promise) or not name for name in names), opts.label
        with override(None):
            texts = {str(name) for name in names}
        yield from ((CONTEXT, text) for text in texts - DJANGO_S_OWN - {""})


def messages() -> set[Message]:
    return {*messages_in_python(), *messages_in_templates(), *messages_in_tables(), *SAID_BY_LIBRARIES}


@pytest.fixture(scope="module")
def catalogue() -> polib.POFile:
    return polib.pofile(str(CATALOGUE))


def test_every_message_of_the_pages_is_translated(catalogue: polib.POFile) -> None:
    translated = {
        (entry.msgctxt, entry.msgid) for entry in catalogue if entry.msgstr and "fuzzy" not in entry.flags
    }
    assert messages() - translated == set()


def test_the_catalogue_holds_nothing_that_no_page_says(catalogue: polib.POFile) -> None:
    assert {(entry.msgctxt, entry.msgid) for entry in catalogue} - messages() == set()


def test_a_translation_keeps_the_placeholders(catalogue: polib.POFile) -> None:
    placeholder = re.compile(r"%\(\w+\)s")
    for entry in catalogue:
        assert sorted(placeholder.findall(entry.msgid)) == sorted(placeholder.findall(entry.msgstr))


def test_the_compiled_catalogue_is_that_of_the_source(catalogue: polib.POFile) -> None:
    """Otherwise: python manage.py compile_locale."""
    compiled = polib.mofile(str(CATALOGUE.with_suffix(".mo")))
    assert texts_of(compiled) == texts_of(catalogue)


def texts_of(catalogue: polib.POFile | polib.MOFile) -> dict[Message, str]:
    return {(entry.msgctxt, entry.msgid): entry.msgstr for entry in catalogue}


def test_no_text_of_ours_changes_what_django_s_admin_says(catalogue: polib.POFile) -> None:
    """Ours wins wherever both have the same English text. Where it means something else it needs a context;
    these mean the same in other words."""
    theirs = Path(admin.__file__).parent / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    ours = texts_of(catalogue)
    changed = {m for m, text in texts_of(polib.pofile(str(theirs))).items() if ours.get(m, text) != text}
    assert changed <= {(None, word) for word in ("Add", "History", "Remove", " By %(filter_title)s ")}


def test_nothing_promises_what_a_register_cannot_do(catalogue: polib.POFile) -> None:
    said = [*(text for _, text in messages()), *(entry.msgstr for entry in catalogue)]
    assert not [text for text in said if re.search(r"protect|owner|保护|所有者|所有人", text, re.IGNORECASE)]
