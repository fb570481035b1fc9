"""The staff area's names of tables, columns and values, as messages that follow the visitor's language.

The rooms that own the models know nothing of languages. So their names stay plain English there, and become
messages here, under a context of their own: "name" or "key" of a column is not what a page means by it.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.admin.options import BaseModelAdmin
from django.db.models import Field
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as Text

CONTEXT: Final = "staff area"


def translate_names(site: AdminSite) -> None:
    """Make a message of every name that a table of `site` shows. No migration sees it: it is no new state."""
    desks = [*site._registry.values(), *inlines(site)]
    for label in {desk.model._meta.app_label for desk in desks}:
        room = apps.get_app_config(label)
        room.verbose_name = _message(room.verbose_name)
    for desk in desks:
        opts = desk.model._meta
        opts.verbose_name_plural = _message(str(opts.verbose_name_plural))
        opts.verbose_name = _message(opts.verbose_name)
    for field in {field for desk in desks for field in shown_fields(desk)}:
        field.verbose_name = _message(field.verbose_name)
        field.help_text = _message(field.help_text)
        if field.choices:
            field.choices = [(value, _message(name)) for value, name in field.flatchoices]


def inlines(site: AdminSite) -> "Iterator[BaseModelAdmin[Any]]":
    for model, desk in site._registry.items():
        yield from (inline(model, site) for inline in desk.inlines)


def shown_fields(desk: "BaseModelAdmin[Any]") -> "Iterator[Field[Any, Any]]":
    """The columns that a table shows, in its list or in a row."""
    shown = {*_names(desk.fields), *_names(getattr(desk, "list_display", ()))}
    yield from (field for field in desk.model._meta.concrete_fields if field.name in shown)


def _names(names: Iterable[Any] | None) -> set[str]:
    return {name for name in names or () if isinstance(name, str)}


def _message(text: "Text") -> "Text":
    """Django's own names are messages already; an empty text must not become one."""
    return text if isinstance(text, Promise) or not text else pgettext_lazy(CONTEXT, text)
