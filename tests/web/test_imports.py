"""Many addresses at once, on the pages."""

from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from consent.importing import work_once
from consent.models import Import

pytestmark = pytest.mark.django_db
URL = "https://x.example/"
SAID = {"preset": "no-ai"}


def test_a_list_is_handed_over_and_its_report_taken(browser: Client) -> None:
    typed = "https://x.example/1.jpg\n=nonsense\n"
    begun = browser.post("/imports/new", SAID | {"addresses": typed}, follow=True)
    page = begun.redirect_chain[-1][0]
    assert 'http-equiv="refresh"' in begun.content.decode()
    while work_once(now=datetime.now(UTC)):
        pass
    done = browser.get(page).content.decode()
    assert "<h1>Done</h1>" in done
    assert 'http-equiv="refresh"' not in done
    assert "no complete web address" in done
    report = b"".join(browser.get(f"{page}report.csv").streaming_content).decode()  # type: ignore[attr-defined]
    assert report.splitlines() == [
        "line,address,result,code",
        "1,https://x.example/1.jpg,added,",
        "2,'=nonsense,refused,url_invalid",
    ]
    assert page in browser.get("/imports/new").content.decode()


def test_a_file_is_taken_as_well(browser: Client) -> None:
    file = SimpleUploadedFile("mine.csv", b"url\nhttps://x.example/1.jpg\n", "text/csv")
    assert browser.post("/imports/new", SAID | {"file": file}).status_code == 302
    assert Import.objects.get().lines.get().target == "https://x.example/1.jpg"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "in one of the three ways"),
        (
            {"addresses": "https://x.example/", "sitemap": "https://x.example/s.xml"},
            "in one of the three ways",
        ),
        ({"addresses": "# nothing"}, "There is no address in it"),
        ({"sitemap": "ftp://x.example/"}, "Enter a valid URL"),
        ({"addresses": URL, "preset": "open"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_imported_comes_back_with_the_reason(
    browser: Client, more: dict[str, str], words: str
) -> None:
    answered = browser.post("/imports/new", SAID | more)
    assert answered.status_code == 422
    assert words in answered.content.decode()
    assert not Import.objects.exists()


def test_a_site_map_that_failed_says_why(browser: Client) -> None:
    browser.post("/imports/new", SAID | {"sitemap": "https://x.example/s.xml"})
    job = Import.objects.get()
    assert "being fetched" in browser.get(f"/imports/{job.public_id}/").content.decode()
    Import.objects.update(state="failed", error="sitemap_empty")
    assert "The site map lists nothing." in browser.get(f"/imports/{job.public_id}/").content.decode()
