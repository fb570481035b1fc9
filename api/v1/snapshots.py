"""`/v1/snapshots`: what the registry says, as signed files to screen with on one's own machine."""

from typing import Any

from django.http import FileResponse, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from rest_framework.request import Request

from api.authentication import caller
from api.permissions import OfVendors
from api.throttling import MeteredView, QuotaName
from api.v1 import operations
from holdout.signing import PublicKey
from lookup import published
from lookup.confirm import MAX_PREFIXES, range_bits
from lookup.models import Snapshot

MEDIA_TYPE = "application/vnd.holdout.snapshot"


class SnapshotsView(MeteredView):
    """What can be fetched: the newest base, and the deltas that lead to the newest version."""

    permission_classes = (OfVendors,)
    quotas = {"GET": QuotaName.CALLS}

    @operations.list_snapshots
    def get(self, request: Request) -> HttpResponse:
        published.require_vetted(caller(request))
        newest = published.newest()
        base = published.bases().first()
        return JsonResponse(
            {
                "version": newest.version,
                "created": newest.created_at.isoformat(),
                "expires": newest.expires_at.isoformat(),
                "log_index": newest.log_index,
                "prefixes": newest.prefixes,
                "base": base and _file_json(base),
                "deltas": [_file_json(delta) for delta in published.deltas(newest.version)],
                "public_keys": [key_json(key) for key in published.public_keys()],
                "confirm": {"bits": range_bits(newest.prefixes), "prefixes": MAX_PREFIXES},
            }
        )


class SnapshotView(MeteredView):
    """A base."""

    permission_classes = (OfVendors,)
    quotas = {"GET": QuotaName.CALLS}

    @operations.snapshot
    def get(self, request: Request, version: int) -> HttpResponseBase:
        published.require_vetted(caller(request))
        return _file(request, published.base_file(version))


class SnapshotDeltaView(MeteredView):
    """What leads from a version to the newest."""

    permission_classes = (OfVendors,)
    quotas = {"GET": QuotaName.CALLS}

    @operations.snapshot_delta
    def get(self, request: Request, version: int) -> HttpResponseBase:
        published.require_vetted(caller(request))
        delta = published.delta_file(version)
        return HttpResponse(status=204) if delta is None else _file(request, delta)


def key_json(key: PublicKey) -> dict[str, Any]:
    return {"id": key.id, "algorithm": "ed25519", "public_key": key.text}


def _file(request: Request, snapshot: Snapshot) -> HttpResponseBase:
    etag = f'"{bytes(snapshot.sha256).hex()}"'
    if unchanged := get_conditional_response(request._request, etag=etag):
        return unchanged
    return FileResponse(
        published.opened(snapshot),
        as_attachment=True,
        filename=snapshot.name,
        content_type=MEDIA_TYPE,
        headers={"ETag": etag, "Cache-Control": "private, no-cache"},
    )


def _file_json(snapshot: Snapshot) -> dict[str, Any]:
    address = f"/v1/snapshots/{snapshot.since or snapshot.version}"
    return {
        "version": snapshot.version,
        "since": snapshot.since,
        "url": f"{address}/delta" if snapshot.since else address,
        "bytes": snapshot.bytes,
        "sha256": bytes(snapshot.sha256).hex(),
    }
