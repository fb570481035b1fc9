"""The OpenAPI document: drf-spectacular asks the views, and what it cannot know is added here."""

from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from api.v1.schemas import SCHEMAS


class BearerKey(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How `ApiKeyAuthentication` is told."""

    target_class = "api.authentication.ApiKeyAuthentication"
    name = "key"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "ho_live_..."}


def complete(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """drf-spectacular's hook: add the schemas that operations refer to."""
    result["components"].setdefault("schemas", {}).update(SCHEMAS)
    return result


@cache
def document() -> bytes:
    """The document as YAML, as `manage.py spectacular` writes it."""
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    rendered: bytes = OpenApiYamlRenderer().render(schema, renderer_context={})  # type: ignore[no-untyped-call]
    return rendered
