"""Many pictures at once: what the page's script calls, and what comes of an original never sent."""

import io
import json
import threading
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from PIL import Image

from accounts.models import Organization, User
from accounts.services import issue_key
from consent.models import Statement
from consent.services import withdraw
from holdout.fingerprints.vectors import texture
from holdout.receipts import verify_opening
from ledger.models import LogEntry
from registry import ingest, quotas, tasks
from registry.models import Asset, Authorization, Fingerprint, Looks, Standing, Work
from registry.services import default_declarant, receive_once
from tests.factories import registered_picture, settle
from tests.web.conftest import person, picture
from tests.web.test_works import nothing_stays

SEND, KNOWN, UNSEEN = "/works/many/picture", "/works/many/known", "/works/many/unseen"


def photograph(seed: int = 1, *, side: int = 1600, quality: int = 92) -> bytes:
    """As a camera leaves it: larger than what is sent of it."""
    file = io.BytesIO()
    Image.fromarray(texture(seed=seed, width=side, height=side * 3 // 4, cell=256)).convert("RGB").save(
        file, "JPEG", quality=quality
    )
    return file.getvalue()


def copy_of(original: bytes) -> bytes:
    """What the page's script makes of it, more or less."""
    image = Image.open(io.BytesIO(original))
    image.thumbnail((1024, 1024))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def sending(original: bytes, sent: bytes | None = None, /, **fields: Any) -> dict[str, Any]:
    return {
        "picture": SimpleUploadedFile("picture", original if sent is None else sent),
        "sha256": sha256(original).hexdigest(),
        "title": "Harbour",
        "preset": "no-ai",
        **fields,
    }


def known(browser: Client, *digests: str) -> Any:
    return browser.post(KNOWN, json.dumps({"sha256": digests}), content_type="application/json").json()


def vendor_asks(query: dict[str, Any]) -> dict[str, Any]:
    vendor = Organization.objects.create(name="", side=Organization.Side.VENDOR)
    key = issue_key(organization=vendor, name="test")[1]
    client = Client(headers={"Authorization": f"Bearer {key}"})
    answer = client.post("/v1/lookups", json.dumps({"queries": [query]}), content_type="application/json")
    assert answer.status_code == 200, answer.content
    (result,) = answer.json()["results"]
    return dict(result)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_of_a_smaller_copy_the_original_is_refused_by_its_digest_and_what_looks_like_it_is_for_review(
    browser: Client,
) -> None:
    original = photograph()
    sent = copy_of(original)
    answer = browser.post(SEND, sending(original, sent))
    assert answer.status_code == 201
    settle()
    exactly = vendor_asks({"sha256": sha256(original).hexdigest()})
    assert exactly["uses"]["train_gen"] == "deny"
    assert [(r["method"], r["assurance"]) for r in exactly["reasons"]] == [("exact_file", "L0")]
    uploaded = vendor_asks({"sha256": sha256(sent).hexdigest()})
    assert [(r["method"], r["assurance"]) for r in uploaded["reasons"]] == [("exact_file", "L1")]
    # A copy that nobody sent: near, and an upload alone asks for a person there.
    shot = Image.open(io.BytesIO(original)).crop((200, 100, 1400, 1100))
    file = io.BytesIO()
    shot.save(file, "JPEG", quality=80)
    near = vendor_asks({"picture": b64encode(file.getvalue()).decode()})
    assert near["uses"]["train_gen"] == "review"
    assert {(r["method"], r["assurance"]) for r in near["reasons"]} == {("part_of", "L1")}


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_only_the_copy_that_came_is_proven_and_both_files_stand_in_the_log(browser: Client) -> None:
    original = photograph()
    address = browser.post(SEND, sending(original, copy_of(original))).json()["work"]
    copy, unseen = Asset.objects.order_by("pk")
    assert copy.work == unseen.work
    assert copy.work.title == "Harbour"
    assert [(p.asset, p.level, p.method) for p in Authorization.objects.all()] == [(copy, 1, "upload")]
    assert Looks.objects.get().asset == copy
    assert [f.algorithm for f in Fingerprint.objects.filter(asset=unseen)] == ["sha256"]
    receipt = browser.get(f"{address}receipts/{unseen.public_id}.json").json()
    verify_opening(receipt)
    assert receipt["record"]["fingerprints"] == {"sha256": sha256(original).hexdigest()}
    assert "looks" not in receipt["record"]
    page = browser.get(address).content.decode()
    assert "SHA-256 of your original" in page
    assert sha256(original).hexdigest() in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_an_original_that_is_sent_itself_is_one_proven_file(browser: Client) -> None:
    assert browser.post(SEND, sending(picture())).status_code == 201
    asset = Asset.objects.get()
    digest = Fingerprint.objects.get(asset=asset, algorithm="sha256")
    assert bytes(digest.value) == sha256(picture()).digest()
    assert asset.authorizations.get().level == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_the_same_file_again_is_known_and_nothing_is_said_twice(browser: Client) -> None:
    assert browser.post(SEND, sending(photograph(), copy_of(photograph()))).json()["state"] == "registered"
    again = browser.post(SEND, sending(photograph(), copy_of(photograph()), preset="research-ok"))
    assert (again.status_code, again.json()) == (200, {"state": "known"})
    assert (Work.objects.count(), Statement.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_what_was_taken_back_is_not_said_again_by_adding_the_folder_again(browser: Client) -> None:
    browser.post(SEND, sending(picture()))
    withdraw(statement=Statement.objects.get())
    assert browser.post(SEND, sending(picture())).json() == {"state": "known"}
    assert Statement.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
@pytest.mark.parametrize("as_it_is", [True, False])
def test_two_tabs_that_send_the_same_file_at_once_make_one_work(ann: User, as_it_is: bool) -> None:
    Client().force_login(ann)
    original = photograph()
    sent = original if as_it_is else copy_of(original)
    together = threading.Barrier(4)

    def send() -> str:
        tab = Client()
        tab.force_login(ann)
        together.wait()
        try:
            return str(tab.post(SEND, sending(original, sent)).json()["state"])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as tabs:
        states = [future.result() for future in [tabs.submit(send) for _ in range(4)]]
    assert sorted(states) == ["known", "known", "known", "registered"]
    assert (Work.objects.count(), Statement.objects.count()) == (1, 1)
    assert Asset.objects.count() == (1 if as_it_is else 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_what_was_received_but_never_spoken_of_is_finished_when_it_comes_again(
    browser: Client, anns: Organization
) -> None:
    """The process died between taking the fingerprints and the statement."""
    receive_once(
        declarant=default_declarant(organization=anns),
        title="",
        picture=picture(),
        original=sha256(picture()).digest(),
    )
    digest = sha256(picture()).hexdigest()
    assert known(browser, digest) == {"known": []}
    assert browser.post(SEND, sending(picture())).json()["state"] == "registered"
    assert known(browser, digest) == {"known": [digest]}
    assert Work.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_known_are_ones_own_originals_and_single_pictures_and_nobody_elses(
    browser: Client, anns: Organization
) -> None:
    browser.post(SEND, sending(photograph(), copy_of(photograph())))
    browser.post("/works/new", {"picture": SimpleUploadedFile("a.png", picture()), "preset": "no-ai"})
    mine = [sha256(photograph()).hexdigest(), sha256(picture()).hexdigest()]
    assert known(browser, *mine, "0" * 64) == {"known": sorted(mine)}
    ben = Client()
    ben.force_login(person("ben@example.com"))
    assert known(ben, *mine) == {"known": []}
    assert ben.post(SEND, sending(photograph(), copy_of(photograph()))).status_code == 201
    assert Work.objects.count() == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_picture_that_cannot_be_read_is_refused_in_words_and_leaves_nothing(
    browser: Client, language: str
) -> None:
    answer = browser.post(
        SEND, sending(photograph(), photograph()[:900]), headers={"Accept-Language": language}
    )
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"]) == (422, "picture_damaged")
    assert ("Open it in an editor" in problem["detail"]) == (language == "en")
    assert nothing_stays()
    assert not Fingerprint.objects.exists()
    assert not LogEntry.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"preset": "open"}, "statement_malformed"),
        ({"preset": "licence-first", "terms_url": "javascript:alert(1)"}, "statement_malformed"),
        ({"sha256": "A" * 64}, "fingerprint_malformed"),
        ({"sha256": ""}, "fingerprint_malformed"),
        ({"title": "\0"}, "title_malformed"),
        ({"picture": SimpleUploadedFile("empty", b"")}, "picture_missing"),
        ({"picture": ""}, "picture_missing"),
        ({"picture": SimpleUploadedFile("huge", bytes(25_000_001))}, "picture_too_large"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_code(
    browser: Client, fields: dict[str, Any], code: str
) -> None:
    answer = browser.post(SEND, sending(picture(), **fields))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer.json()["detail"]
    assert not Work.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("worker", "sequencer")
def test_a_long_name_is_cut_to_a_title(browser: Client) -> None:
    assert browser.post(SEND, sending(picture(), title="x" * 400)).status_code == 201
    assert Work.objects.get().title == "x" * 300


@pytest.mark.django_db(transaction=True)
def test_while_no_worker_has_time_the_page_is_told_when_to_come_back(
    browser: Client, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HOLDOUT_INGEST_TIMEOUT_SECONDS = 0
    monkeypatch.setattr(tasks.ingest, "delay", lambda *, asset_id: None)
    answer = browser.post(SEND, sending(photograph(), copy_of(photograph())))
    assert (answer.status_code, answer.json()["code"]) == (503, "ingest_busy")
    assert answer.headers["Retry-After"] == "5"
    assert not Work.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "body",
    ["", "[]", "{}", '{"sha256": "x"}', '{"sha256": [1]}', json.dumps({"sha256": ["0" * 64] * 1001})],
)
def test_a_question_that_is_none_is_refused(browser: Client, body: str) -> None:
    answer = browser.post(KNOWN, body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (422, "body_malformed")


@pytest.mark.django_db
def test_a_digest_that_is_none_is_refused(browser: Client) -> None:
    assert known(browser, "0" * 63)["code"] == "fingerprint_malformed"


@pytest.mark.django_db
@pytest.mark.parametrize("path", [SEND, KNOWN])
def test_who_is_not_signed_in_is_told_so_as_json(path: str) -> None:
    answer = Client().post(path, {})
    assert (answer.status_code, answer.json()["code"]) == (401, "signed_out")


@pytest.mark.django_db
@pytest.mark.parametrize("path", [SEND, KNOWN])
def test_nothing_is_done_without_the_pages_token(ann: User, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    assert strict.post(path, {}).status_code == 403


@pytest.mark.django_db
def test_the_page_leads_to_the_single_form_where_scripts_do_not_run(browser: Client) -> None:
    page = browser.get("/works/many").content.decode()
    without = page[page.index("<noscript>") : page.index("</noscript>")]
    assert 'href="/works/new"' in without
    assert "onclick" not in page
    assert "<style" not in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sequencer")
def test_an_upload_that_nobody_came_back_for_goes_with_the_digest_that_came_with_it(
    anns: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.ingest, "delay", lambda *, asset_id: None)
    monkeypatch.setattr(ingest, "STALE_AFTER", ingest.STALE_AFTER * 0)
    receive_once(
        declarant=default_declarant(organization=anns), title="", picture=picture(), original=bytes(32)
    )
    ingest.sweep()
    assert nothing_stays()
    assert not Fingerprint.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_digest_that_somebody_types_lowers_nothing_for_who_has_the_file(
    browser: Client, worker: None, sequencer: None
) -> None:
    """Three organisations at the same level quarantine a picture's looks; a typed digest is no such claim."""
    for name in ("ben", "cem"):
        stranger = Client()
        stranger.force_login(person(f"{name}@example.com"))
        other = photograph(seed=len(name) + ord(name[0]))
        assert stranger.post(SEND, sending(photograph(), copy_of(other))).status_code == 201
    settle()
    painter = Organization.objects.create(name="", side=Organization.Side.CREATOR)
    registered_picture(default_declarant(organization=painter), photograph())
    assert not Standing.objects.exists()


def test_so_many_a_day_and_no_more(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quotas, "A_DAY", dict.fromkeys(quotas.A_DAY, 0))
    page = browser.post("/works/new", {"preset": "no-ai", "picture": SimpleUploadedFile("a.png", picture())})
    assert page.status_code == 429
    assert "more than can be registered in a day" in page.content.decode()
    assert not Work.objects.exists()


def words_alone(seed: int = 1, **fields: Any) -> dict[str, Any]:
    """What the script sends of a picture that stays where it is."""
    code = sha256(bytes([seed])).hexdigest()
    sent = {"phash": code, "pdq": code[::-1], "width": 1600, "height": 1200}
    return {"sha256": code, "title": "Harbour", "preset": "no-ai"} | sent | fields


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sequencer")
def test_a_picture_that_stays_where_it_is_is_reserved_by_its_digest(browser: Client) -> None:
    answer = browser.post(UNSEEN, words_alone())
    assert answer.status_code == 201
    settle()
    exactly = vendor_asks({"sha256": words_alone()["sha256"]})
    assert [(r["method"], r["assurance"]) for r in exactly["reasons"]] == [("exact_file", "L0")]
    assert browser.post(UNSEEN, words_alone()).json() == {"state": "known"}
    page = browser.get(answer.json()["work"]).content.decode()
    assert "no picture was sent" in page
    assert words_alone()["sha256"] in page
    assert words_alone()["pdq"] not in page
    assert known(browser, words_alone()["sha256"]) == {"known": [words_alone()["sha256"]]}


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"sha256": "abc"}, "fingerprint_malformed"),
        ({"phash": "00"}, "fingerprint_malformed"),
        ({"phash": ""}, "fingerprint_malformed"),
        ({"pdq": "z" * 64}, "fingerprint_malformed"),
        ({"width": "0"}, "fingerprint_malformed"),
        ({"height": "70000"}, "fingerprint_malformed"),
        ({"height": "wide"}, "fingerprint_malformed"),
        ({"preset": "odd"}, "statement_malformed"),
    ],
)
def test_odd_codes_are_refused(browser: Client, odd: dict[str, Any], code: str) -> None:
    answer = browser.post(UNSEEN, words_alone(**odd))
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not Work.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("sequencer")
def test_a_picture_too_plain_for_codes_is_reserved_by_its_digest(browser: Client) -> None:
    without: dict[str, Any] = {"phash": "", "pdq": "", "width": "", "height": ""}
    assert browser.post(UNSEEN, words_alone(**without)).status_code == 201
    assert [row.algorithm for row in Fingerprint.objects.all()] == ["sha256"]
