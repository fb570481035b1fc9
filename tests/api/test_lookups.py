"""`POST /v1/lookups`, as a vendor meets it."""

import base64
import io
import json
import tracemalloc
from hashlib import sha256
from typing import Any
from unittest.mock import patch

import msgspec
import pytest
from django.conf import LazySettings
from django.db import OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.resolution import Assurance
from registry.models import Declarant
from tests.factories import OPEN, looks_of, reserve_picture, reserve_place, reserve_work
from tests.holdout.painted import painted

pytestmark = pytest.mark.django_db
URL = "https://alice.example/x.jpg"


def post(client: Client, body: Any, content_type: str = "application/json") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body)
    return client.post("/v1/lookups", data, content_type=content_type)


def ask(client: Client, *queries: Any) -> list[dict[str, Any]]:
    response = post(client, {"queries": queries})
    assert response.status_code == 200, response.content
    results: list[dict[str, Any]] = response.json()["results"]
    return results


def picture(colour: str = "teal", size: tuple[int, int] = (64, 64), form: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


ASKED, REGISTERED = (looks_of({"phash-256/1": bytes(range(32))}, query=query) for query in (True, False))
CUT_OFF = msgspec.structs.replace(
    ASKED, panes=(msgspec.structs.replace(ASKED.panes[0], keypoints=b"half a keypoint"),)
)


def test_a_mixed_batch_is_answered_in_order(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    reserve_work(alice, {"sha256": b"a" * 32, "phash-256/1": bytes(range(32))})
    results = ask(
        vendor,
        {"url": URL},
        {"url": "https://alice.example/y.jpg"},
        {"sha256": "61" * 32},
        {"codes": {"phash-256/1": bytes(range(32)).hex()}},
        {"url": "https://alice.example/y.jpg", "sha256": "61" * 32},
        {"picture": b64(picture())},
    )
    assert [r["uses"]["train_gen"] for r in results] == [
        "deny",
        "unknown",
        "deny",
        "review",
        "deny",
        "unknown",
    ]
    assert results[0]["reasons"][0]["method"] == "url"


def test_fingerprints_taken_at_home_say_the_same_as_the_picture(vendor: Client, alice: Declarant) -> None:
    picture, crop = (png(image) for image in (painted(2), painted(2).crop((100, 50, 420, 290))))
    reserve_picture(alice, picture)
    taken = b64(fingerprint_picture(crop, query=True).to_bytes())
    digest = sha256(crop).hexdigest()
    sent, at_home, with_digest = ask(
        vendor, {"picture": b64(crop)}, {"fingerprints": taken}, {"fingerprints": taken, "sha256": digest}
    )
    assert sent == at_home == with_digest
    (reason,) = sent["reasons"]
    assert reason.keys() == {"source", "method", "assurance", "uses", "mirrored", "inverted", "covered"}
    assert (reason["method"], reason["assurance"]) == ("part_of", "L1")
    assert (reason["mirrored"], reason["inverted"]) == (False, False)
    assert reason["covered"] in {"small", "half"}
    assert sent["uses"]["train_gen"] == "review"


def test_a_near_copys_answer_tells_no_digest_address_or_distance(vendor: Client, alice: Declarant) -> None:
    picture = png(painted(2))
    reserve_picture(alice, picture)
    copy = png(painted(2).resize((320, 240)))
    said = post(vendor, {"queries": [{"picture": b64(copy)}]}).content.decode()
    assert '"method":"same_picture"' in said
    assert sha256(picture).hexdigest() not in said
    assert not [word for word in ("inliers", "affine", "distance", "digest") if word in said]


def test_a_call_takes_the_fingerprints_of_so_many_pictures(vendor: Client, settings: LazySettings) -> None:
    settings.HOLDOUT_LOOKUP_MAX_FINGERPRINTS = 2
    query = {"fingerprints": b64(ASKED.to_bytes())}
    assert len(ask(vendor, query, query)) == 2
    refused = post(vendor, {"queries": [query] * 3})
    assert (refused.status_code, refused.json()["code"]) == (422, "too_many_fingerprints")


def test_the_answer_says_as_of_which_log_index(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    as_of = post(vendor, {"queries": [{"url": URL}]}).json()["as_of"]
    assert as_of["log_index"] == 1
    assert as_of["time"].endswith("+00:00")


def test_an_answer_never_tells_whose_picture_it_is(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    answered = post(vendor, {"queries": [{"url": "http://ALICE.example/x.jpg"}]}).content.decode()
    assert URL not in answered
    assert alice.public_id not in answered
    assert alice.name not in answered


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "query_has_no_key"),
        ({"url": 7}, "query_malformed"),
        ({"url": None}, "query_has_no_key"),
        ({"URL": URL}, "query_malformed"),
        ([], "query_malformed"),
        (None, "query_malformed"),
        ("https://x.example/", "query_malformed"),
        ({"url": "nonsense"}, "url_invalid"),
        ({"url": "ftp://x.example/a.jpg"}, "url_scheme_unsupported"),
        ({"url": "https://x.example/" + "a" * 9_000}, "url_too_long"),
        ({"sha256": "61"}, "fingerprint_malformed"),
        ({"codes": {}}, "query_has_no_key"),
        ({"codes": {"sha256": "61" * 32}}, "fingerprint_not_a_code"),
        ({"codes": {"phash-256/1": "zz"}}, "fingerprint_malformed"),
        ({"codes": {"phash-256/1": []}}, "fingerprint_malformed"),
        ({"codes": {"phash-256/1": ["00" * 32] * 9}}, "fingerprint_malformed"),
        ({"codes": {"phash": "0123456789abcdef"}}, "fingerprint_too_short"),
        ({"codes": {"iscc-image-256/1": "00" * 32}}, "fingerprint_algorithm_unknown"),
        ({"fingerprints": "***"}, "fingerprints_not_base64"),
        ({"fingerprints": ""}, "fingerprint_malformed"),
        ({"fingerprints": b64(b"HOF\x01 and what nobody wrote")}, "fingerprint_malformed"),
        ({"fingerprints": b64(ASKED.to_bytes()[:-1])}, "fingerprint_malformed"),
        ({"fingerprints": b64(CUT_OFF.to_bytes())}, "fingerprint_malformed"),
        ({"fingerprints": b64(REGISTERED.to_bytes())}, "fingerprints_not_of_a_query"),
        ({"fingerprints": b64(ASKED.to_bytes()), "sha256": "00" * 32}, "sha256_of_another_picture"),
        ({"fingerprints": b64(ASKED.to_bytes()), "picture": b64(b"another")}, "sha256_of_another_picture"),
        ({"codes": {"md5": "00" * 16}}, "fingerprint_algorithm_unknown"),
        ({"picture": "***"}, "picture_not_base64"),
        ({"picture": b64(b"PK\x03\x04 renamed to .jpg")}, "picture_format_unsupported"),
        ({"picture": b64(picture(form="JPEG")[:300])}, "picture_damaged"),
        ({"picture": b64(picture()), "sha256": "00" * 32}, "sha256_of_another_picture"),
    ],
)
def test_a_broken_query_fails_with_its_code_and_the_rest_is_answered(
    vendor: Client, alice: Declarant, query: Any, code: str
) -> None:
    reserve_place(alice, URL)
    broken, fine = ask(vendor, query, {"url": URL})
    assert broken["status"] == "failed"
    assert broken["error"]["code"] == code
    assert "uses" not in broken
    assert fine["uses"]["train_gen"] == "deny"


def test_a_picture_too_wide_to_decode_fails_quickly(vendor: Client) -> None:
    wide = io.BytesIO()
    Image.new("1", (60_000, 1_000)).save(wide, "PNG")
    (result,) = ask(vendor, {"picture": b64(wide.getvalue())})
    assert result["error"]["code"] == "picture_too_many_pixels"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b" ", "body_malformed"),
        (b"\xff\xfe", "body_malformed"),
        (b"{", "body_malformed"),
        (b"[]", "body_malformed"),
        (b"[" * 100_000, "body_malformed"),
        (b'{"queries": [' + b"[" * 100_000 + b"]}", "body_malformed"),
        (b'{"queries": {"url": "x"}}', "body_malformed"),
        (b'{"queries": []}', "no_queries"),
        (b'{"queries": [], "max": 1}', "body_malformed"),
        (b'{"queries": [' + b"{}," * 10_000 + b"{}]}", "too_many_queries"),
        (b'{"queries": [' + b",".join([b'{"picture": "AA=="}'] * 17) + b"]}", "too_many_pictures"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(vendor: Client, body: bytes, code: str) -> None:
    response = post(vendor, body)
    assert response.status_code == 422
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == code


@pytest.mark.parametrize(
    "broken", [rb'{"url": "https://x.example/\ud800"}', b'{"url": NaN}', b"NaN", b"1e999", rb'{"\udfff": 1}']
)
def test_what_json_does_not_allow_fails_its_query_alone(vendor: Client, broken: bytes) -> None:
    response = post(vendor, b'{"queries": [' + broken + b', {"url": "https://x.example/"}]}')
    assert response.status_code == 200
    assert [r["status"] for r in response.json()["results"]] == ["failed", "checked"]


def test_a_batch_of_deep_urls_keeps_its_memory_small(vendor: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    deep = [{"url": f"https://x{i}.example/" + "a/" * 250} for i in range(60)]
    tracemalloc.start()
    results = ask(vendor, *deep, {"url": URL})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert results[-1]["uses"]["train_gen"] == "deny"
    assert peak < 40_000_000


def test_only_json_is_read_here(vendor: Client) -> None:
    response = post(vendor, b"url=x", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["code"]) == (415, "upload_format_unknown")


def test_a_body_over_the_limit_is_refused_before_it_is_read(vendor: Client, settings: Any) -> None:
    settings.HOLDOUT_LOOKUP_MAX_BYTES = 10
    response = post(vendor, {"queries": [{"url": URL}]})
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic dTpw", "Bearer ho_live_\xe9"])
def test_nobody_looks_up_in_bulk_without_a_key(anybody: Client, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    response = anybody.post("/v1/lookups", "{}", content_type="application/json", headers=headers)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["code"] in {"key_missing", "key_unknown"}


def test_get_is_not_how_one_asks_here(vendor: Client) -> None:
    response = vendor.get("/v1/lookups")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


def test_a_database_that_is_away_is_503_and_never_an_answer(vendor: Client) -> None:
    with patch("lookup.engine.current_view", side_effect=OperationalError("gone")):
        response = post(vendor, {"queries": [{"url": URL}]})
    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json()["code"] == "registry_unavailable"


def test_our_own_mistake_is_a_problem_document_without_secrets(vendor: Client) -> None:
    with patch("lookup.engine.current_view", side_effect=RuntimeError("secret")):
        response = post(vendor, {"queries": [{"url": URL}]})
    assert response.status_code == 500
    assert "secret" not in response.content.decode()
    assert response.json()["code"] == "internal_error"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(URL),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "sha256", "codes", "picture", "phash-256/1", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries=st.lists(json_values, min_size=1, max_size=5))
def test_whatever_json_comes_every_query_gets_its_own_result(
    vendor: Client, alice: Declarant, bob: Declarant, queries: list[Any]
) -> None:
    if not alice.locators.exists():
        reserve_place(alice, URL)
        reserve_place(bob, URL, preferences=OPEN, level=Assurance.L0)
    response = post(vendor, {"queries": [*queries, {"url": URL}]})
    assert response.status_code == 200
    *results, known = response.json()["results"]
    assert len(results) == len(queries)
    assert all(r["status"] == "failed" or "allow" not in r["uses"].values() for r in results)
    assert known["uses"]["train_gen"] == "deny"
