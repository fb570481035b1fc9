"""What people come for, from signing up to "reserved as far as it goes", in both languages."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import Browser, Page, expect

from accounts.audit import Actor, Source
from consent.importing import work_once
from consent.intentions import fulfil_intentions
from consent.models import Import
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from registry.control import challenge_for, saw_code
from registry.models import Locator
from tests.browser.conftest import Visitor, code_in
from tests.factories import settle
from tests.registry.conftest import Web, records, web
from tests.web.test_many import photograph

__all__ = ["records", "web"]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("worker", "sequencer"),
]
PROFILE = "https://www.xiaohongshu.com/user/profile/5c1234567890abcdef123456"


class Person:
    """Somebody at a phone who counts what they press and what they fill in."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.fields = 0

    def press(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.clicks += 1

    def go(self, selector: str) -> None:
        """Press what leads to another page."""
        with self.page.expect_navigation():
            self.press(selector)

    def fill(self, selector: str, text: str) -> None:
        self.page.locator(selector).fill(text)
        self.fields += 1

    def sign_up(self) -> None:
        """From the front page to the overview."""
        self.page.goto("/")
        self.go('main a[href="/accounts/signup/"]')
        self.fill("input[name=email]", "linnea@example.org")
        self.go("main form button")
        self.fill("input[name=code]", code_in(str(mail.outbox[-1].body)))
        self.go("main form button")
        self.page.wait_for_url("**/overview/")

    def add_place(self, address: str, *, extent: str = "") -> None:
        """From the overview to the page with the code."""
        self.go('main a[href="/places/new"]')
        self.fill("#id_address", address)
        if extent:
            self.page.locator("#id_extent").select_option(extent)
            self.clicks += 1
        self.go("main form.card button.button")

    def code(self) -> str:
        return self.page.locator("#prove-heading ~ pre code").first.inner_text()


@pytest.fixture(params=["en", "zh-CN"])
def artist(request: pytest.FixtureRequest, chromium: Browser, live_server: Any) -> Iterator[Person]:
    visitor = Visitor(chromium, live_server.url, width=390, dark=False, language=request.param)
    yield Person(visitor.page)
    assert visitor.complaints == []
    visitor.context.close()


@pytest.fixture
def told(
    artist: Person, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """Prints what it took."""
    yield
    with capsys.disabled():
        name = request.node.name.removeprefix("test_")
        print(f"\n{name}: {artist.clicks} clicks, {artist.fields} fields")


def outcome(**asked: Any) -> Outcome:
    settle()
    (verdict,) = answer([Query(**asked)])
    return verdict.uses[UsageCategory.TRAIN_GEN]


@pytest.mark.usefixtures("told")
def test_an_artist_with_many_pictures_and_no_site(artist: Person, tmp_path: Path) -> None:
    originals = [photograph(seed) for seed in range(1, 5)]
    files = [tmp_path / f"{at}.jpg" for at in range(len(originals))]
    for file, original in zip(files, originals, strict=True):
        file.write_bytes(original)
    artist.sign_up()
    artist.go('main a[href="/works/many"]')
    artist.page.locator("#files").set_input_files(files)
    artist.clicks += 2  # the button that opens the album, and the album's own
    artist.press("#start")
    expect(artist.page.locator("#finished")).to_be_visible(timeout=90_000)
    for original in originals:
        assert outcome(sha256=sha256(original).digest()) is Outcome.DENY
    artist.go("#finished")
    expect(artist.page.locator("ul.works li")).to_have_count(4)


@pytest.mark.usefixtures("told")
def test_an_artist_who_is_only_on_xiaohongshu(artist: Person) -> None:
    artist.sign_up()
    artist.add_place(PROFILE)
    place = Locator.objects.get(belongs_to=None)
    assert f"holdout-verify={challenge_for(locator=place, now=datetime.now(UTC)).code}" == artist.code()
    assert outcome(url=f"{PROFILE}/1.jpg") is Outcome.UNKNOWN
    for staff in (1, 2):
        challenge = challenge_for(locator=place, now=datetime.now(UTC))
        saw_code(challenge=challenge, by=Actor(Source.STAFF, staff), now=datetime.now(UTC))
    assert fulfil_intentions(now=datetime.now(UTC)) == 1
    assert outcome(url=f"{PROFILE}/1.jpg") is Outcome.DENY
    artist.page.goto("/places/")
    expect(artist.page.locator(".said.stated")).to_be_visible()


@pytest.mark.usefixtures("told")
def test_an_artist_with_a_domain(artist: Person, records: dict[str, list[str]], web: Web) -> None:
    artist.sign_up()
    artist.add_place("linnea.example", extent="domain")
    records["_holdout.linnea.example"] = [artist.code()]
    artist.go("form[action$=proof] button")
    expect(artist.page.locator(".message.success")).to_be_visible()
    assert outcome(url="https://shop.linnea.example/x.jpg") is Outcome.DENY


@pytest.mark.usefixtures("told")
def test_an_artist_on_a_platform(artist: Person, web: Web) -> None:
    artist.sign_up()
    artist.add_place("linnea.lofter.com")
    web("https://linnea.lofter.com/", f'<meta name="description" content="{artist.code()}">')
    artist.go("form[action$=proof] button")
    expect(artist.page.locator(".message.success")).to_be_visible()
    assert outcome(url="https://linnea.lofter.com/post/1.jpg") is Outcome.DENY


@pytest.mark.usefixtures("told")
def test_a_society_with_ten_thousand_works(
    artist: Person, records: dict[str, list[str]], web: Web, tmp_path: Path
) -> None:
    artist.sign_up()
    artist.add_place("society.example", extent="domain")
    records["_holdout.society.example"] = [artist.code()]
    artist.go("form[action$=proof] button")
    table = tmp_path / "works.csv"
    # In the other language the same with fewer: it is the pages that differ.
    works = 10_000 if artist.page.evaluate("navigator.language") == "en" else 500
    addresses = [f"https://member{n % 99}.example/{n}.jpg" for n in range(works)]
    table.write_text("title,url\n" + "".join(f"Work {n},{url}\n" for n, url in enumerate(addresses)))
    artist.go('.crumb a[href="/places/"]')
    artist.go('main a[href="/imports/new"]')
    artist.page.locator("#id_file").set_input_files(table)
    artist.clicks += 2
    artist.go("main form.card button.button")
    artist.page.wait_for_url(re.compile(r"/imports/imp_"))
    worked = all_of(lambda: work_once(now=datetime.now(UTC)))
    assert worked == works // 500
    assert Import.objects.get().state == "done"
    artist.page.reload()
    expect(artist.page.locator(".facts")).to_contain_text(str(works))
    assert outcome(url=addresses[0]) is Outcome.DENY
    assert outcome(url=addresses[-1]) is Outcome.DENY


def all_of(step: Callable[[], bool]) -> int:
    steps = 0
    while step():
        steps += 1
    return steps
