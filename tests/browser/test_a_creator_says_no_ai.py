"""The creator's way through the pages, as a person goes it: by keyboard and mouse in a real browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Visitor, code_in
from tests.web.conftest import picture

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.usefixtures("worker", "sequencer")
def test_from_signing_up_to_the_receipt(chromium: Browser, live_server: Any, tmp_path: Path) -> None:
    visitor = Visitor(chromium, live_server.url, width=390, dark=False, language="en")
    page = visitor.page
    page.goto("/accounts/signup/")
    page.get_by_label("Email").fill("linnea@example.org")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm-email/**")
    page.get_by_label("Code").fill(code_in(str(mail.outbox[-1].body)))
    page.keyboard.press("Enter")
    page.wait_for_url("**/overview/")

    file = tmp_path / "harbour.png"
    file.write_bytes(picture())
    page.goto("/works/new")
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator("input[value=no-ai]")).to_be_checked()
    page.locator("main form button").first.click()
    page.wait_for_url(re.compile(r"/works/wrk_[a-z2-7]{26}/"))
    expect(page.get_by_text("You say: No AI")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_text("Download receipt (JSON)").click()
    assert download.value.suggested_filename.startswith("holdout-receipt-")
    assert visitor.complaints == []
    visitor.context.close()
