"""`GET /.well-known/holdout-keys.json`: the keys with which this registry signs, for anybody."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from api.v1.snapshots import key_json
from holdout.snapshot.files import PURPOSE
from lookup import published


@require_safe
def keys(_request: HttpRequest) -> JsonResponse:
    """All that are to be trusted: while keys change there are two."""
    listed = [{**key_json(key), "purposes": [PURPOSE]} for key in published.public_keys()]
    return JsonResponse(
        {"keys": listed},
        headers={"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"},
    )
