"""What a grant changes for the vendor that it names, and for nobody else: from the log to every answer."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from accounts.audit import SHELL
from accounts.models import Organization
from accounts.services import vet_for_snapshots
from consent.grants import give_grant, revoke
from consent.models import Grant
from holdout.index.keys import packed_key
from holdout.index.records import DISPUTED, GRANT, RECORD, VOUCHED
from holdout.index.said import said_of
from holdout.index.view import View
from holdout.resolution import Assurance
from holdout.snapshot.codes import ASK
from holdout.urls import canonicalize, rule_keys
from holdout.verdicts import AsOf, Outcome, Query, Verdict
from holdout.vocabulary import Preference, UsageCategory
from lookup.batch import batch_of
from lookup.decisions import METHODS, OUTCOMES, Lines, decide, resolution_of
from lookup.engine import look_up, verdicts_of
from lookup.grants import Granted
from lookup.hits import roll_up
from lookup.jobs import work_once
from lookup.models import HitCount
from lookup.snapshots import publish, state_of_index
from registry.models import Declarant
from registry.read_index import current_view, index_folder
from tests.factories import reserve_place, reserve_work, settle

GEN, OTHER, TDM = UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER, UsageCategory.TDM
URL = "https://a.example/x.jpg"
NOW = datetime.now(UTC)
CODE = bytes(range(32))


@pytest.fixture
def vendor(client: Client, vera_key: str) -> Client:
    client.defaults["HTTP_AUTHORIZATION"] = f"Bearer {vera_key}"
    return client


def grant(declarant: Declarant, grantee: Organization, *uses: UsageCategory, days: float = 365) -> Grant:
    """A sequenced grant."""
    given = give_grant(
        declarant=declarant,
        grantee=grantee,
        uses=uses or [GEN],
        expires_at=NOW + timedelta(days=days),
        now=NOW,
    )
    settle()
    return given


def ask(
    vendor: Organization | None, *, now: datetime = NOW, view: View | None = None, **keys: object
) -> Verdict:
    batch = batch_of([Query(**({"url": URL} | keys))])  # type: ignore[arg-type]
    looked = look_up(batch, view=view, vendor=vendor.public_id if vendor else None, now=now)
    (verdict,) = verdicts_of(batch, looked)
    return verdict


def test_a_grant_lifts_the_named_use_for_the_named_vendor_alone(alice: Declarant, vera: Organization) -> None:
    reserve_place(alice, URL)
    wanda = Organization.objects.create(name="Wanda", side=Organization.Side.VENDOR)
    given = grant(alice, vera)
    verdict = ask(vera)
    assert (verdict.uses[GEN], verdict.uses[OTHER]) == (Outcome.ALLOW, Outcome.DENY)
    assert [r.source for r in verdict.reasons if r.method == "grant"] == [given.public_id]
    assert [ask(somebody).uses[GEN] for somebody in (wanda, None)] == [Outcome.DENY] * 2


def test_it_counts_from_its_log_entry_until_that_of_its_revocation(
    alice: Declarant, vera: Organization
) -> None:
    reserve_place(alice, URL)
    before = current_view()
    given = give_grant(declarant=alice, grantee=vera, uses=[GEN], expires_at=NOW + timedelta(days=9), now=NOW)
    assert ask(vera).uses[GEN] is Outcome.DENY
    settle()
    assert ask(vera).uses[GEN] is Outcome.ALLOW
    during = current_view()
    revoke(grant=given)
    assert ask(vera).uses[GEN] is Outcome.ALLOW
    settle()
    assert ask(vera).uses[GEN] is Outcome.DENY
    then = [ask(vera, view=view).uses[GEN] for view in (before, during)]
    assert then == [Outcome.DENY, Outcome.ALLOW]


def test_it_ends_on_its_day_though_the_log_is_quiet(alice: Declarant, vera: Organization) -> None:
    reserve_place(alice, URL)
    grant(alice, vera, days=1)
    assert ask(vera, now=NOW + timedelta(hours=23)).uses[GEN] is Outcome.ALLOW
    assert ask(vera, now=NOW + timedelta(days=1)).uses[GEN] is Outcome.DENY


def test_a_clock_that_runs_behind_the_log_opens_nothing(alice: Declarant, vera: Organization) -> None:
    reserve_place(alice, URL)
    grant(alice, vera, days=1)
    view = current_view()
    later = replace(view, as_of=AsOf(view.as_of.log_index, NOW + timedelta(days=1)))
    assert ask(vera).uses[GEN] is Outcome.ALLOW
    assert ask(vera, view=later).uses[GEN] is Outcome.DENY


def test_what_others_say_stands(alice: Declarant, bob: Declarant, vera: Organization) -> None:
    reserve_place(alice, URL)
    reserve_work(bob, {"sha256": b"b" * 32})
    grant(alice, vera)
    assert ask(vera, sha256=b"b" * 32).uses[GEN] is Outcome.DENY
    assert ask(vera).uses[GEN] is Outcome.ALLOW


@pytest.mark.parametrize("level", [Assurance.L1, Assurance.L3])
def test_a_near_copy_is_not_reserved_any_more_and_not_permitted(
    alice: Declarant, vera: Organization, level: Assurance
) -> None:
    reserve_work(alice, {"phash-256/1": CODE}, level=level)
    keys: dict[str, Any] = {"url": "https://nobody.example/", "codes": {"phash-256/1": (CODE,)}}
    assert ask(vera, **keys).uses[GEN] is Outcome.REVIEW
    grant(alice, vera)
    assert ask(vera, **keys).uses[GEN] is Outcome.UNKNOWN


def test_what_was_vouched_for_is_not_permitted(alice: Declarant, vera: Organization) -> None:
    """As after a handover: the person permits, and the platform's word still only restricts."""
    reserve_place(alice, URL, vouched=True)
    grant(alice, vera)
    verdict = ask(vera)
    assert (verdict.uses[GEN], verdict.uses[OTHER]) == (Outcome.UNKNOWN, Outcome.DENY)


def test_an_index_from_scratch_holds_the_same_grants(alice: Declarant, vera: Organization) -> None:
    revoke(grant=grant(alice, vera))
    for uses in ([GEN], [TDM, OTHER]):
        grant(alice, vera, *uses)
    grown = current_view().grants(vera.public_id)
    for file in index_folder().iterdir():
        file.unlink()
    settle()
    assert current_view().grants(vera.public_id).tobytes() == grown.tobytes()
    assert len(grown) == 2


def test_nobody_finds_a_grant_by_a_packed_key(alice: Declarant, vera: Organization) -> None:
    grant(alice, vera)
    table = current_view().merged("grants")
    probe = table.probe.astype(">u8").view(np.uint8).reshape(-1, 8)
    half = np.ascontiguousarray(table.check[:, 0]).view(np.uint8).reshape(-1, 8)
    assert table.keys == 1
    assert not len(current_view().packed(np.concatenate([probe, half], axis=1)))


def test_a_snapshot_knows_of_no_grant(alice: Declarant, vera: Organization) -> None:
    reserve_place(alice, URL)
    before = state_of_index(current_view()).digest()
    grant(alice, vera)
    assert state_of_index(current_view()).digest() == before


def test_grants_cost_no_query(
    alice: Declarant, vera: Organization, django_assert_num_queries: Callable[..., Any]
) -> None:
    reserve_place(alice, URL)
    grant(alice, vera)
    current_view()
    with django_assert_num_queries(0):
        assert ask(vera).uses[GEN] is Outcome.ALLOW


# --- the doors


def said_at_doors(vendor: Client) -> dict[str, Any]:
    lines: dict[str, Any] = {"content_type": "text/plain"}
    full = vendor.post("/v1/lookups", URL, **lines).json()["results"][0]
    hits = vendor.post("/v1/lookups?answers=hits", URL, **lines).json()
    keys = b"".join(packed_key(key.text) for key in rule_keys(canonicalize(URL)))
    packed = vendor.post("/v1/lookups?answers=hits", keys, content_type="application/vnd.holdout.keys").json()
    key = vendor.defaults["HTTP_AUTHORIZATION"].removeprefix("Bearer ")
    (spawning,) = vendor.post(
        "/api/v2/query/urls", URL, content_type="text/plain", headers={"Authorization": f"API {key}"}
    ).json()["urls"]
    return {
        "full": full["uses"]["train_gen"],
        "hits": [hits["outcomes"][n]["train_gen"] for n in hits["hits"]["outcome"]],
        "source": hits["hits"]["source"],
        "packed": {packed["outcomes"][n]["train_gen"] for n in packed["hits"]["outcome"]},
        "spawning": (spawning["optOut"], spawning["optIn"]),
        "status": vendor.get("/v1/status", {"url": URL}).json()["uses"]["train_gen"],
    }


def test_every_door_applies_them_but_the_public_one(
    alice: Declarant, vera: Organization, vendor: Client
) -> None:
    statement = reserve_place(alice, URL)
    assert said_at_doors(vendor) == {
        "full": "deny",
        "hits": ["deny"],
        "source": [statement.public_id],
        "packed": {"deny"},
        "spawning": (True, False),
        "status": "deny",
    }
    given = grant(alice, vera, *UsageCategory)
    assert said_at_doors(vendor) == {
        "full": "allow",
        "hits": ["allow"],
        "source": [given.public_id],
        "packed": {"allow"},
        "spawning": (False, True),
        "status": "deny",
    }


def test_a_job_applies_them_and_names_the_grant(alice: Declarant, vera: Organization, vendor: Client) -> None:
    reserve_place(alice, URL)
    given = grant(alice, vera, *UsageCategory)
    job = vendor.post("/v1/jobs?answers=all", f"url\n{URL}\n".encode(), content_type="text/csv").json()
    while work_once():
        pass
    got: Any = vendor.get(f"/v1/jobs/{job['id']}/result")
    (row,) = pq.read_table(io.BytesIO(b"".join(got.streaming_content))).to_pylist()
    assert (row["holdout_train_gen"], row["holdout_method"], row["holdout_statement"]) == (
        "allow",
        "grant",
        given.public_id,
    )


def test_confirming_leaves_what_a_grant_permits_to_a_lookup(
    alice: Declarant, vera: Organization, vendor: Client
) -> None:
    vet_for_snapshots(organization=vera, by=SHELL)
    reserve_place(alice, URL)
    publish()

    def codes() -> list[int]:
        body = json.dumps({"prefixes": ["0"], "bits": 0})
        answered = vendor.post("/v1/confirm", body, content_type="application/json").json()
        return [code for one in answered["ranges"] for code in one["codes"]]

    assert codes() == [240]
    grant(alice, vera)
    assert codes() == [ASK]


def test_whoever_permitted_it_still_sees_who_asked(
    alice: Declarant, vera: Organization, vendor: Client
) -> None:
    reserve_place(alice, URL, preferences={GEN: Preference.DENY})
    grant(alice, vera)
    vendor.post("/v1/lookups", URL, content_type="text/plain")
    roll_up()
    assert [(hit.organization, hit.rows) for hit in HitCount.objects.all()] == [(vera, 1)]


# --- in bulk as one by one


@st.composite
def asked(draw: st.DrawFn) -> tuple[Lines, Granted]:
    lines = draw(st.lists(st.tuples(st.integers(0, 4), _line), max_size=10))
    lines.sort(key=lambda line: line[0])
    record = np.zeros(len(lines), dtype=RECORD)
    for i, (_, (_method, preferences, declarant, assurance, flags)) in enumerate(lines):
        record[i]["statement"] = (i + 1).to_bytes(16)
        record[i]["declarant"] = declarant.to_bytes(16)
        record[i]["said"] = said_of(preferences)
        record[i]["assurance"], record[i]["flags"] = assurance, flags
    given = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 31)), max_size=4))
    grants = np.zeros(len(given), dtype=GRANT)
    for i, (declarant, uses) in enumerate(given):
        grants[i]["grant"] = (i + 100).to_bytes(16)
        grants[i]["declarant"], grants[i]["uses"] = declarant.to_bytes(16), uses
    found = Lines(
        row=np.array([row for row, _ in lines], dtype=np.int64),
        method=np.array([method for _, (method, *_) in lines], dtype=np.uint8),
        specificity=np.array([draw(st.integers(0, 2)) for _ in lines], dtype=np.int64),
        record=record,
        seen=np.zeros(len(lines), dtype=np.uint8),
    )
    return found, Granted(vendor="org_vera", records=grants)


_line = st.tuples(
    st.integers(0, len(METHODS) - 1),
    st.dictionaries(st.sampled_from(UsageCategory), st.sampled_from(Preference), min_size=1),
    st.integers(1, 3),
    st.sampled_from(Assurance),
    st.sampled_from([0, 0, VOUCHED, DISPUTED, VOUCHED | DISPUTED]),
)


@given(asked())
def test_bulk_decides_as_one_by_one(given: tuple[Lines, Granted]) -> None:
    lines, granted = given
    decided = decide(lines, granted=granted)
    bulk = {
        row: (dict(OUTCOMES[outcome]), source, disputed)
        for row, outcome, source, disputed in zip(
            decided.row.tolist(),
            decided.outcome.tolist(),
            decided.sources(),
            decided.disputed.tolist(),
            strict=True,
        )
    }
    single = {}
    for row, first, count in lines.rows():
        resolution = resolution_of(lines, first, count, granted=granted)
        if resolution.reasons:
            single[row] = (dict(resolution.uses), resolution.reasons[0].source, resolution.disputed)
    assert bulk == single
