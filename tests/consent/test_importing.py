"""Many addresses at once: each is declared once, whatever happens on the way, and each has a result."""

from datetime import UTC, datetime, timedelta
from gzip import compress
from unittest.mock import patch

import pytest

from accounts.models import Organization
from consent import importing
from consent.importing import work_once
from consent.imports import counts_of, import_list, import_sitemap
from consent.models import Import, Statement
from holdout.errors import FetchFailed, InvalidInput, LimitReached
from holdout.fetch import Fetched
from holdout.verdicts import Outcome, Query
from holdout.vocabulary import UsageCategory
from lookup.engine import answer
from registry import quotas, sitemaps
from registry.models import Locator
from registry.services import default_declarant
from tests.factories import NO_AI, settle

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
MAP = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">{}</urlset>'
URL = "https://alice.example/sitemap.xml"


@pytest.fixture
def ann(db: None) -> Organization:
    organization = Organization.objects.create(name="Ann", side="creator")
    default_declarant(organization=organization)
    return organization


def start(ann: Organization, text: str) -> Import:
    return import_list(
        organization=ann, octets=text.encode(), preferences=NO_AI, terms_url="", now=datetime.now(UTC)
    )


def work() -> int:
    pieces = 0
    while work_once(now=datetime.now(UTC)):
        pieces += 1
    return pieces


def results(job: Import) -> list[tuple[str, str]]:
    return list(job.lines.order_by("number").values_list("result", "code"))


def outcome(url: str) -> Outcome:
    settle()
    (verdict,) = answer([Query(url=url)])
    return verdict.uses[UsageCategory.TRAIN_GEN]


def test_each_address_is_declared_and_has_a_result(ann: Organization) -> None:
    job = start(
        ann,
        "https://x.example/1.jpg\n\n# a note\nnonsense\r\nHTTPS://X.example:443/1.jpg\nftp://x.example/\n",
    )
    work()
    job.refresh_from_db()
    assert job.state == "done"
    assert results(job) == [
        ("added", ""),
        ("refused", "url_invalid"),
        ("known", ""),
        ("refused", "url_scheme_unsupported"),
    ]
    assert outcome("https://x.example/1.jpg") is Outcome.DENY


def test_the_same_again_says_nothing_twice(ann: Organization) -> None:
    for result in ("added", "known"):
        job = start(ann, "https://x.example/1.jpg")
        work()
        assert results(job) == [(result, "")]
    assert Statement.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ('title,url\nOne,https://x.example/1\n"Two, or more",https://x.example/2\n', 2),
        ("\ufeffURL\nhttps://x.example/1\n", 1),
        ("网址,名称\nhttps://x.example/1,一\n", 1),
        ("https://x.example/1,2\n", 1),
    ],
)
def test_a_table_has_a_column_of_addresses(ann: Organization, text: str, addresses: int) -> None:
    assert start(ann, text).lines.count() == addresses


@pytest.mark.parametrize(
    ("octets", "code"),
    [(b"", "list_empty"), (b"# only\n\n", "list_empty"), (b"\xff\xfe\x00", "list_not_text")],
)
def test_what_is_no_list_is_refused(ann: Organization, octets: bytes, code: str) -> None:
    with pytest.raises(InvalidInput, match=code):
        import_list(organization=ann, octets=octets, preferences=NO_AI, terms_url="", now=NOW)
    assert not Import.objects.exists()


def test_a_longer_list_than_may_be_is_refused(ann: Organization) -> None:
    with pytest.raises(InvalidInput, match="list_too_long"):
        start(ann, "\n".join(f"https://x.example/{i}" for i in range(50_001)))


def test_who_is_not_proven_may_register_so_much_a_day(
    ann: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quotas, "A_DAY", dict.fromkeys(quotas.A_DAY, 3))
    start(ann, "https://x.example/1\nhttps://x.example/2")
    work()
    with pytest.raises(LimitReached, match="daily_limit"):
        start(ann, "https://x.example/3\nhttps://x.example/4")
    Locator.objects.update(created_at=NOW - timedelta(days=2))
    start(ann, "https://x.example/3\nhttps://x.example/4")


def test_nobody_has_us_fetch_without_end(ann: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    served(monkeypatch, {})
    for _ in range(3):
        import_sitemap(organization=ann, url=URL, preferences=NO_AI, terms_url="")
    with pytest.raises(LimitReached, match="too_many_imports"):
        import_sitemap(organization=ann, url=URL, preferences=NO_AI, terms_url="")
    work()
    Import.objects.update(state="failed")
    import_sitemap(organization=ann, url=URL, preferences=NO_AI, terms_url="")


def test_a_worker_that_dies_leaves_nothing_half_done(ann: Organization) -> None:
    job = start(ann, "\n".join(f"https://x.example/{i}" for i in range(900)))
    assert work_once(now=datetime.now(UTC))
    assert counts_of(job)["added"] == 500
    with (
        patch.object(importing, "declare_many", side_effect=KeyboardInterrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        work_once(now=datetime.now(UTC))
    assert counts_of(job)["added"] == 500
    assert Locator.objects.count() == 500
    work()
    assert counts_of(job) == {"waiting": 0, "added": 900, "known": 0, "refused": 0}
    assert Statement.objects.count() == 900


def test_two_workers_do_not_take_the_same_import(ann: Organization) -> None:
    start(ann, "https://x.example/1")
    later = datetime.now(UTC)
    Import.objects.update(lease_until=later + timedelta(minutes=1))
    assert not work_once(now=later)
    assert work_once(now=later + timedelta(minutes=2))


def test_a_piece_costs_the_same_however_many_it_holds(
    ann: Organization, django_assert_max_num_queries: object
) -> None:
    start(ann, "\n".join(f"https://x.example/{i}" for i in range(500)))
    with django_assert_max_num_queries(40):  # type: ignore[operator]
        work_once(now=datetime.now(UTC))


def served(monkeypatch: pytest.MonkeyPatch, pages: dict[str, bytes]) -> None:
    def fetch(url: str, **_: object) -> Fetched:
        if "away" in url:
            raise FetchFailed("connect_failed", "")
        return Fetched(url, 200 if url in pages else 404, (), pages.get(url, b""))

    monkeypatch.setattr(sitemaps, "fetch", fetch)


def from_map(ann: Organization, url: str = URL) -> Import:
    job = import_sitemap(organization=ann, url=url, preferences=NO_AI, terms_url="")
    work()
    job.refresh_from_db()
    return job


def test_a_site_map_gives_its_pictures(ann: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (
        "<url><loc>https://alice.example/work/1</loc>"
        "<image:image><image:loc>https://cdn.example/1.jpg</image:loc></image:image></url>"
        "<url><loc>https://alice.example/2.PNG?x=1</loc></url>"
    )
    served(monkeypatch, {URL: MAP.format(page).encode()})
    job = from_map(ann)
    assert job.state == "done"
    assert list(job.lines.order_by("number").values_list("target", flat=True)) == [
        "https://cdn.example/1.jpg",
        "https://alice.example/2.PNG?x=1",
    ]
    assert outcome("https://cdn.example/1.jpg") is Outcome.DENY


def test_a_map_of_maps_is_followed_on_its_own_host(
    ann: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = (
        '<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        "<sitemap><loc>https://alice.example/a.xml.gz</loc></sitemap>"
        "<sitemap><loc>https://other.example/b.xml</loc></sitemap>"
        f"<sitemap><loc>{URL}</loc></sitemap></sitemapindex>"
    )
    listed = MAP.format("<url><loc>https://alice.example/1.jpg</loc></url>").encode()
    served(monkeypatch, {URL: index.encode(), "https://alice.example/a.xml.gz": compress(listed)})
    assert from_map(ann).lines.get().target == "https://alice.example/1.jpg"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"<html>", "sitemap_unreadable"),
        (b"\x1f\x8bnonsense", "sitemap_unreadable"),
        (compress(b" " * 60_000_000), "sitemap_unreadable"),
        (compress(MAP.encode())[:-4], "sitemap_unreadable"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><urlset>&x;</urlset>', "sitemap_unreadable"),
        (b'<?xml version="1.0" encoding="nonsense"?><urlset/>', "sitemap_unreadable"),
        (MAP.format("").encode(), "sitemap_empty"),
    ],
)
def test_a_map_that_cannot_be_read_fails_with_a_reason(
    ann: Organization, monkeypatch: pytest.MonkeyPatch, body: bytes, code: str
) -> None:
    served(monkeypatch, {URL: body})
    job = from_map(ann)
    assert (job.state, job.error) == ("failed", code)
    assert not Statement.objects.exists()


def test_a_map_that_is_not_there_fails_with_a_reason(
    ann: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    served(monkeypatch, {})
    assert from_map(ann).error == "sitemap_not_found"
    assert from_map(ann, "https://away.example/s.xml").error == "connect_failed"
