"""A folder of pictures goes into the registry: as a person adds it, in a real browser."""

import io
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from accounts.models import User
from consent.models import Statement
from holdout.fingerprints.distance import distance
from holdout.fingerprints.picture import PictureFingerprints
from holdout.fingerprints.sandbox import fingerprint_picture
from holdout.fingerprints.working_copy import working_size
from registry.models import Asset, Authorization, Fingerprint, Looks, Work
from tests.browser.conftest import Visitor
from tests.web.conftest import picture
from tests.web.test_many import photograph

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What lies in a creator's folder: pictures, one twice, one broken, works in progress, notes."""
    files = {
        "tide.jpg": photograph(1),
        "old/tide copy.jpg": photograph(1),
        "old/harbour.jpg": photograph(2),
        "small.png": picture(),
        "broken.jpg": photograph(3)[:900],
        "not really.png": b"GARBAGE" * 9,
        "tide.psd": b"8BPS\0\1" + bytes(99),
        "tide.clip": b"CSFCHUNK" + bytes(99),
        "print.pdf": b"%PDF-1.7" + bytes(99),
        "scan.tif": b"II*\0" + bytes(99),
        "phone.heic": b"\0\0\0\x18ftypheic" + bytes(99),
        "sketch.procreate": b"PK\3\4" + bytes(99),
        "notes.txt": b"to do",
        ".DS_Store": b"\0\0\0\1Bud1",
    }
    for name, content in files.items():
        (tmp_path / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pictures" / name).write_bytes(content)
    return tmp_path / "pictures"


@pytest.fixture
def page(chromium: Browser, live_server: Any, ann: User) -> Any:
    visitor = Visitor(chromium, live_server.url, width=390, dark=False, language="en")
    visitor.sign_in(ann)
    visitor.page.goto("/works/many")
    yield visitor.page
    errors = [c for c in visitor.complaints if "Failed to load resource" not in c]
    visitor.context.close()
    assert errors == []


def add(page: Page, *files: Path) -> None:
    """The files that a person picks, or the one folder."""
    if files[0].is_dir():
        page.locator("#folder").set_input_files(files[0])
    else:
        page.locator("#files").set_input_files(list(files))
    expect(page.locator("#list li").first).to_be_visible()


def finish(page: Page) -> str:
    page.locator("#start").click()
    return finished(page)


def finished(page: Page) -> str:
    expect(page.locator("#summary")).to_contain_text("Finished.", timeout=90_000)
    return page.locator("#summary").inner_text()


def states(page: Page) -> dict[str, str]:
    return {
        line.locator(".name").inner_text(): str(line.get_attribute("data-state"))
        for line in page.locator("#list li").all()
    }


@pytest.mark.usefixtures("worker", "sequencer")
def test_a_folder_with_all_that_lies_in_folders(page: Page, folder: Path) -> None:
    add(page, folder)
    expect(page.locator("#picked")).to_have_text("Left out as no pictures: 2 other files.")
    assert "Registered: 3. Known already: 1. Refused: 8. Not sent: 0." in finish(page)
    found = states(page)
    refused = {name for name, state in found.items() if state == "refused"}
    assert {"tide.psd", "tide.clip", "print.pdf", "scan.tif", "phone.heic", "sketch.procreate"} < refused
    assert {"broken.jpg", "not really.png"} < refused
    assert sorted([found["tide.jpg"], found["tide copy.jpg"]]) == ["known", "registered"]
    words = {line.locator(".name").inner_text(): line.inner_text() for line in page.locator("#list li").all()}
    assert "Export As › PNG" in words["tide.psd"]
    assert "damaged" in words["broken.jpg"]
    assert set(Work.objects.values_list("title", flat=True)) >= {"harbour", "small"}
    assert Statement.objects.filter(train_gen="deny", search="").count() == 3
    page.locator("#only").check()
    expect(page.locator("#list li:visible")).to_have_count(8)
    page.locator("#finished").click()
    expect(page.locator(".works li")).to_have_count(3)


@pytest.mark.usefixtures("worker", "sequencer")
def test_what_is_sent_is_small_and_looks_like_the_original_whose_digest_comes_with_it(
    page: Page, tmp_path: Path
) -> None:
    original = photograph(5, side=3000)
    (tmp_path / "large.jpg").write_bytes(original)
    add(page, tmp_path / "large.jpg")
    finish(page)
    copy, unseen = Asset.objects.order_by("pk")
    assert (copy.width, copy.height) == working_size(3000, 2250) == (1024, 768)
    claimed = Fingerprint.objects.get(asset=unseen)
    assert bytes(claimed.value) == sha256(original).digest()
    taken = PictureFingerprints.from_bytes(bytes(copy.looks.value))
    own = fingerprint_picture(original, query=False)
    assert distance(taken.phash or b"", own.phash or b"") <= 4
    assert distance(taken.pdq or b"", own.pdq or b"") <= 8


@pytest.mark.usefixtures("worker", "sequencer")
def test_a_picture_on_its_side_is_copied_upright_and_a_long_strip_stays_legible(
    page: Page, tmp_path: Path
) -> None:
    sideways = Image.open(io.BytesIO(photograph(6)))
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways.save(tmp_path / "sideways.jpg", exif=exif, quality=92)
    strip = Image.open(io.BytesIO(photograph(7, side=6000))).crop((0, 0, 6000, 900)).rotate(90, expand=True)
    strip.save(tmp_path / "strip.jpg", quality=92)
    add(page, tmp_path / "sideways.jpg", tmp_path / "strip.jpg")
    finish(page)
    sizes = {
        work.title: (asset.width, asset.height)
        for work in Work.objects.all()
        for asset in [work.assets.order_by("pk")[0]]
    }
    assert sizes == {"sideways": (768, 1024), "strip": working_size(900, 6000)}


@pytest.mark.usefixtures("worker", "sequencer")
def test_the_originals_go_as_they_are_where_that_is_chosen(page: Page, tmp_path: Path) -> None:
    (tmp_path / "large.jpg").write_bytes(photograph(5, side=3000))
    huge = tmp_path / "huge.png"
    huge.write_bytes(picture() + bytes(25_000_001))
    add(page, tmp_path / "large.jpg", huge)
    page.locator("#send-original").check()
    assert "Registered: 1. Known already: 0. Refused: 1." in finish(page)
    expect(page.locator("#list [data-state=refused]")).to_contain_text("larger than 25 MB")
    assert Asset.objects.get().width == 3000


@pytest.mark.usefixtures("sequencer")
def test_nothing_of_a_picture_leaves_the_device_where_that_is_chosen(page: Page, folder: Path) -> None:
    Image.new("RGB", (800, 600), "#456").save(folder / "flat.png")
    bodies: list[bytes] = []
    page.on("request", lambda request: bodies.append(request.post_data_buffer or b""))
    add(page, folder)
    page.locator("#send-nothing").check()
    assert "Registered: 4. Known already: 1. Refused: 8. Not sent: 0." in finish(page)
    assert max(len(body) for body in bodies) < 2_000
    assert states(page)["broken.jpg"] == "refused"
    expect(page.locator("#list li", has_text="flat.png")).to_contain_text("Too plain to be recognised")
    expect(page.locator("#list li", has_text="harbour.jpg")).not_to_contain_text("Too plain")
    unseen = Asset.objects.order_by("pk")
    assert [asset.state for asset in unseen] == ["fingerprinted"] * 4
    assert not Looks.objects.exists()
    assert not Authorization.objects.exists()
    tide = Fingerprint.objects.get(asset__work__title__startswith="tide", algorithm="phash-256/1")
    own = fingerprint_picture((folder / "tide.jpg").read_bytes(), query=False).phash
    assert own is not None
    assert distance(bytes(tide.value), own) <= 4


@pytest.mark.usefixtures("worker", "sequencer")
def test_a_page_that_was_closed_goes_on_with_the_same_folder(page: Page, folder: Path) -> None:
    add(page, folder / "tide.jpg")
    finish(page)
    page.goto("/works/many")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    add(page, folder / "old" / "tide copy.jpg", folder / "old" / "harbour.jpg")
    assert "Registered: 1. Known already: 1." in finish(page)
    assert sum(url.endswith("/works/many/picture") for url in sent) == 1
    assert Work.objects.count() == 2


@pytest.mark.usefixtures("worker", "sequencer")
def test_a_network_that_breaks_and_a_registry_that_is_busy_are_asked_again(page: Page, folder: Path) -> None:
    times: list[str] = []

    def unreliable(route: Route) -> None:
        times.append(route.request.url)
        if len(times) == 1:
            route.abort("connectionreset")
        elif len(times) == 2:
            route.fulfill(status=503, headers={"Retry-After": "1"}, body="{}")
        elif len(times) == 3:
            route.fulfill(status=429, headers={"Retry-After": "1"}, body="{}")
        else:
            route.continue_()

    page.route("**/works/many/picture", unreliable)
    add(page, folder / "tide.jpg", folder / "small.png")
    assert "Registered: 2. Known already: 0. Refused: 0. Not sent: 0." in finish(page)
    assert len(times) == 5


@pytest.mark.usefixtures("worker", "sequencer")
def test_what_failed_is_tried_again_and_who_lost_the_answer_has_one_work(page: Page, folder: Path) -> None:
    def answer_lost(route: Route) -> None:
        route.fetch()  # it arrives, and is registered
        route.fulfill(status=500, body="the answer is lost")

    page.route("**/works/many/picture", answer_lost)
    add(page, folder / "tide.jpg")
    assert "Not sent: 1." in finish(page)
    page.unroute("**/works/many/picture")
    page.locator("#again").click()
    assert "Registered: 0. Known already: 1. Refused: 0. Not sent: 0." in finished(page)
    assert Work.objects.count() == 1


@pytest.mark.usefixtures("worker", "sequencer")
def test_while_it_is_paused_nothing_is_sent(page: Page, folder: Path) -> None:
    add(page, folder / "tide.jpg", folder / "old" / "harbour.jpg")
    page.route("**/works/many/known", lambda route: (page.locator("#pause"), route.continue_()))
    page.evaluate("document.getElementById('start').click(); document.getElementById('pause').click()")
    expect(page.locator("#pause")).to_have_text("Continue")
    page.wait_for_timeout(1_000)
    assert not Work.objects.exists()
    page.locator("#pause").press("Enter")
    assert "Registered: 2." in finished(page)


@pytest.mark.usefixtures("worker", "sequencer")
def test_a_session_that_ended_is_told_and_nothing_is_lost(page: Page, folder: Path, ann: User) -> None:
    add(page, folder / "tide.jpg")
    cookies = page.context.cookies()
    page.context.clear_cookies(name="sessionid")
    finish(page)
    expect(page.locator("#alarm")).to_contain_text("Sign in in another tab")
    session = next(c for c in cookies if c["name"] == "sessionid")
    # Who signs in anew has another token too; the page's form still holds the old one.
    page.evaluate("document.cookie = 'csrftoken=' + 'k'.repeat(32) + '; path=/'")
    page.context.add_cookies([session])  # type: ignore[list-item]
    page.locator("#again").click()
    assert "Registered: 1." in finished(page)


@pytest.mark.usefixtures("worker", "sequencer")
def test_terms_that_are_no_address_lead_back_to_the_form(page: Page, folder: Path) -> None:
    add(page, folder / "tide.jpg", folder / "small.png")
    page.locator("input[value=licence-first]").check()
    page.locator("#id_terms_url").fill("javascript:alert(1)")
    assert "Not sent: 2." in finish(page)
    expect(page.locator("#alarm")).to_be_visible()
    page.locator("#id_terms_url").fill("example.com/terms")
    page.locator("#again").click()
    assert "Registered: 2." in finished(page)
    assert set(Statement.objects.values_list("terms_url", flat=True)) == {"https://example.com/terms"}


@pytest.mark.usefixtures("worker", "sequencer")
def test_folders_that_are_dropped_are_walked(page: Page) -> None:
    """No program can drop real folders, so these entries are the browser's interface alone."""
    page.evaluate(
        """async (base64) => {
          const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
          const file = (name) => new File([bytes, name], name, { type: "image/png" });
          const leaf = (name) => ({ isFile: true, file: (done) => done(file(name)) });
          const inside = (entries) => ({ isFile: false, createReader: () => {
            const parts = [entries.slice(0, 1), entries.slice(1), []];
            return { readEntries: (done) => done(parts.shift()) };
          }});
          const item = (entry) => ({ kind: "file", webkitGetAsEntry: () => entry });
          const event = new Event("drop", { cancelable: true });
          const tree = inside([leaf("a.png"), inside([leaf("b.png"), leaf("c.png")])]);
          event.dataTransfer = { items: [item(tree), item(leaf("d.png")), { kind: "string" }] };
          dispatchEvent(event);
        }""",
        b64encode(picture()).decode(),
    )
    expect(page.locator("#list li")).to_have_count(4)
    assert "Registered: 4." in finish(page)


@pytest.mark.parametrize(("width", "dark", "language"), [(390, True, "zh-CN"), (1280, False, "en")])
@pytest.mark.usefixtures("worker", "sequencer")
def test_the_page_is_accessible_before_and_after(
    chromium: Browser, live_server: Any, ann: User, folder: Path, width: int, dark: bool, language: str
) -> None:
    visitor = Visitor(chromium, live_server.url, width=width, dark=dark, language=language)
    visitor.sign_in(ann)
    visitor.look("/works/many", "many")
    add(visitor.page, folder)
    visitor.look_here("many-picked")
    visitor.page.locator("#start").press("Enter")
    expect(visitor.page.locator("#finished")).to_be_visible(timeout=90_000)
    visitor.look_here("many-finished")
    visitor.context.close()
