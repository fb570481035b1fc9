"""Every page in a real browser: it fits the window, breaks no rule of its own, and is accessible."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from accounts.models import User
from registry.models import Work
from tests.browser.conftest import SCREENSHOTS, Visitor

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]

EVERYBODY = {
    "home": "/",
    "check": "/check?url=https://example.org/a.jpg",
    "check-unreadable": "/check?url=nonsense",
    "sign-up": "/accounts/signup/",
    "sign-in": "/accounts/login/code/",
    "not-found": "/nothing-here",
}
CREATOR = {
    "works": "/works/",
    "new-work": "/works/new",
    "work": "/works/{work}/",
    "withdraw": "/works/{work}/withdraw",
    "email": "/accounts/email/",
    "sign-out": "/accounts/logout/",
}
LOOKS = [(390, False, "en"), (1280, True, "zh-CN")]
if SCREENSHOTS:
    LOOKS = [(w, dark, lang) for w in (390, 1280) for dark in (False, True) for lang in ("en", "zh-CN")]


@pytest.fixture(params=LOOKS, ids=lambda look: "-".join(map(str, look)))
def visitor(request: pytest.FixtureRequest, chromium: Browser, live_server: Any) -> Iterator[Visitor]:
    width, dark, language = request.param
    somebody = Visitor(chromium, live_server.url, width=width, dark=dark, language=language)
    yield somebody
    somebody.context.close()


def test_everybodys_pages(visitor: Visitor) -> None:
    for name, path in EVERYBODY.items():
        visitor.look(path, name)
        _is_sound(visitor, name)


def test_a_creators_pages(visitor: Visitor, ann: User, work: Work) -> None:
    visitor.sign_in(ann)
    for name, path in CREATOR.items():
        visitor.look(path.format(work=work.public_id), name)
        _is_sound(visitor, name)


def _is_sound(visitor: Visitor, name: str) -> None:
    page = visitor.page
    width = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{name} is {width} px wider than the window"
    found = Axe().run(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    complaints = [c for c in visitor.complaints if not (name == "not-found" and "404" in c)]
    assert complaints == [], name
    visitor.complaints.clear()
