"""What the tables of the staff area share, whichever room they belong to: filters, and acting on rows.

Nobody may change a row there (`accounts.permissions`). What has an effect is an action that calls a service.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from accounts.audit import Actor, Source, actor_of
from holdout.errors import HoldoutError

if TYPE_CHECKING:
    from django.utils.functional import _StrOrPromise as Text


class Desk(admin.ModelAdmin):  # type: ignore[type-arg] # generic for type checkers only
    """A table that staff look at, newest rows first. Nothing there sorts or counts a big table by a click."""

    ordering = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    refusals: "ClassVar[Mapping[str, Text]]" = MappingProxyType({})
    """What the services that the actions call may refuse, by error code."""

    def carry_out(
        self,
        request: HttpRequest,
        rows: QuerySet[Any],
        *,
        act: Callable[[Any, Actor], None],
        question: "Text",
        done: "Text",
    ) -> TemplateResponse | None:
        """Ask `question` first; once confirmed, `act` on each row by itself and tell how each went.

        For an action method: return what this returns. What a service refuses is told and stops nothing else.
        """
        if "confirmed" not in request.POST:
            context = {**self.admin_site.each_context(request), "title": question, "rows": rows}
            context |= {"action": request.POST["action"], "checkbox_name": ACTION_CHECKBOX_NAME}
            return TemplateResponse(request, "admin/confirm_action.html", context | {"opts": self.opts})
        by = actor_of(request, Source.STAFF)
        for row in rows:
            try:
                act(row, by)
            except HoldoutError as error:
                why = self.refusals.get(error.code, error.detail)
                # The id last: the page begins every message with a capital letter.
                self.message_user(request, f"{why} {row}", messages.ERROR)
            else:
                self.message_user(request, f"{done}: {row}", messages.SUCCESS)
        return None


def organization_filter(path: str) -> type[admin.SimpleListFilter]:
    """Narrows a table to one organisation; `path` leads from a row to its public id."""
    return typed_filter("organisation", path, heading=_("organisation"))


def typed_filter(name: str, path: str, *, heading: "Text") -> type[admin.SimpleListFilter]:
    """Narrows a table to the rows where `path` has the value that is typed in; `name` stands in the address.

    Django's own filters list every value that there is, which here may be a million.
    """

    class TypedFilter(admin.SimpleListFilter):
        title = heading
        parameter_name = name
        template = "admin/typed_filter.html"

        def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:  # noqa: ARG002
            return [("", "")]  # a filter without any is not shown

        def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:  # noqa: ARG002
            value = self.value()
            if not value:
                return queryset
            try:
                return queryset.filter(**{path: value.replace("\0", "")})
            except ValueError:  # letters where a number is asked for
                return queryset.none()

        def choices(self, changelist: ChangeList) -> Iterator[Any]:
            kept = {k: v for k, v in changelist.params.items() if k != self.parameter_name}
            yield {"name": self.parameter_name, "value": self.value() or "", "kept": kept}

    return TypedFilter
