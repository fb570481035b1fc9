"""A real Chromium on a real server. Debian's: `apt-get install chromium fonts-noto-cjk`.

Where it is missing these tests are skipped with one line, and fail under CI=true.
"""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from accounts.models import User
from tests.staff.conftest import sam  # noqa: F401 - the same person as in the staff area's tests
from tests.web.conftest import (  # noqa: F401 - the same people and processes as for the pages
    ann,
    anns,
    browser,
    no_rate_limits_left_over,
    sequencer,
    signed_in,
    work,
    worker,
)

# pytest-django and playwright's event loop share a thread; Django would refuse the database there.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

CHROMIUM = shutil.which("chromium")
SCREENSHOTS = os.environ.get("HOLDOUT_SCREENSHOTS")
"""The folder for pictures of every page; `./run screenshots` sets it."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        why = "BROWSER TESTS DO NOT RUN: no Chromium here (Debian: apt-get install chromium fonts-noto-cjk)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    with sync_playwright() as playwright:
        # No sandbox: Chromium refuses it as root, and it only sees our own pages.
        running = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-background-networking", "--disable-sync", "--no-first-run"],
        )
        yield running
        running.close()


class Visitor:
    """Somebody with a window of one width, in light or dark, in one language."""

    def __init__(self, chromium: Browser, url: str, *, width: int, dark: bool, language: str) -> None:
        self.context: BrowserContext = chromium.new_context(
            base_url=url,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            locale=language,
        )
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None
        )
        self._url = url
        self._language = language
        self._name = f"{width}-{'dark' if dark else 'light'}-{language}"

    def sign_in(self, user: User) -> None:
        """Put the session into the browser; the way through the mail has its own tests."""
        session = signed_in(user).cookies["sessionid"].value
        self.context.add_cookies([{"name": "sessionid", "value": session, "url": self._url}])

    def sign_in_by_mail(self, email: str) -> None:
        """Fill in the form that is open, and enter the code that comes."""
        self.page.locator("input[name=email]").fill(email)
        self.page.keyboard.press("Enter")
        self.page.wait_for_url("**/confirm/**")
        self.enter(code_in(str(mail.outbox[-1].body)))

    def enter(self, code: str) -> None:
        """Send the form that asks for a code."""
        self.page.locator("input[name=code]").fill(code)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def press(self, selector: str) -> None:
        """Press what leads to another page."""
        with self.page.expect_navigation():
            self.page.locator(selector).click()

    def look(self, path: str, name: str) -> None:
        """Open a page, which must not send us elsewhere, and look at it."""
        self.page.goto(path)
        assert self.page.url == self._url + path, name
        self.look_here(name)

    def look_here(self, name: str) -> None:
        """Keep a picture of the open page where pictures are wanted; then it must be sound."""
        self.page.wait_for_load_state()
        if SCREENSHOTS:
            folder = Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(
                path=folder / f"{name}-{self._name}.png", full_page=True, animations="disabled"
            )
        width = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert width <= 0, f"{name} is {width} px wider than the window"
        language = self.page.evaluate("document.documentElement.lang")
        assert language == {"en": "en", "zh-CN": "zh-hans"}[self._language], f"{name} speaks {language}"
        complaints = [c for c in self.complaints if not (name == "not-found" and "404" in c)]
        assert complaints == [], name
        self.complaints.clear()
        # Without preloading: for that axe writes style sheets into the page, which its policy forbids.
        found = Axe().run(self.page, options={"preload": False})
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def code_in(text: str) -> str:
    """The code that stands on a line of its own."""
    found = re.search(r"^\s*([A-Z0-9]{4}-?[A-Z0-9]{2,4})\s*$", text, re.MULTILINE)
    assert found, text
    return found[1]
