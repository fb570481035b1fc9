"""The OpenAPI document: it is what the code says, it is true, and its page needs nobody else."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml
from django.conf import LazySettings
from django.contrib.staticfiles import finders
from django.test import Client
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from accounts.audit import SHELL
from accounts.models import Membership, Organization
from accounts.services import issue_key, let_vouch, vet_for_snapshots
from api import openapi
from api.v1.examples import MANDATE_ID, STATEMENT_ID
from consent.grants import give_grant
from holdout.doctor import visit
from holdout.fetch import Fetched
from holdout.urls import KeyKind
from holdout.vocabulary import UsageCategory
from lookup.jobs import work_once
from lookup.models import LookupJob
from lookup.snapshots import publish
from registry.models import Declarant
from tests.factories import reserve_place, settle
from tests.web.conftest import person

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(openapi.document())
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
# What every registry makes anew: compared by its kind.
OWN = {"source", "id", "time", "time_ms", "log_index", "index", "created_at", "finished_at", "detail"}
OWN |= {"index_version", "result_sha256", "leaf_hash", "salt", "receipt"}
OWN |= {"statement", "mandate", "expires_at", "ended_at"}
OWN |= {"version", "since", "created", "expires", "url", "bytes", "sha256", "sources"}


def test_the_committed_document_is_what_the_code_says() -> None:
    """After a change: manage.py spectacular --file docs/openapi.yaml"""
    assert COMMITTED.read_bytes() == openapi.document()


def test_the_served_document_is_the_committed_one(anybody: Client) -> None:
    served = anybody.get("/docs/openapi.yaml")
    assert (served.content, served["Content-Type"]) == (COMMITTED.read_bytes(), "application/yaml")


def test_every_operation_says_who_may_call_it_and_how_it_refuses() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        assert operation.get("security") == ([{"key": []}] if name not in {"status", "kit"} else None), name
        assert {"429", "503"} <= set(operation["responses"]), name


def described(schema: Any) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": DOCUMENT["components"]})


def shown(content: dict[str, Any]) -> list[Any]:
    return [example["value"] for media in content.values() for example in media.get("examples", {}).values()]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_example_is_as_its_schema_says(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    said = [operation.get("requestBody", {}), *operation["responses"].values()]
    for media in (media for part in said for media in part.get("content", {}).values()):
        for example in media.get("examples", {}).values():
            described(media["schema"]).validate(example["value"])


def assert_alike(answered: Any, example: Any, place: str = "") -> None:
    """The same keys, lengths and values; of what a registry makes anew, the same kind."""
    assert type(answered) is type(example), place
    if isinstance(example, dict):
        assert set(example) <= set(answered) if place == "record" else answered.keys() == example.keys(), (
            place
        )
        for key, value in example.items():
            assert_alike(answered[key], value, key)
    elif isinstance(example, list):
        assert len(answered) == len(example), place
        for one, other in zip(answered, example, strict=True):
            assert_alike(one, other, place)
    elif place in OWN and isinstance(example, str) and "_" in example[:4]:
        assert re.fullmatch(r"[a-z]{3}_[a-z2-7]{26}", answered), place
    elif place not in OWN:
        assert answered == example, place


@pytest.fixture
def registry(alice: Declarant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry in which the examples were asked, and the artist's site, which is silent."""
    reserve_place(alice, "artist.example", kind=KeyKind.DOMAIN)
    monkeypatch.setattr(visit, "fetch", lambda url, **_: Fetched(url, 404, (), b""))


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    """The first request example, as the test client takes it."""
    for media_type, media in operation.get("requestBody", {}).get("content", {}).items():
        for value in shown({media_type: media}):
            data = value if isinstance(value, str) else json.dumps(value)
            return {"data": data, "content_type": media_type}
    return {}


def query_of(operation: dict[str, Any]) -> dict[str, Any]:
    parameters = operation.get("parameters", [])
    return {
        p["name"]: next(iter(p["examples"].values()))["value"]
        for p in parameters
        if p["in"] == "query" and p.get("examples")
    }


def published(vendor: Organization) -> list[int]:
    """Two versions of the snapshot, which this vendor may fetch."""
    vet_for_snapshots(organization=vendor, by=SHELL)
    return [publish(base=True) or 0 for _ in range(2)]


def granted(declarant: Declarant, vendor: Organization) -> None:
    uses = [UsageCategory.TRAIN_GEN, UsageCategory.TDM]
    now = datetime.now(UTC)
    give_grant(declarant=declarant, grantee=vendor, uses=uses, expires_at=now + timedelta(days=1), now=now)


def told(vendor: Client, declarant: Declarant) -> str:
    """A statement that a lookup of the vendor hit, of somebody whom mail reaches."""
    user = person("alice@example.com")
    Membership.objects.create(organization=declarant.organization, user=user, role=Membership.Role.MANAGER)
    vendor.post("/v1/lookups", "https://artist.example/x.jpg", content_type="text/plain")
    return declarant.statements.get().public_id


@pytest.fixture
def platform(db: None) -> Client:
    """The program of a platform that was vetted to speak for its users."""
    made = Organization.objects.create(name="", side=Organization.Side.CREATOR, shared=True)
    let_vouch(organization=made, by=SHELL)
    key = issue_key(organization=made, name="test")[1]
    return Client(headers={"Authorization": f"Bearer {key}"}, raise_request_exception=False)


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "mandate" in str(OPERATIONS[name])])
def test_what_the_examples_ask_for_others_is_answered_as_they_say(name: str, platform: Client) -> None:
    method, path, operation = OPERATIONS[name]
    body = body_of(operation)
    if name != "give_mandate":
        given = platform.post("/v1/mandates", **body_of(OPERATIONS["give_mandate"][2])).json()
        path = path.replace("{mandate_id}", given["id"])
        if body:
            body["data"] = body["data"].replace(MANDATE_ID, given["id"])
    (status, said) = next(iter(operation["responses"].items()))
    answered: Any = platform.generic(method.upper(), path, **body)
    assert str(answered.status_code) == status
    for example in shown(said["content"]):
        # A code that hands over is made anew; the codes of errors are not.
        made = {"code": answered.json()["code"]} if name == "hand_over" else {}
        assert_alike(answered.json(), example | made)
    described(said["content"]["application/json"]["schema"]).validate(answered.json())


@pytest.mark.parametrize("name", [name for name in OPERATIONS if "mandate" not in str(OPERATIONS[name])])
@pytest.mark.usefixtures("registry")
def test_what_the_examples_ask_is_answered_as_they_say(
    name: str, vendor: Client, vera: Organization, alice: Declarant
) -> None:
    method, path, operation = OPERATIONS[name]
    body = body_of(operation)
    if name == "list_grants":
        granted(alice, vera)
    if name == "contact":
        body["data"] = body["data"].replace(STATEMENT_ID, told(vendor, alice))
    if "jobs" in path and name != "submit_job":
        job = vendor.post("/v1/jobs", **body_of(OPERATIONS["submit_job"][2])).json()
        path = path.replace("{job_id}", job["id"])
        if name == "resume_job":
            vendor.delete(f"/v1/jobs/{job['id']}")
        while name not in ("cancel_job", "resume_job") and work_once():
            pass
        settle()
    if "snapshots" in path or name == "confirm":
        path = path.replace("{version}", str(published(vera)[name == "snapshot"]))
    query = urlencode(query_of(operation))
    answered: Any = vendor.generic(method.upper(), path, QUERY_STRING=query, **body)
    answered.close()
    (status, said) = next(iter(operation["responses"].items()))
    assert str(answered.status_code) == status
    assert answered["Content-Type"] in said["content"]
    for example in shown(said["content"]):
        assert_alike(answered.json(), example)
    if "application/json" in said["content"]:
        described(said["content"]["application/json"]["schema"]).validate(answered.json())


def test_every_state_of_a_job_is_described() -> None:
    assert set(DOCUMENT["components"]["schemas"]["Job"]["properties"]["state"]["enum"]) == set(
        LookupJob.State.values
    )


def test_the_page_takes_scripts_and_styles_from_here_alone(anybody: Client, settings: LazySettings) -> None:
    page = anybody.get("/docs/api")
    text = page.content.decode()
    policy = dict(part.strip().partition(" ")[::2] for part in page["Content-Security-Policy"].split(";"))
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data:"
    assert not re.search(r"<style|<script>|\son\w+=|style=", text)
    linked = re.findall(r'(?:src|href)="([^"]+)"', text)
    files = [link.removeprefix("/static/") for link in linked if link.startswith("/static/")]
    assert len(files) == 4
    assert all(finders.find(file) for file in files)
    assert set(linked) - {f"/static/{file}" for file in files} == {"/docs/openapi.yaml"}


def test_another_page_may_not_use_data_pictures(anybody: Client) -> None:
    assert "data:" not in anybody.get("/docs/openapi.yaml")["Content-Security-Policy"]
