"""The page of the avatar maker: what it shows without a script, and the code of badges."""

import re
from typing import Final

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from accounts.audit import SYSTEM
from accounts.erasing import ask_for_erasure
from accounts.models import ErasureRequest, Organization, User
from holdout.fingerprints.describe import describe
from holdout.fingerprints.generic.draw import designs
from holdout.fingerprints.picture import Gate
from registry.generic import deny_list, without_generic
from registry.models import Work
from registry.services import default_declarant
from tests.factories import fingerprinted_work
from tests.web.conftest import person
from web.views.avatar import DESIGNS

CODE: Final = "&lt;img src="


def test_the_code_shows_the_badge_of_that_address(client: Client) -> None:
    page = client.get("/avatar", {"url": 'example.org/a.jpg?x=1&y="><b>'}).content.decode()
    badge = "badge/url.svg?url=https%3A%2F%2Fexample.org%2Fa.jpg%3Fx%3D1%26y%3D%22%3E%3Cb%3E"
    for language in ("en", "zh"):
        assert f'<img src="http://testserver/{badge}&amp;lang={language}"' in page
        assert f'{CODE}"http://testserver/{badge}&amp;amp;lang={language}"' in page
        assert f"](http://testserver/{badge}&amp;lang={language})" in page
    assert 'alt="Holdout 许可状态"' in page
    assert 'alt="Consent status at Holdout"' in page
    assert "<b>" not in page


def test_what_is_no_address_is_refused_with_the_reason(client: Client) -> None:
    answered = client.get("/avatar", {"url": "ftp://example.org/"})
    assert answered.status_code == 422
    assert "Only addresses that begin with http" in answered.content.decode()
    assert CODE not in answered.content.decode()


def test_without_a_script_each_design_is_a_file_to_take(client: Client) -> None:
    page = client.get("/avatar").content.decode()
    plain = page.partition("<noscript>")[2].partition("</noscript>")[0]
    files = re.findall(r'href="/static/(web/avatar/\w+\.svg)" download="no-ai-\w+\.svg"', plain)
    assert files == [f"web/avatar/{name}.svg" for name in DESIGNS]
    assert all(finders.find(file) for file in files)


def test_a_creator_chooses_among_their_newest_works(browser: Client, anns: Organization, work: Work) -> None:
    for number in range(20):
        fingerprinted_work(default_declarant(organization=anns), {"sha256": bytes([9, number]) + bytes(30)})
    first = browser.get("/avatar").content.decode()
    assert first.count('<option value="wrk_') == 20
    assert work.public_id not in first
    chosen = browser.get("/avatar", {"work": work.public_id}).content.decode()
    assert f'<option value="{work.public_id}" selected>Harbour' in chosen
    badge = f"http://testserver/badge/{work.public_id}.svg?lang=en"
    assert f'{CODE}"{badge}"' in chosen
    assert f"]({badge})" in chosen


def test_anothers_work_is_not_found(browser: Client, client: Client, work: Work) -> None:
    bob = Client()
    bob.force_login(person("bob@example.com"))
    assert bob.get("/avatar", {"work": work.public_id}).status_code == 404
    assert browser.get("/avatar", {"work": "wrk_nothing"}).status_code == 404
    nobodys = client.get("/avatar", {"work": work.public_id})
    assert nobodys.status_code == 200
    assert CODE not in nobodys.content.decode()


def test_other_pages_lead_here(browser: Client, work: Work) -> None:
    for page in ("/", "/kit", f"/works/{work.public_id}/"):
        assert 'href="/avatar"' in browser.get(page).content.decode(), page


@pytest.mark.parametrize("shape", ["", "-round"])
@pytest.mark.parametrize("design", DESIGNS)
def test_each_design_alone_is_gated_as_generic(design: str, shape: str) -> None:
    """As a browser drew it in the default words and colour: its registration has no looks."""
    file = designs()[f"design-{design}{shape}"]
    registered = describe(file, query=False)
    assert any(pane.phash or pane.keypoints for pane in registered.panes)
    left = without_generic(describe(file, query=True), registered, generic=deny_list())
    assert left.panes[0].gate is Gate.GENERIC
    assert not any(pane.phash or pane.pdq or pane.keypoints for pane in left.panes)


def test_who_is_to_be_forgotten_is_shown_the_page_of_everybody(
    browser: Client, ann: User, anns: Organization, work: Work
) -> None:
    ask_for_erasure(user=ann, kind=ErasureRequest.Kind.KEEP, by=SYSTEM)
    assert "wrk_" not in browser.get("/avatar").content.decode()
