"""`/v1/snapshots`: who was vetted can screen at home. `/v1/confirm`: asking without telling what is meant."""

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.audit import SHELL
from accounts.models import AuditEvent, Organization
from accounts.services import unvet_for_snapshots, vet_for_snapshots
from consent.services import withdraw
from holdout.index.keys import packed_key
from holdout.resolution import Assurance
from holdout.signing import PublicKey
from holdout.snapshot.codes import ASK, FAILED
from holdout.snapshot.load import install
from holdout.snapshot.ranges import Range, confirmed, range_texts
from holdout.snapshot.read import Snapshot as Opened
from holdout.snapshot.read import every_key
from holdout.url_keys import UrlKeys, url_keys
from holdout.urls import KeyKind, canonicalize, rule_keys
from holdout.vocabulary import Preference, UsageCategory
from lookup import confirm, published
from lookup.models import Snapshot
from lookup.snapshots import publish
from registry.models import Declarant
from tests.factories import OPEN, reserve_place, reserve_places, reserve_work, settle

pytestmark = pytest.mark.django_db
URL = "https://a.example/x.jpg"
ASK_FIRST = {UsageCategory.TRAIN_GEN: Preference.CONDITIONAL}
PATHS = ("/v1/snapshots", "/v1/snapshots/1", "/v1/snapshots/1/delta", "/v1/confirm")


@pytest.fixture
def vetted(vendor: Client, vera: Organization) -> Client:
    vet_for_snapshots(organization=vera, by=SHELL)
    return vendor


def keys_of(urls: list[str]) -> UrlKeys:
    octets = "\n".join(urls).encode()
    ends = np.cumsum([len(url) + 1 for url in urls]) - 1
    return url_keys(np.frombuffer(octets, np.uint8), np.append(0, ends[:-1] + 1), ends)


def content(answered: Any) -> bytes:
    return b"".join(answered.streaming_content)


def ask(client: Client, prefixes: list[str], bits: int = 0) -> Any:
    body = json.dumps({"prefixes": prefixes, "bits": bits})
    return client.post("/v1/confirm", body, content_type="application/json")


# --- who


@pytest.mark.parametrize("path", PATHS)
def test_who_was_not_vetted_is_told_so_and_gets_nothing(path: str, vendor: Client) -> None:
    publish()
    method = vendor.post if path == "/v1/confirm" else vendor.get
    answered: Any = method(path)
    assert (answered.status_code, answered.json()["code"]) == (403, "snapshots_need_vetting")


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_anything_without_a_key(path: str, anybody: Client) -> None:
    method = anybody.post if path == "/v1/confirm" else anybody.get
    assert method(path).status_code == 401


def test_vetting_is_written_down_and_can_be_taken_back(vendor: Client, vera: Organization) -> None:
    publish()
    for _ in range(2):
        vet_for_snapshots(organization=vera, by=SHELL)
    assert vendor.get("/v1/snapshots").status_code == 200
    for _ in range(2):
        unvet_for_snapshots(organization=vera, by=SHELL)
    assert vendor.get("/v1/snapshots").status_code == 403
    events = AuditEvent.objects.filter(object_id=vera.public_id).order_by("pk")
    assert [event.what for event in events] == ["shell:organization:vetted", "shell:organization:unvetted"]


@pytest.mark.parametrize("vetted", [True, False])
def test_the_shell_issues_keys_of_both_sorts(vetted: bool, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("issue_key", "Vera", *(["--snapshots"] if vetted else []))
    client = Client(headers={"Authorization": f"Bearer {capsys.readouterr().out.strip()}"})
    publish()
    assert client.get("/v1/snapshots").status_code == (200 if vetted else 403)


# --- what


def test_before_the_first_there_is_none(vetted: Client) -> None:
    for path in PATHS[:3]:
        answered: Any = vetted.get(path)
        assert (answered.status_code, answered.json()["code"]) == (404, "snapshot_unknown")
    assert ask(vetted, ["0"]).status_code == 404


def test_a_vendor_fetches_the_base_and_then_deltas(vetted: Client, alice: Declarant, tmp_path: Path) -> None:
    reserve_place(alice, URL)
    first = publish()
    listed = vetted.get("/v1/snapshots").json()
    assert (listed["version"], listed["base"]["version"], listed["deltas"]) == (first, first, [])
    trusted = [PublicKey.from_text(key["public_key"]) for key in listed["public_keys"]]
    base: Any = vetted.get(listed["base"]["url"])
    octets = content(base)
    assert base["Content-Type"] == "application/vnd.holdout.snapshot"
    assert (len(octets), sha256(octets).hexdigest()) == (listed["base"]["bytes"], listed["base"]["sha256"])
    folder = tmp_path / "vendor"
    install(folder, octets, public_keys=trusted, now=timezone.now())

    reserve_place(alice, "b.example", kind=KeyKind.DOMAIN)
    second = publish()
    listed = vetted.get("/v1/snapshots").json()
    (delta,) = listed["deltas"]
    assert (delta["since"], delta["version"], delta["url"]) == (first, second, f"/v1/snapshots/{first}/delta")
    install(folder, content(vetted.get(delta["url"])), public_keys=trusted, now=timezone.now())
    snapshot = Opened.open(folder, public_key=trusted, now=timezone.now())
    assert snapshot.version == listed["version"]
    assert snapshot.urls(keys_of([URL, "https://b.example/", "https://c.example/"])).tolist() == [240, 240, 0]
    assert vetted.get(f"/v1/snapshots/{second}/delta").status_code == 204


def test_a_version_from_which_nothing_leads_any_more_is_gone(vetted: Client) -> None:
    first = publish(base=True)
    publish(base=True)
    Snapshot.objects.exclude(since=0).delete()
    answered: Any = vetted.get(f"/v1/snapshots/{first}/delta")
    assert (answered.status_code, answered.json()["code"]) == (410, "snapshot_too_old")


@pytest.mark.parametrize("version", ["0", "1", "999999999999"])
def test_a_version_that_never_was_is_not_found(version: str, vetted: Client) -> None:
    publish()
    answered: Any = vetted.get(f"/v1/snapshots/{version}")
    assert (answered.status_code, answered.json()["code"]) == (404, "snapshot_unknown")
    assert vetted.get(f"/v1/snapshots/{version}/delta").status_code in {404, 410}


@pytest.mark.parametrize("version", ["9999999999999", "-1", "x", "1.5"])
def test_what_is_no_version_is_no_address(version: str, vetted: Client) -> None:
    assert vetted.get(f"/v1/snapshots/{version}").status_code == 404


def test_what_one_has_is_not_sent_again(vetted: Client) -> None:
    version = publish()
    first: Any = vetted.get(f"/v1/snapshots/{version}")
    content(first)
    again: Any = vetted.get(f"/v1/snapshots/{version}", headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_file_that_is_lost_is_said_to_be_away(vetted: Client) -> None:
    version = publish() or 0
    published.path_of(published.base_file(version)).unlink()
    answered: Any = vetted.get(f"/v1/snapshots/{version}")
    assert (answered.status_code, answered.json()["code"]) == (503, "snapshot_unavailable")


def test_anybody_learns_the_public_keys_and_no_other(anybody: Client) -> None:
    answered: Any = anybody.get("/.well-known/holdout-keys.json")
    (key,) = answered.json()["keys"]
    assert PublicKey.from_text(key["public_key"]) == published.signing_key().public
    assert (key["id"], key["purposes"]) == (published.signing_key().public.id, ["snapshot/1"])
    assert "AQEBAQ" not in answered.content.decode()
    assert answered["Access-Control-Allow-Origin"] == "*"


# --- confirming


@pytest.fixture
def fifty_more(alice: Declarant) -> None:
    """Enough keys for a bit or two."""
    reserve_places(alice, KeyKind.URL, [f"https://many.example/{i}.jpg" for i in range(220)])


def ranges(answered: Any) -> list[Range]:
    assert answered.status_code == 200, answered.json()
    return msgspec.convert(answered.json()["ranges"], list[Range])


def test_what_a_snapshot_found_is_confirmed_without_saying_what_is_meant(
    vetted: Client, alice: Declarant, bob: Declarant, fifty_more: None
) -> None:
    statement = reserve_place(alice, URL)
    wider = reserve_place(bob, "a.example", kind=KeyKind.DOMAIN)
    publish()
    bits = vetted.get("/v1/snapshots").json()["confirm"]["bits"]
    assert bits == 2
    keys = keys_of([URL, "https://nobody.example/"])
    asked = every_key(keys, np.array([True, True]))
    texts = range_texts(asked.key, bits=bits)
    answered = ask(vetted, texts, bits)
    told = confirmed(asked, ranges(answered), bits=bits)
    assert (told.row.tolist(), told.code.tolist()) == ([0, 1], [240, 0])
    assert set(told.sources[0]) == {statement.public_id, wider.public_id}
    assert answered.json()["bits"] == bits
    assert sum(len(one.codes) for one in ranges(answered)) >= confirm.KEYS_AT_LEAST


def test_all_keys_of_a_range_are_told_whatever_they_are_of(
    vetted: Client, alice: Declarant, bob: Declarant
) -> None:
    reserve_place(alice, URL)
    reserve_place(alice, "https://a.example/art/", kind=KeyKind.PATH, preferences=OPEN)
    reserve_work(bob, {"sha256": b"a" * 32})
    reserve_place(bob, "https://weak.example/", preferences=OPEN, level=Assurance.L0)
    publish()
    (whole,) = ranges(ask(vetted, ["0"]))
    found = {whole.keys[i : i + 16]: whole.codes[i // 16] for i in range(0, len(whole.keys), 16)}
    assert found == {
        packed_key("u example,a)/x.jpg"): 240,
        packed_key("p example,a)/art/"): ASK,
        b"a" * 16: 240,
    }
    assert all(source.startswith("stm_") for one in whole.sources for source in one)


def test_an_exception_of_one_declarant_shows_when_all_keys_are_asked_for(
    vetted: Client, alice: Declarant
) -> None:
    reserve_place(alice, "a.example", kind=KeyKind.DOMAIN)
    reserve_place(alice, URL, preferences=ASK_FIRST)
    publish()
    asked = every_key(keys_of([URL]), np.array([True]))
    told = confirmed(asked, ranges(ask(vetted, ["0"])), bits=0)
    assert told.code.tolist() == [ASK]


def test_the_answer_is_of_now_also_where_the_snapshot_is_not(
    vetted: Client, alice: Declarant, bob: Declarant
) -> None:
    statement = reserve_place(alice, URL)
    publish()
    withdraw(statement=statement)
    settle()
    reserve_place(bob, "https://new.example/")
    (whole,) = ranges(ask(vetted, ["0"]))
    assert whole.keys == packed_key("u example,new)/")
    before = vetted.get("/v1/snapshots").json()["log_index"]
    assert ask(vetted, ["0"]).json()["as_of"]["log_index"] > before


def test_every_prefix_is_answered_also_with_nothing_and_in_order(vetted: Client, fifty_more: None) -> None:
    publish()
    answered = ranges(ask(vetted, ["3", "1", "3"], 2))
    assert [one.prefix for one in answered] == ["3", "1", "3"]
    assert answered[0] == answered[2]
    Snapshot.objects.update(prefixes=2**32 * 50)
    (nothing,) = ranges(ask(vetted, ["00000000"], 32))
    assert nothing == Range("00000000")


@pytest.mark.parametrize(("bits", "code"), [(2, None), (1, None), (0, "confirm_bits"), (3, "confirm_bits")])
def test_ranges_have_to_be_wide_and_not_too_wide(
    bits: int, code: str | None, vetted: Client, fifty_more: None
) -> None:
    publish()
    answered = ask(vetted, ["1"], bits)
    assert answered.json().get("code") == code


def test_a_range_that_somebody_filled_is_refused_by_itself(
    vetted: Client, fifty_more: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish()
    sizes = [len(one.codes) for one in ranges(ask(vetted, ["0", "1"], 1))]
    monkeypatch.setattr(confirm, "KEYS_AT_MOST", min(sizes))
    by_size = dict(zip(ranges(ask(vetted, ["0", "1"], 1)), sizes, strict=True))
    assert sizes[0] != sizes[1]
    for one, size in by_size.items():
        assert one.error == ("range_too_full" if size > min(sizes) else None)
        assert bool(one.keys) == (one.error is None)
    full = next(one for one in by_size if one.error)
    asked = every_key(keys_of([f"https://many.example/{i}.jpg" for i in range(9)]), np.ones(9, np.bool_))
    told = confirmed(asked, by_size, bits=1)
    assert set(told.code.tolist()) <= {240, FAILED}
    lies_in = {
        row for row, key in zip(asked.row.tolist(), asked.key, strict=True) if key[0] >> 7 == int(full.prefix)
    }
    assert {row for row, code in zip(told.row, told.code, strict=True) if code == FAILED} == lies_in


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "body_malformed"),
        (b"[]", "body_malformed"),
        (b'{"prefixes": ["0"]}', "body_malformed"),
        (b'{"prefixes": ["0"], "bits": 0, "x": 1}', "body_malformed"),
        (b'{"prefixes": [0], "bits": 0}', "body_malformed"),
        (b'{"prefixes": [], "bits": 0}', "no_queries"),
        (json.dumps({"prefixes": ["0"] * 257, "bits": 0}).encode(), "too_many_queries"),
        (b'{"prefixes": ["1"], "bits": 0}', "confirm_prefix_malformed"),
        (b'{"prefixes": ["00"], "bits": 0}', "confirm_prefix_malformed"),
        (b'{"prefixes": ["0"], "bits": -1}', "confirm_bits"),
        (b'{"prefixes": ["0"], "bits": 99999999999999999999}', "confirm_bits"),
    ],
)
def test_what_cannot_be_read_is_refused(body: bytes, code: str, vetted: Client) -> None:
    publish()
    answered: Any = vetted.post("/v1/confirm", body, content_type="application/json")
    assert (answered.status_code, answered.json()["code"]) == (422, code)


def test_another_kind_of_body_is_refused(vetted: Client) -> None:
    publish()
    answered: Any = vetted.post("/v1/confirm", b"0", content_type="text/plain")
    assert (answered.status_code, answered.json()["code"]) == (415, "not_json")


def test_each_prefix_is_paid_for_as_a_lookup(vetted: Client) -> None:
    publish()
    left = [int(ask(vetted, ["0"] * n)["RateLimit"].split(";")[1][2:]) for n in (1, 100)]
    assert left[0] - left[1] == pytest.approx(100, abs=30)  # some come back meanwhile


def test_an_index_that_cannot_speak_confirms_nothing(vetted: Client, tmp_path: Path) -> None:
    publish()
    (tmp_path / "index" / "manifest.json").unlink()
    answered = ask(vetted, ["0"])
    assert (answered.status_code, answered.json()["code"]) == (503, "index_missing")


def test_the_keys_on_the_wire_are_base64(vetted: Client, alice: Declarant) -> None:
    reserve_place(alice, URL)
    publish()
    (only,) = ask(vetted, ["0"]).json()["ranges"]
    exact = rule_keys(canonicalize(URL))[0].text
    assert base64.b64decode(only["keys"]) == packed_key(exact)
