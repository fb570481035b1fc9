"""Whatever a program sends, it is answered as the OpenAPI document says, and never with a 5xx.

Schemathesis makes requests from the document, right and wrong ones. Its pytest plugin is not needed.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import schemathesis
from django.conf import LazySettings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.audit import SHELL
from accounts.models import Organization
from accounts.services import issue_key, let_vouch, vet_for_snapshots
from config.wsgi import application
from holdout.doctor import visit
from holdout.fetch import Fetched
from lookup.models import Snapshot
from lookup.snapshots import publish
from registry.mandates import Consent, give_mandate
from registry.models import Declarant
from tests.factories import reserve_place

pytestmark = pytest.mark.django_db


def whole(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """The application behind a server that reads every answer to its end and closes it, as servers do."""
    answered: Any = application(environ, start_response)
    try:
        return [b"".join(answered)]
    finally:
        answered.close()


DOCUMENT = schemathesis.openapi.from_wsgi("/docs/openapi.yaml", whole)
OPERATIONS = {
    found.ok().definition.raw["operationId"]: found.ok()  # type: ignore[union-attr]
    for found in DOCUMENT.get_all_operations()
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
# What would tell whose picture it is; see `api.v1.verdicts`.
NEVER_SAID = re.compile(r'"(url|title|declarant|owner|name|thumbnail|fingerprint|phash[^"]*|distance)":')


@pytest.fixture(autouse=True)
def every_host_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The doctor's visits stay at home: that no host can be reached is no mistake of the server's."""
    monkeypatch.setattr(visit, "fetch", lambda url, **_: Fetched(url, 200, (), b"User-agent: *"))


@pytest.fixture(autouse=True)
def open_doors(settings: LazySettings) -> None:
    settings.HOLDOUT_QUOTAS = dict.fromkeys(settings.HOLDOUT_QUOTAS, (60_000_000, 1_000_000))


@pytest.fixture
def job_id(vendor: Client, vera: Organization, alice: Declarant) -> str:
    """A job of the vendor's, in a registry that has something to say and has published it twice."""
    reserve_place(alice, "https://alice.example/x.jpg")
    vet_for_snapshots(organization=vera, by=SHELL)
    publish()
    publish(base=True)
    submitted = vendor.post("/v1/jobs", b"url\nhttps://alice.example/x.jpg\n", content_type="text/csv")
    return str(submitted.json()["id"])


@pytest.fixture
def server(job_id: str) -> Iterator[None]:
    """A server looks after its connections between requests; the test's transaction must outlive them."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # Django's client, above, connects it again after each call
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


FOR_OTHERS = {"give_mandate", "mandate", "end_mandate", "hand_over", "register"}


def platform_with_mandate() -> tuple[str, str]:
    """The key of a platform that may vouch, and a mandate of its own."""
    made = Organization.objects.create(name="", side=Organization.Side.CREATOR, shared=True)
    let_vouch(organization=made, by=SHELL)
    now = datetime.now(UTC)
    mandate = give_mandate(
        organization=made,
        reference="user-1",
        consent=Consent(at=now, how="form", text_sha256="ab" * 32),
        expires_at=now + timedelta(days=1),
        by=SHELL,
        now=now,
    )
    return issue_key(organization=made, name="test")[1], mandate.public_id


def send_and_check(name: str, key: str, job_id: str, *, examples: int) -> None:
    operation = OPERATIONS[name]
    mandate_id = ""
    if name in FOR_OTHERS:
        key, mandate_id = platform_with_mandate()
    version = Snapshot.objects.earliest("version").version
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode])

    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.explicit],
        database=None,
    )
    @given(case=cases, own=st.booleans())
    def sent(case: Any, own: bool) -> None:
        if own and "version" in (case.path_parameters or {}):
            case.path_parameters["version"] = version
        if own and "job_id" in (case.path_parameters or {}):
            case.path_parameters["job_id"] = job_id
        if own and "mandate_id" in (case.path_parameters or {}):
            case.path_parameters["mandate_id"] = mandate_id
        if own and name == "register" and isinstance(case.body, dict):
            case.body["mandate"] = mandate_id
        answered = case.call(headers={"Authorization": f"Bearer {key}"})
        case.validate_response(answered, checks=CHECKS)
        if name in {"look_up", "status"} and answered.status_code == 200:
            assert not NEVER_SAID.search(answered.text)

    sent()


@pytest.mark.slow
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("name", OPERATIONS)
def test_whatever_is_sent_is_answered_as_the_document_says(name: str, vera_key: str, job_id: str) -> None:
    send_and_check(name, vera_key, job_id, examples=15)


@pytest.mark.full
@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("name", OPERATIONS)
def test_a_great_deal_is_answered_as_the_document_says(name: str, vera_key: str, job_id: str) -> None:
    send_and_check(name, vera_key, job_id, examples=400)
