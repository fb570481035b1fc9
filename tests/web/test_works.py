"""A creator registers a picture, sees the receipt, changes and withdraws what is said."""

import html
import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from consent.models import Intention, Statement
from consent.services import declare
from holdout.errors import Conflict, UnreadablePicture
from holdout.fingerprints.refusals import REFUSALS
from holdout.receipts import verify_opening
from registry import ingest, tasks
from registry.models import Asset, Declarant, Work
from tests.factories import OPEN, fingerprinted_work, settle
from tests.web.conftest import person, picture
from web.uploads import CappedUploadHandler


def form(content: bytes | None = None, /, **fields: str) -> dict[str, Any]:
    file = SimpleUploadedFile("harbour.png", picture() if content is None else content)
    return {"picture": file, "title": "Harbour", "preset": "no-ai", **fields}


def nothing_stays() -> bool:
    return not (Work.objects.exists() or Asset.objects.exists() or Statement.objects.exists())


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_from_the_upload_to_a_receipt_that_verifies(browser: Client, tmp_path: Path) -> None:
    page = browser.post("/works/new", form(), follow=True)
    ((address, _),) = page.redirect_chain
    text = page.content.decode()
    assert "You say: No AI" in text
    assert "L1: the file was uploaded" in text
    download = browser.get(f"{address}receipt.json")
    receipt = json.loads(download.content)
    verify_opening(receipt)
    assert receipt["record"]["preferences"] == dict.fromkeys(
        ("train_gen", "train_other", "ai_input", "tdm"), "deny"
    )
    name = f"holdout-receipt-{receipt['entry']['index']}.json"
    assert download.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    # The line that the page shows must work when it is pasted.
    (line,) = re.findall(r"<code>(python -c .*?)</code>", text)
    (tmp_path / name).write_bytes(download.content)
    _, *arguments = shlex.split(html.unescape(line))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env={"PYTHONPATH": str(settings.BASE_DIR)},  # as if the library were installed
        capture_output=True,
        text=True,
    )
    assert done.stdout == "This receipt holds.\n"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_the_files_own_receipt_verifies_too(browser: Client) -> None:
    page = browser.post("/works/new", form(), follow=True)
    asset = Asset.objects.get()
    receipt = browser.get(f"{page.redirect_chain[0][0]}receipts/{asset.public_id}.json").json()
    verify_opening(receipt)
    assert receipt["record"]["fingerprints"]["sha256"] in page.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no picture at all", "This is no JPEG, PNG, GIF, WebP or AVIF picture"),
        (picture()[:60], "The picture is incomplete or damaged"),
        (bytes(25_000_001), "The file is larger than 25 MB"),
        (bytes(27_000_000), "The file is larger than 25 MB"),
        (b"", "The file is empty"),
    ],
)
def test_what_is_no_picture_is_refused_in_words_and_leaves_nothing(
    browser: Client, content: bytes, message: str
) -> None:
    refused = browser.post("/works/new", form(content))
    assert refused.status_code == 422
    assert message in refused.content.decode()
    assert 'value="Harbour"' in refused.content.decode()
    assert nothing_stays()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("code", [*REFUSALS, "picture_missing"])
def test_every_refusal_of_the_decoder_has_words_of_its_own(
    browser: Client, monkeypatch: pytest.MonkeyPatch, code: str, language: str
) -> None:
    def refuse(_: bytes, *, query: bool) -> None:
        raise UnreadablePicture(code, "the machine's words")

    monkeypatch.setattr(ingest, "fingerprint_picture", refuse)
    refused = browser.post("/works/new", form(), headers={"Accept-Language": language})
    errors = re.findall(
        r'<ul class="errorlist" id="id_picture_error"><li>(.+?)</li>', refused.content.decode()
    )
    assert refused.status_code == 422
    assert len(errors) == 1
    assert "machine" not in errors[0]
    assert bool(re.search("[一-鿿]", errors[0])) == (language == "zh-hans")
    assert nothing_stays()


@pytest.mark.django_db(transaction=True)
def test_a_picture_that_no_worker_takes_is_refused_for_now(
    browser: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HOLDOUT_INGEST_TIMEOUT_SECONDS = 0
    monkeypatch.setattr(tasks.ingest, "delay", lambda *, asset_id: None)
    refused = browser.post("/works/new", form())
    assert refused.status_code == 503
    assert "Nothing was registered; try again in a minute." in refused.content.decode()
    assert 'value="Harbour"' in refused.content.decode()
    assert nothing_stays()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker")
def test_what_waits_for_the_log_is_kept_and_says_so(browser: Client, settings: LazySettings) -> None:
    settings.HOLDOUT_SEQUENCING_TIMEOUT_SECONDS = 0
    page = browser.post("/works/new", form(), follow=True)
    assert "waits for its place in the log" in page.content.decode()
    address = page.redirect_chain[0][0]
    assert browser.get(f"{address}receipt.json").status_code == 404
    settle()
    assert "You say: No AI" in browser.get(address).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "fields",
    [
        {"preset": "open"},
        {"preset": "anything"},
        {"preset": "licence-first", "terms_url": "javascript:alert(1)"},
        {"preset": "licence-first", "terms_url": "ftp://example.com/terms"},
        {"title": "x" * 301},
    ],
)
def test_a_form_that_cannot_be_read_comes_back(browser: Client, fields: dict[str, str]) -> None:
    refused = browser.post("/works/new", form(**fields))
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.content.decode()
    assert nothing_stays()


@pytest.mark.django_db
def test_without_a_file_the_form_asks_for_one(browser: Client) -> None:
    refused = browser.post("/works/new", {"title": "Harbour", "preset": "no-ai"})
    assert refused.status_code == 422
    assert "Choose a picture." in refused.content.decode()


@pytest.mark.django_db
def test_no_ai_comes_first_and_is_chosen(browser: Client) -> None:
    page = browser.get("/works/new").content.decode()
    radios = re.findall(r'<input type="radio" name="preset" value="([\w-]+)"[^>]*?( checked)?>', page)
    assert radios == [
        ("no-ai", " checked"),
        ("no-generative-ai", ""),
        ("licence-first", ""),
        ("research-ok", ""),
        ("own", ""),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sequencer")
def test_a_new_statement_replaces_the_one_before_and_both_are_kept(browser: Client, work: Work) -> None:
    address = f"/works/{work.public_id}/"
    fields = {"preset": "licence-first", "terms_url": "example.com/terms"}
    page = browser.post(address, fields, follow=True).content.decode()
    assert "You say: Licence first" in page
    assert 'href="https://example.com/terms"' in page
    old, new = Statement.objects.order_by("pk")
    assert new.supersedes == old
    for statement in (old, new):
        verify_opening(browser.get(f"{address}receipts/{statement.public_id}.json").json())
    assert browser.get(f"{address}receipt.json").json()["record"]["statement"] == new.public_id


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_the_badge_is_offered_in_both_languages_whatever_the_page_speaks(
    browser: Client, work: Work, language: str
) -> None:
    page = browser.get(f"/works/{work.public_id}/", headers={"Accept-Language": language}).content.decode()
    badge = f"http://testserver/badge/{work.public_id}.svg?lang="
    for code, words in (("en", "Consent status at Holdout"), ("zh", "Holdout 许可状态")):
        assert f'&lt;img src="{badge}{code}" height="24" alt="{words}"&gt;' in page
        assert f"![{words}]({badge}{code})" in page
        assert browser.get(f"{badge}{code}").headers["Content-Language"] == code


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sequencer")
def test_withdrawing_asks_first_and_keeps_the_history(browser: Client, work: Work) -> None:
    address = f"/works/{work.public_id}/"
    assert "Withdraw what you said?" in browser.get(f"{address}withdraw").content.decode()
    assert Statement.objects.count() == 1
    page = browser.post(f"{address}withdraw", follow=True).content.decode()
    assert "Withdrawn. Nothing is said about this work any more." in page
    assert page.count("receipts/stm_") == 2
    again = browser.post(f"{address}withdraw")
    assert again.status_code == 409
    assert "nothing to withdraw" in again.content.decode()


@pytest.mark.django_db
def test_a_yes_that_an_upload_cannot_prove_is_explained(browser: Client, work: Work) -> None:
    assert "needs better proof" not in browser.get(f"/works/{work.public_id}/").content.decode()
    declare(declarant=work.declarant, subject=work, preferences=OPEN)
    settle()
    assert "needs better proof" in browser.get(f"/works/{work.public_id}/").content.decode()


@pytest.mark.django_db
def test_the_list_is_newest_first_in_pages_and_asks_a_fixed_number_of_questions(
    browser: Client, work: Work, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    Work.objects.bulk_create(
        [
            Work(organization=work.organization, declarant=work.declarant, title=f"Study {i}")
            for i in range(20)
        ]
    )
    with django_assert_max_num_queries(14):  # type: ignore[attr-defined]
        first = browser.get("/works/").content.decode()
    assert first.index("Study 19") < first.index("Study 1<")
    assert "Harbour" not in first
    second = browser.get("/works/?page=2").content.decode()
    assert "Harbour" in second
    assert "No AI" in second


ROUTES = ["", "withdraw", "receipt.json", "receipts/{statement}.json", "receipts/{asset}.json"]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", ROUTES)
def test_another_tenants_work_is_not_there(work: Work, method: str, route: str) -> None:
    path = route.format(statement=work.statements.get().public_id, asset=work.assets.get().public_id)
    bob = Client()
    bob.force_login(person("bob@example.com"))
    answer = getattr(bob, method)(f"/works/{work.public_id}/{path}", {"preset": "open"})
    assert answer.status_code == (405 if method == "post" and path.endswith("json") else 404)
    assert "Harbour" not in answer.content.decode()
    assert Statement.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("route", ROUTES)
def test_a_stranger_is_asked_to_sign_in(client: Client, work: Work, route: str) -> None:
    path = route.format(statement=work.statements.get().public_id, asset=work.assets.get().public_id)
    answer = client.get(f"/works/{work.public_id}/{path}")
    assert answer.headers["Location"].startswith("/accounts/login/code/?next=/works/")


@pytest.mark.django_db
def test_a_receipt_is_served_under_its_own_work_only(browser: Client, work: Work, ann: User) -> None:
    other = Work.objects.create(organization=work.organization, declarant=work.declarant)
    record = work.statements.get().public_id
    assert browser.get(f"/works/{work.public_id}/receipts/{record}.json").status_code == 200
    assert browser.get(f"/works/{other.public_id}/receipts/{record}.json").status_code == 404
    assert browser.get(f"/works/{other.public_id}/receipt.json").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["works/new", "works/{work}/", "works/{work}/withdraw", "language"])
def test_nothing_changes_without_the_forms_token(ann: User, work: Work, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    answer = strict.post("/" + path.format(work=work.public_id), {"preset": "open"})
    assert answer.status_code == 403
    assert "This form was too old" in answer.content.decode()
    assert Statement.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_came_in_between_is_a_conflict(
    browser: Client, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(**_: object) -> None:
        raise Conflict("said_meanwhile", "")

    monkeypatch.setattr("consent.registration.declare", overtaken)
    refused = browser.post(f"/works/{work.public_id}/", {"preset": "no-ai"})
    assert refused.status_code == 409
    assert "declared about this work meanwhile" in refused.content.decode()


def test_an_endless_upload_is_cut_at_the_cap() -> None:
    handler = CappedUploadHandler()
    taken = io.BytesIO()
    for start in range(0, 40_000_000, 65_536):
        taken.write(handler.receive_data_chunk(bytes(65_536), start) or b"")
    assert taken.tell() == 25_000_001


def test_each_use_can_be_chosen_by_itself(browser: Client, work: Work) -> None:
    page = f"/works/{work.public_id}/"
    own = {"preset": "own", "train_gen": "deny", "search": "allow", "tdm": "conditional"}
    browser.post(page, own | {"terms_url": "https://ann.example/terms"})
    said = work.statements.order_by("-pk")[0]
    assert (said.train_gen, said.tdm, said.search, said.ai_input) == ("deny", "conditional", "allow", "")
    assert said.terms_url == "https://ann.example/terms"
    settle()
    shown = browser.get(page).content.decode()
    assert re.search(r'value="own"[^>]* checked', shown)
    assert '<option value="conditional" selected>' in shown


def test_an_own_choice_must_say_something(browser: Client, work: Work) -> None:
    before = work.statements.count()
    answered = browser.post(f"/works/{work.public_id}/", {"preset": "own", "search": ""})
    assert answered.status_code == 422
    assert "Say something of at least one use." in answered.content.decode()
    assert browser.post(f"/works/{work.public_id}/", {"preset": "own", "tdm": "maybe"}).status_code == 422
    assert work.statements.count() == before


def test_the_same_can_be_said_of_all_works_at_once(browser: Client, work: Work, alice: Declarant) -> None:
    organization = work.organization
    others = [fingerprinted_work(work.declarant, {"sha256": bytes([n]) * 32}) for n in range(1, 4)]
    foreign = fingerprinted_work(alice, {"sha256": bytes([9]) * 32})
    assert "4" in browser.get("/works/all").content.decode()
    answered = browser.post("/works/all", {"preset": "licence-first", "terms_url": ""}, follow=True)
    assert "Said of 4 works." in answered.content.decode()
    assert organization.works.count() == 4
    for one in (work, *others):
        assert one.statements.order_by("-pk")[0].tdm == "conditional"
    assert not foreign.statements.exists()
    again = browser.post("/works/all", {"preset": "licence-first", "terms_url": ""}, follow=True)
    assert "Said of 0 works." in again.content.decode()


def test_of_no_works_nothing_is_said(browser: Client) -> None:
    assert browser.get("/works/all").status_code == 200
    assert browser.post("/works/all", {"preset": "own"}).status_code == 422


def test_what_is_to_begin_on_a_day_is_kept_shown_and_can_be_dropped(browser: Client, work: Work) -> None:
    page = f"/works/{work.public_id}/"
    day = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    shown = browser.post(page, {"preset": "licence-first", "starts_on": day}, follow=True).content.decode()
    assert f"From {day} on you will say: Licence first" in shown
    assert f"It begins on {day}" in shown
    assert Statement.objects.filter(work=work).count() == 1
    assert "goes on" in browser.post(f"{page}keep", follow=True).content.decode()
    assert not Intention.objects.exists()
    assert day not in browser.get(page).content.decode()


@pytest.mark.parametrize("days", [-1, 0, 4_000])
def test_a_day_that_is_not_to_come_is_refused(browser: Client, work: Work, days: int) -> None:
    day = (datetime.now(UTC) + timedelta(days=days)).date().isoformat()
    answer = browser.post(f"/works/{work.public_id}/", {"preset": "licence-first", "starts_on": day})
    assert answer.status_code == 422
    assert "Choose a day after today" in answer.content.decode()
    assert browser.post("/works/all", {"preset": "licence-first", "starts_on": "soon"}).status_code == 422
    assert not Intention.objects.exists()


def test_of_all_works_from_a_day_on(browser: Client, work: Work) -> None:
    day = (datetime.now(UTC) + timedelta(days=40)).date().isoformat()
    shown = browser.post(
        "/works/all", {"preset": "licence-first", "starts_on": day}, follow=True
    ).content.decode()
    assert "It will be said of 1 works." in shown
    assert Intention.objects.get().work == work
