"""`./run serve --demo`: three one-click sign-ins, a page of outgoing mail, and none of it anywhere else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

import config.urls  # noqa: F401 - read once, before a test turns the demonstration on
from accounts.models import AuditEvent, Membership, Organization, User
from accounts.queries import live_key
from accounts.services import personal_organization
from config.settings import demo as demo_settings
from demo import people, seed
from demo.checks import demonstration_stays_at_home
from demo.mailbox import newest_mails
from demo.people import Part, person, seed_people
from demo.views import _reserved_url
from tests.web.test_pages import Page

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.django_db


@pytest.fixture
def demonstration(settings: LazySettings, tmp_path: Path) -> None:
    settings.HOLDOUT_DEMO = True
    settings.ROOT_URLCONF = "tests.demo.urls"
    settings.TEMPLATES = demo_settings.TEMPLATES
    settings.EMAIL_FILE_PATH = tmp_path


def resolves_under(module: str) -> bool:
    code = "import django; django.setup(); from django.urls import resolve; resolve('/demo/')"
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": module,
        "SECRET_KEY": "s" * 50,
        "HOLDOUT_SNAPSHOT_SIGNING_KEY": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        "EMAIL_HOST": "localhost",
        "ALLOWED_HOSTS": "registry.example.org",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=False, capture_output=True
    )
    assert run.returncode == 0 or b"Resolver404" in run.stderr, run.stderr
    return run.returncode == 0


@pytest.mark.parametrize("path", ["", "mail", "creator", "vendor", "staff"])
def test_without_the_demonstration_there_is_nothing(client: Client, path: str) -> None:
    assert client.get(f"/demo/{path}").status_code == 404
    assert client.post(f"/demo/{path}").status_code == 404


def test_the_routes_exist_under_the_demonstration_s_settings_alone() -> None:
    assert resolves_under("config.settings.demo")
    assert not resolves_under("config.settings.dev")
    assert not resolves_under("config.settings.production")


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({}, 0),
        ({"ALLOWED_HOSTS": ["registry.example.org"]}, 1),
        ({"ALLOWED_HOSTS": ["*"]}, 1),
        ({"SECURE_SSL_REDIRECT": True}, 1),
        ({"ALLOWED_HOSTS": ["registry.example.org"], "HOLDOUT_DEMO": False}, 0),
    ],
)
def test_a_demonstration_in_production_is_an_error(
    settings: LazySettings, change: dict[str, object], errors: int
) -> None:
    for name, value in ({"HOLDOUT_DEMO": True} | change).items():
        setattr(settings, name, value)
    assert len(demonstration_stays_at_home()) == errors


@pytest.mark.usefixtures("demonstration")
def test_one_click_enters_as_the_creator_who_has_the_seeded_works(client: Client) -> None:
    seed_people()
    creators = Organization.objects.get(name=seed.CREATORS)
    assert client.post("/demo/creator", follow=True).redirect_chain == [("/works/", 302)]
    assert personal_organization(user=person(Part.CREATOR)) == creators
    assert seed._declarant("linnea").organization == creators


@pytest.mark.usefixtures("demonstration")
def test_one_click_enters_as_the_vendor_with_a_fresh_key_and_lines_that_use_it(client: Client) -> None:
    page = client.post("/demo/vendor")
    text = page.content.decode()
    (key,) = set(re.findall(r"ho_live_\w{36}", text))
    found = live_key(key)
    assert found is not None
    assert found.organization.name == seed.VENDOR
    assert "no-store" in page.headers["Cache-Control"]
    assert "curl -s http://testserver/v1/lookups -H 'Authorization" in text
    assert _reserved_url() in text
    assert key not in client.post("/demo/vendor").content.decode()


@pytest.mark.usefixtures("demonstration")
def test_one_click_enters_the_staff_area_and_the_records_say_that_it_was_a_click(client: Client) -> None:
    done = client.post("/demo/staff", follow=True)
    assert done.redirect_chain == [("/staff/", 302)]
    assert "Staff area" in done.content.decode()
    assert "This is a demonstration." in done.content.decode()
    records = Session.objects.get().get_decoded()["account_authentication_methods"]
    assert [record["method"] for record in records] == ["demo"]
    event = AuditEvent.objects.get(what="staff:session:entered")
    assert event.details == {"method": "demo"}


@pytest.mark.usefixtures("demonstration")
@pytest.mark.parametrize("part", ["creator", "vendor", "staff"])
def test_entering_takes_a_post_with_a_token(part: str) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.get(f"/demo/{part}").status_code == 405
    assert client.post(f"/demo/{part}").status_code == 403
    assert not User.objects.exists()
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get("/demo/").content.decode())
    assert token
    assert client.post(f"/demo/{part}", {"csrfmiddlewaretoken": token[1]}).status_code in {200, 302}


@pytest.mark.usefixtures("demonstration")
@pytest.mark.parametrize("language", ["en", "zh-hans"])
@pytest.mark.parametrize("path", ["/", "/demo/", "/demo/mail", "/accounts/login/code/", "/nothing-here"])
def test_a_banner_stands_on_every_page_in_both_languages(client: Client, path: str, language: str) -> None:
    text = client.get(path, headers={"Accept-Language": language}).content.decode()
    assert ("This is a demonstration." if language == "en" else "这是演示。") in text
    assert len(Page(text).all("h1")) == 1
    assert bool(re.search("[一-鿿]", text.replace("简体中文", ""))) == (language == "zh-hans")
    assert not Page(text).scripts_in_the_page()


def test_elsewhere_there_is_no_banner(client: Client) -> None:
    assert "demonstration" not in client.get("/").content.decode()


@pytest.mark.usefixtures("demonstration")
def test_the_mail_page_shows_what_was_sent_as_text_the_newest_first(client: Client, tmp_path: Path) -> None:
    backend = "django.core.mail.backends.filebased.EmailBackend"
    for number, subject in enumerate(["First <b>", "Second 您的验证码"]):
        mail = EmailMultiAlternatives(subject, f"Code {number} <script>\n" + "-" * 80, to=["x@example.com"])
        mail.attach_alternative("<img src='https://tracker.example/'>", "text/html")
        mail.connection = get_connection(backend, file_path=tmp_path)
        mail.send()
        for file in tmp_path.glob("*.log"):
            os.utime(file, (number + 1, number + 1)) if file.stat().st_mtime > 1_000 else None
    text = client.get("/demo/mail").content.decode()
    assert text.index("Second 您的验证码") < text.index("First &lt;b&gt;")
    assert "Code 0 &lt;script&gt;" in text
    assert "tracker" not in text
    assert not Page(text).all("script")
    assert len(newest_mails(tmp_path, limit=1)) == 1


def test_there_is_no_mail_where_there_is_no_folder(tmp_path: Path) -> None:
    assert newest_mails(tmp_path / "nowhere", limit=5) == []


def test_seeding_twice_makes_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    monkeypatch.setattr(seed, "seed_pictures", lambda *, advance: steps.append("pictures"))
    monkeypatch.setattr(seed, "seed_rules", lambda *, advance: steps.append("rules"))
    call_command("seed_demo")
    before = (User.objects.count(), Membership.objects.count(), Organization.objects.count())
    call_command("seed_demo")
    assert steps == ["pictures", "rules"] * 2
    assert (
        (User.objects.count(), Membership.objects.count(), Organization.objects.count())
        == before
        == (3, 2, 2)
    )


def test_nobody_but_the_three_can_be_entered_as() -> None:
    assert {reverse(f"demo_{part}", urlconf="tests.demo.urls") for part in Part} == {
        *("/demo/creator", "/demo/vendor", "/demo/staff"),
    }
    assert all(known.email.endswith("@demo.example") for known in people._PEOPLE.values())
