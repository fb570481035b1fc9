"""The doctor and the kit, as a creator meets them."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.translation import override

from holdout.carriers import containers, plus, xmp
from holdout.doctor import visit
from holdout.fetch import Fetched, FetchLimits
from tests.carriers.pictures import frames, saved

pytestmark = pytest.mark.django_db
Says = Callable[..., None]


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Says:
    """A host that answers these header lines with a picture, and 404 for all else."""

    def says(*headers: tuple[str, str]) -> None:
        def fetch(url: str, *, limits: FetchLimits, contact: str) -> Fetched:
            if url.endswith(".jpg"):
                return Fetched(url, 200, (("content-type", "image/jpeg"), *headers), saved("JPEG"))
            return Fetched(url, 404, (), b"")

        monkeypatch.setattr(visit, "fetch", fetch)

    return says


def test_the_doctor_says_what_is_wrong_in_both_languages(client: Client, site: Says) -> None:
    site(("content-usage", "ai-train=no"))
    english = client.get("/doctor", {"url": "x.example/a.jpg"}).content.decode()
    assert "This is the vocabulary of Content-Signal" in english
    assert "img2dataset 1.47.0: keeps it" in english
    with override("zh-hans"):
        chinese = client.get(
            "/doctor", {"url": "x.example/a.jpg"}, HTTP_ACCEPT_LANGUAGE="zh-CN"
        ).content.decode()
    assert "这是 Content-Signal 的用词" in chinese
    assert "收录" in chinese


def test_the_doctor_goes_to_no_inner_host(client: Client) -> None:
    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest", "0x7f.1", "ftp://x.example/"):
        answered = client.get("/doctor", {"url": url})
        assert answered.status_code == 422, url
        assert "Not examined" in answered.content.decode()


def test_nor_for_a_program(vera_key: str) -> None:
    vendor = Client(headers={"Authorization": f"Bearer {vera_key}"})
    assert vendor.get("/v1/doctor", {"url": "http://10.0.0.1/"}).json()["code"] == "address_not_public"


def test_the_doctor_is_not_for_hammering_others(client: Client, site: Says) -> None:
    site()
    answers = [client.get("/doctor", {"url": "x.example/a.jpg"}).status_code for _ in range(8)]
    assert answers == [200] * 6 + [429] * 2


def test_what_a_site_says_never_becomes_markup(client: Client, site: Says) -> None:
    site(("content-usage", "<script>alert(1)</script>"))
    assert "<script>alert" not in client.get("/doctor", {"url": "x.example/a.jpg"}).content.decode()


def test_the_kit_is_shown_and_taken_away(client: Client) -> None:
    asked = {"preset": "no-ai", "site": "https://portfolio.example/gallery"}
    page = client.get("/kit", asked).content.decode()
    assert "Content-Usage: train-ai=n, ai-use=n" in page
    assert "Instagram" in page
    packed = client.get("/kit", {**asked, "format": "zip"})
    assert packed["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as whole:
        assert "robots.txt" in whole.namelist()


@pytest.mark.parametrize(
    "asked",
    [{"preset": "open", "site": "https://x.example/"}, {"preset": "no-ai", "site": ""}, {"site": "x"}],
)
def test_a_kit_that_cannot_be_made_says_why(client: Client, asked: dict[str, str]) -> None:
    answered = client.get("/kit", asked)
    assert answered.status_code == 422
    assert "alert" in answered.content.decode()


def marked(client: Client, file: bytes, **fields: str) -> Any:
    given = {"preset": "no-ai", "statement": "https://portfolio.example/", "name": "Qing"} | fields
    return client.post("/kit/marked", {**given, "picture": SimpleUploadedFile("a.jpg", file)})


def test_a_picture_comes_back_marked_and_unchanged(client: Client) -> None:
    file = saved("PNG")
    answered = marked(client, file)
    assert answered.status_code == 200
    assert answered["Content-Disposition"] == 'attachment; filename="no-ai.png"'
    assert frames(answered.content) == frames(file)
    signal = plus.read(xmp.parse_all(containers.find_xmp(answered.content).found))
    assert signal is not None
    assert "禁止将我的作品用于 AI 训练或 AI 生成。 https://portfolio.example/" in signal.terms


@pytest.mark.parametrize("file", [b"", b"no picture", saved("GIF"), saved("JPEG")[:40]])
def test_what_cannot_be_marked_says_why(client: Client, file: bytes) -> None:
    answered = marked(client, file)
    assert answered.status_code == 422
    assert "errorlist" in answered.content.decode()


def test_the_api_gives_the_same_kit_and_diagnosis(client: Client, vera_key: str, site: Says) -> None:
    vendor = Client(headers={"Authorization": f"Bearer {vera_key}"})
    site(("x-robots-tag", "noai"))
    kit = client.get("/v1/kit", {"site": "https://portfolio.example/"})
    assert kit.json()[0]["file"] == "robots.txt"
    assert (
        client.get("/v1/kit", {"site": "https://x.example/", "format": "zip"})["Content-Type"]
        == "application/zip"
    )
    assert client.get("/v1/kit", {"site": "nonsense"}).json()["code"] == "url_invalid"
    assert client.get("/v1/kit", {"sight": "x"}).json()["code"] == "parameter_unknown"
    found = vendor.get("/v1/doctor", {"url": "http://x.example/a.jpg"}).json()
    assert found["uses"]["train_gen"] == "deny"
    assert client.get("/v1/doctor", {"url": "http://x.example/a.jpg"}).status_code == 401
    assert vendor.get("/v1/doctor").json()["code"] == "url_invalid"
