"""Logs say what an operator needs, and nothing about anybody."""

import ast
import hashlib
import io
import json
import logging
import logging.config
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.mail import EmailMessage
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from accounts.models import Organization
from config import errors, refusals
from config.logging import FIELDS, json_lines, logging_config, readable_lines
from holdout.errors import UnreadablePicture
from ledger.management.commands import sequencer
from ledger.services import sequence_pending
from lookup.jobs import work_once
from lookup.models import JobStep, LookupJob
from lookup.services import submit_job
from registry import tasks
from tests.factories import fingerprinted_work

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("accounts", "api", "config", "consent", "demo", "holdout", "ledger", "lookup", "registry", "web")
MAIL = "olga.geheim@personal.example"
URL = "https://geheim-gallery.example/olga.jpg?token=geheim"
TITLE = "Geheimnis"
SECRETS = (MAIL, "geheim", TITLE, "olga", "personal.example")


def breaks(request: HttpRequest, whom: str) -> HttpResponse:
    """A defect: it shows up with all that it knew."""
    local = {"mail": whom, "url": URL}
    raise ValueError(f"cannot work on {local} for {request.GET}")


urlpatterns = [path("breaks/<str:whom>", breaks), path("", include("config.urls"))]
handler400, handler404, handler500 = errors.bad_request, errors.not_found, errors.server_error


class Lines(io.StringIO):
    """What a process wrote to stderr."""

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["event"] == event]

    def say_nothing_of(self, *secrets: str) -> bool:
        text = self.getvalue().lower()
        return bool(text) and not [secret for secret in (*SECRETS, *secrets) if secret.lower() in text]


@pytest.fixture
def lines(settings: LazySettings) -> Iterator[Lines]:
    """The log of this process as in production, and of everything that libraries say besides."""
    stream = Lines()
    configuration = logging_config()
    configuration["handlers"]["stderr"]["stream"] = stream
    configuration["root"]["level"] = "DEBUG"
    for logger in configuration["loggers"].values():
        logger["level"] = "DEBUG"
    logging.config.dictConfig(configuration)
    yield stream
    logging.config.dictConfig(settings.LOGGING)


@pytest.fixture
def anybody(settings: LazySettings) -> Client:
    settings.ROOT_URLCONF = __name__
    return Client(raise_request_exception=False)


@pytest.fixture
def job(vera: Organization) -> LookupJob:
    upload = [f"url\n{URL}\n".encode()]
    return submit_job(organization=vera, upload=upload, upload_format=LookupJob.Format.CSV)


# --- a request ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_request_has_one_record_that_says_what_it_was(anybody: Client, lines: Lines) -> None:
    answer = anybody.get("/badge/none.svg?lang=geheim")
    (said,) = lines.of("request answered")
    assert said["request_id"] == answer["X-Request-ID"]
    assert (said["route"], said["method"], said["status"]) == ("badge/<str:work_id>.svg", "GET", 404)
    assert said["duration_ms"] >= 0
    assert (said["level"], said["logger"]) == ("info", "config.middleware")
    assert said["timestamp"].endswith("Z")


def test_a_request_keeps_the_id_that_the_proxy_gave_it(anybody: Client) -> None:
    given = "0123456789abcdef0123456789ABCDEF"
    assert anybody.get("/livez", headers={"X-Request-ID": given})["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", MAIL, "a" * 65, "ho_live_0123456789abcdef", "a" * 32 + "\n"])
def test_an_id_that_could_be_anything_is_replaced(anybody: Client, given: str) -> None:
    taken = anybody.get("/livez", headers={"X-Request-ID": given})["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", taken)


@pytest.mark.django_db
def test_a_request_with_a_key_names_its_organisation(
    anybody: Client, lines: Lines, vera: Organization, vera_key: str, job: LookupJob
) -> None:
    anybody.get(f"/v1/jobs/{job.public_id}", headers={"Authorization": f"Bearer {vera_key}"})
    (said,) = lines.of("request answered")
    assert (said["organization"], said["job"]) == (vera.public_id, job.public_id)
    assert lines.say_nothing_of(vera_key)


def test_a_job_id_that_is_none_is_not_written_down(anybody: Client, lines: Lines) -> None:
    anybody.get(f"/v1/jobs/{MAIL}")
    assert "job" not in lines.of("request answered")[0]
    assert lines.say_nothing_of()


def test_what_is_not_found_and_how_it_was_asked_are_not_written_down(anybody: Client, lines: Lines) -> None:
    anybody.generic("GEHEIM", f"/{MAIL}")
    (said,) = lines.of("request answered")
    assert (said["route"], said["method"], said["status"]) == ("none", "other", 404)
    assert lines.say_nothing_of()


def test_what_machines_ask_every_few_seconds_is_not_written_down(anybody: Client, lines: Lines) -> None:
    anybody.get("/livez")
    assert lines.of("request answered") == []


def test_what_is_logged_in_a_request_carries_its_id(anybody: Client, lines: Lines) -> None:
    answer = anybody.get(f"/breaks/{MAIL}")
    defect, said = (record for record in lines.records() if record["level"] == "error")
    assert said["status"] == 500
    assert defect["request_id"] == said["request_id"] == answer["X-Request-ID"]
    assert defect["route"] == "breaks/<str:whom>"


def test_an_unhandled_exception_says_where_it_was_and_not_what_it_knew(anybody: Client, lines: Lines) -> None:
    anybody.get(f"/breaks/{MAIL}?url={URL}")
    defect = next(record for record in lines.records() if record["level"] == "error")
    (described,) = defect["exception"]
    assert described.startswith("ValueError ")
    assert re.search(r"test_logging\.breaks:\d+$", described)
    assert lines.say_nothing_of()


def worth_a_look(lines: Lines) -> list[dict[str, Any]]:
    """What a root level of INFO writes in production."""
    return [record for record in lines.records() if record["level"] != "debug"]


def test_what_is_turned_away_under_load_is_one_warning_a_second_and_no_error(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "_TALLY", refusals._Tally())
    for _ in range(100):
        refusals.note_refusal("POST", "/v1/lookups")
    (said,) = worth_a_look(lines)
    assert (said["level"], said["event"], said["count"]) == ("warning", "requests turned away", 1)
    monkeypatch.setattr(refusals, "_PAUSE_SECONDS", 0)
    refusals.note_refusal("POST", "/v1/lookups")
    assert worth_a_look(lines)[1]["count"] == 100


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/v1/lookups", "/v1/jobs"])
def test_what_is_beyond_a_quota_is_one_line_and_no_error(
    anybody: Client, lines: Lines, vera_key: str, settings: LazySettings, path: str
) -> None:
    settings.HOLDOUT_QUOTAS = dict.fromkeys(settings.HOLDOUT_QUOTAS, (1, 1))
    body, kind = json.dumps({"queries": [{"url": URL}]}), "application/json"
    if path == "/v1/jobs":
        body, kind = f"url\n{URL}\n", "text/csv"
    headers = {"Authorization": f"Bearer {vera_key}"}
    anybody.post(path, body, content_type=kind, headers=headers)
    passed = len(worth_a_look(lines))
    assert anybody.post(path, body, content_type=kind, headers=headers).status_code == 429
    (said,) = worth_a_look(lines)[passed:]
    assert (said["level"], said["event"]) == ("info", "request answered")
    assert (said["status"], said["code"]) == (429, "quota_exceeded")


def test_an_engine_that_is_away_stays_an_error(anybody: Client, lines: Lines) -> None:
    with patch("api.v1.status.StatusView.get", side_effect=OperationalError(MAIL)):
        assert anybody.get("/v1/status", {"url": URL}).json()["code"] == "registry_unavailable"
    said = lines.of("request answered")[-1]
    assert (said["level"], said["status"], said["code"]) == ("error", 503, "registry_unavailable")


# --- a job -------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_records_of_a_step_name_job_and_step(job: LookupJob, lines: Lines) -> None:
    step = JobStep.objects.get()
    while work_once():
        pass
    split, screen, join = lines.of("step done")
    assert (split["job"], split["step"], split["kind"], split["attempt"]) == (
        job.public_id,
        step.pk,
        "split",
        1,
    )
    assert (screen["kind"], screen["rows"], join["kind"]) == ("screen", 1, "join")
    assert screen["organization"] == job.organization.public_id
    assert lines.say_nothing_of()


@pytest.mark.django_db
def test_a_step_that_fails_says_where_and_not_on_what(job: LookupJob, lines: Lines) -> None:
    with patch("lookup.jobs.pieces", side_effect=RuntimeError(f"row of {MAIL}")):
        work_once()
    (failed,) = lines.of("step failed")
    assert failed["job"] == job.public_id
    assert failed["exception"][0].startswith("RuntimeError lookup.jobs._do:")
    assert lines.say_nothing_of()


@pytest.mark.django_db
def test_a_job_whose_upload_cannot_be_read_is_logged_with_its_code(vera: Organization, lines: Lines) -> None:
    submit_job(organization=vera, upload=[b"url\n"], upload_format=LookupJob.Format.CSV)
    work_once()
    (failed,) = lines.of("job failed")
    assert failed["code"] == "upload_has_no_rows"


@pytest.mark.django_db
def test_a_task_that_fails_is_named_and_what_it_was_given_is_not(lines: Lines) -> None:
    with patch("registry.ingest.ingest", side_effect=ValueError(f"no {MAIL}")):
        tasks.ingest.apply(kwargs={"asset_id": MAIL}, task_id="4711")
    (failed,) = (record for record in lines.records() if record["level"] == "error")
    assert (failed["logger"], failed["task"], failed["task_id"]) == (
        "celery.app.trace",
        "registry.tasks.ingest",
        "4711",
    )
    assert failed["exception"][0].startswith("ValueError ")
    assert lines.say_nothing_of()


@pytest.mark.django_db
def test_the_sequencer_says_how_many_entries_it_placed(alice: Any, lines: Lines) -> None:
    fingerprinted_work(alice, {"sha256": bytes(32)})
    stops = iter([False, True])
    with (
        patch("ledger.management.commands.sequencer.threading.Event") as event,
        patch("ledger.management.commands.sequencer.signal.signal"),
    ):
        event.return_value.is_set.side_effect = lambda: next(stops)
        sequencer.Command().handle()
    (placed,) = lines.of("entries sequenced")
    assert placed["entries"] == 2


def test_a_defect_of_the_sequencer_ends_it_without_its_last_words(lines: Lines) -> None:
    with (
        patch.object(sequencer, "sequence_pending", side_effect=ValueError(MAIL)),
        patch("ledger.management.commands.sequencer.signal.signal"),
        pytest.raises(SystemExit),
    ):
        sequencer.Command().handle()
    assert lines.of("the sequencer ends")[0]["exception"][0].startswith("ValueError ")
    assert lines.say_nothing_of()


# --- the whole way -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_nothing_that_people_and_programs_bring_is_in_the_log(
    anybody: Client, lines: Lines, vera_key: str, mailoutbox: list[EmailMessage]
) -> None:
    key = {"Authorization": f"Bearer {vera_key}"}
    digest = hashlib.sha256(MAIL.encode()).hexdigest()
    form = {"picture": SimpleUploadedFile(f"{TITLE}.png", b"no picture"), "title": TITLE, "preset": "no-ai"}

    def ingest(*, asset_id: str) -> None:
        tasks.ingest.apply(kwargs={"asset_id": asset_id})

    anybody.post("/accounts/signup/", {"email": MAIL})
    code = re.findall(r"^ {4}(\S+)$", str(mailoutbox[0].body), re.MULTILINE)[0]
    anybody.post("/accounts/confirm-email/", {"code": code})
    with (
        patch("django.db.transaction.on_commit", side_effect=lambda act, **_: act()),
        patch.object(tasks.ingest, "delay", side_effect=ingest),
    ):
        assert anybody.post("/works/new", form).status_code == 422
    anybody.post(
        "/v1/lookups",
        json.dumps({"queries": [{"url": URL, "sha256": digest}, {"url": MAIL}]}),
        content_type="application/json",
        headers=key,
    )
    anybody.get("/v1/status", {"url": URL})
    anybody.get("/badge/url.svg", {"url": URL})
    anybody.get("/v1/jobs", headers={"Authorization": f"Bearer {MAIL}"})
    anybody.post(f"/v1/jobs?url_column={TITLE}", f"{TITLE}\n{URL}\n", content_type="text/csv", headers=key)
    while work_once():
        pass
    sequence_pending()
    Client(enforce_csrf_checks=True).post("/accounts/login/code/", {"email": MAIL}, headers={"Referer": URL})
    anybody.get("/", headers={"Host": "geheim.example", "User-Agent": MAIL, "Cookie": f"sessionid={MAIL}"})
    asked = lines.of("request answered")
    assert {record["status"] for record in asked} >= {200, 202, 302, 400, 401, 403, 422}
    assert lines.say_nothing_of(code, vera_key, vera_key[:16], digest, "127.0.0.1", "harbour.png")


# --- the formatter -----------------------------------------------------------------------------------


def written(name: str, message: object, *arguments: object, error: BaseException | None = None) -> Any:
    exc_info: Any = error and (type(error), error, error.__traceback__)
    record = logging.LogRecord(name, logging.ERROR, "/x/y.py", 7, message, arguments, exc_info, "does")
    return json.loads(json_lines().format(record))


@pytest.mark.parametrize(
    ("message", "arguments", "event"),
    [
        ("sent %s to %s", (MAIL, 3), "sent … to 3"),
        ("%(name)s took %(seconds).1f", ({"name": MAIL, "seconds": 1.25},), "… took 1.2"),
        ("failed: %s", (KeyError(MAIL),), "failed: KeyError"),
        ("failed: %r", (UnreadablePicture("picture_missing", MAIL),), "UnreadablePicture[picture_missing]"),
        (f"put together from {MAIL}", (), "…"),
        ("%d of them", (MAIL,), "…"),
        (ValueError(MAIL), (), "…"),
    ],
)
def test_a_librarys_message_is_shown_without_what_was_put_into_it(
    message: object, arguments: tuple[object, ...], event: str
) -> None:
    said = written("celery.worker", message, *arguments)
    assert event in said["event"]
    assert MAIL not in str(said)
    assert said["where"] == "y.does:7"


@pytest.mark.parametrize(
    ("error", "described"),
    [
        (OSError(28, MAIL), "OSError[ENOSPC]"),
        (UnreadablePicture("picture_missing", MAIL), "holdout.errors.UnreadablePicture[picture_missing]"),
        (ValueError(MAIL), "ValueError"),
    ],
)
def test_an_exception_is_named_with_its_stable_code(error: BaseException, described: str) -> None:
    assert written("lookup.jobs", "step failed", error=error)["exception"] == [described]


def test_the_causes_of_an_exception_are_named_too() -> None:
    error = ValueError(MAIL)
    error.__cause__ = KeyError(MAIL)
    error.__cause__.__context__ = error
    assert written("lookup.jobs", "step failed", error=error)["exception"] == ["ValueError", "KeyError"]


def test_only_known_fields_are_written(lines: Lines) -> None:
    logging.getLogger("lookup.jobs").info("here", extra={"email": MAIL, "rows": 3, "kind": object()})
    (said,) = lines.records()
    assert set(said) <= set(FIELDS)
    assert (said["rows"], said["kind"]) == (3, "…")


def test_a_record_that_cannot_be_written_is_not_shown_either(
    lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    with patch("config.logging._sentence", side_effect=RuntimeError(MAIL)):
        logging.getLogger("lookup.jobs").info("here")
    assert json.loads(capsys.readouterr().err)["event"] == "a record of lookup.jobs was lost"


def test_lines_are_whole_while_developing() -> None:
    record = logging.LogRecord("celery", logging.INFO, "y.py", 7, "sent %s", (MAIL,), None)
    assert f"sent {MAIL}" in readable_lines().format(record)


@pytest.mark.parametrize(("name", "formatter"), [("production", "json_lines"), ("dev", "readable_lines")])
def test_production_writes_json_and_development_lines(name: str, formatter: str) -> None:
    code = "from django.conf import settings; print(settings.LOGGING['formatters']['line']['()'])"
    environment = {
        "DJANGO_SETTINGS_MODULE": f"config.settings.{name}",
        "DATABASE_URL": "postgresql://holdout@localhost/holdout",
        "REDIS_URL": "redis://localhost/0",
        "SECRET_KEY": "s" * 50,
        "HOLDOUT_SNAPSHOT_SIGNING_KEY": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "ALLOWED_HOSTS": "registry.example.org",
        "EMAIL_HOST": "localhost",
    }
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == f"config.logging.{formatter}"


def test_celery_leaves_logging_to_us() -> None:
    from celery import signals

    assert any("set_up_logging" in str(receiver) for _, receiver in signals.setup_logging.receivers)


def test_our_own_rooms_log_constant_sentences() -> None:
    """Without arguments they are written as they are; what varies goes into fields."""
    levels = {"debug", "info", "warning", "error", "exception", "critical"}
    calls = [
        (source.relative_to(ROOT), call)
        for room in ROOMS
        for source in (ROOT / room).rglob("*.py")
        for call in ast.walk(ast.parse(source.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in levels
        and isinstance(call.func.value, ast.Name)
        and "log" in call.func.value.id.lower()
    ]
    assert len(calls) >= 8
    for source, call in calls:
        assert isinstance(call.args[0], ast.Constant), (source, call.lineno)
