"""What is read of a page."""

import pytest

from holdout.carriers.html import read_page
from tests.carriers.mutations import mutations

PAGE = b"""<!doctype html><html><head>
<META NAME="Robots" CONTENT="noai, noimageai"><meta content='1' name=tdm-reservation />
<meta name="twitter:title" content="a &quot;b&quot; &gt; c">
<!-- <meta name="hidden" content="x"> --><template><meta name="hidden" content="x"></template>
<script>var s = '<meta name="hidden" content="x">';</script>
<noscript><meta name="hidden" content="x"></noscript>
<title><meta name="hidden" content="x"></title>
<link rel="alternate License" type="application/rsl+xml" href="/l.xml">
<link rel="license" href="/not-rsl">
<script type="application/rsl+xml"><rsl xmlns="r">\xe2\x82\xac</rsl></script>
</head><body><img alt="" src="a.jpg"><meta name="late" content="too"></body></html>"""


def test_what_a_browser_sees_is_read() -> None:
    page = read_page(PAGE)
    assert page.metas == (
        ("robots", "noai, noimageai"),
        ("tdm-reservation", "1"),
        ("twitter:title", 'a "b" > c'),
        ("late", "too"),
    )
    assert page.licences == ("/l.xml",)
    assert page.documents == ('<rsl xmlns="r">€</rsl>'.encode(),)
    assert page.pictures == ("a.jpg",)


@pytest.mark.parametrize(
    "piece",
    [b"<div>", b"<a x='", b'<a x="', b"<!--", b"<script>", b"<a b=c ", b"<", b"<a/", b"<template>", b"&"],
)
def test_a_megabyte_of_anything_takes_no_time(piece: bytes) -> None:
    """Readers that are quadratic need minutes, and the suite ends them."""
    assert read_page(piece * (1_100_000 // len(piece))).notes


def test_more_than_a_megabyte_is_noted() -> None:
    assert [note.code for note in read_page(b" " * 2_000_000).notes] == ["too_long"]


def test_no_broken_page_is_an_error() -> None:
    for _, changed in mutations([PAGE]):
        read_page(changed)


@pytest.mark.parametrize(
    "page",
    [
        b"<!-- x --!><meta name=robots content=noai>",
        b"<!--><meta name=robots content=noai>",
        b"<meta =x name=robots content=noai>",
        b'<meta name="robots"content="noai">',
        b"<meta name=robots content=noai",
    ],
)
def test_what_browsers_forgive_is_read(page: bytes) -> None:
    assert read_page(page).metas == (("robots", "noai"),)
