"""The host table: one key for every rendition of a picture, another for every other picture."""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdout.errors import InvalidInput
from holdout.picture_hosts import (
    TABLE_VERSION,
    account_key,
    host_table_keys,
    named_account_key,
    picture_key,
    registered_picture_key,
    registered_url_key,
)
from holdout.picture_hosts.batch import keys_of_rows
from holdout.picture_hosts.programs import (
    CLASSES,
    CONVERTED_EXTENSIONS,
    IMAGE_EXTENSIONS,
    compile_forms,
    programs,
)
from holdout.picture_hosts.table import Form, host_table
from holdout.url_keys import lines, url_keys
from holdout.urls import CanonicalUrl, KeyKind, RuleKey, canonicalize, key_check, rule_keys, url_key

ROOT = Path(__file__).resolve().parents[2]
TABLE = host_table()
EXAMPLES = [(form, url, key) for form in TABLE.forms for url, key in form.examples.items()]
PLATFORMS = sorted({form.platform for form in TABLE.forms})


def keys(url: str) -> list[str]:
    return [key.text for key in host_table_keys(canonicalize(url))]


def picture(url: str) -> str | None:
    key = picture_key(canonicalize(url))
    return None if key is None else key.text


# --- the table tests itself


def test_the_table_says_its_version() -> None:
    assert TABLE.version == TABLE_VERSION == 1


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_example_has_the_key_that_the_table_gives_it(platform: str) -> None:
    forms = [form for form in TABLE.forms if form.platform == platform]
    written = {url: f"k {platform}:{key}" for form in forms for url, key in form.examples.items()}
    assert written == {url: picture(url) for url in written}
    assert written


def test_every_example_of_an_account_has_it() -> None:
    written = {url: f"a {f.platform}:{user}" for f in TABLE.forms for url, user in f.accounts.items()}
    found = {url: account_key(canonicalize(url)) for url in written}
    assert {url: key and key.text for url, key in found.items()} == written
    assert len(written) >= 5


def test_a_form_that_tells_accounts_has_examples_of_them_and_a_way_to_name_them() -> None:
    for form in TABLE.forms:
        assert bool(form.account) == bool(form.accounts), form.platform
        for user in form.accounts.values():
            assert named_account_key(f"{form.platform}:{user}").text == f"a {form.platform}:{user}"
    assert set(TABLE.users) == {form.platform for form in TABLE.forms if form.account}


@pytest.mark.parametrize("url", [url for form in TABLE.forms for url in form.strangers])
def test_what_only_looks_alike_has_no_key(url: str) -> None:
    assert keys(url) == []


def test_every_example_reads_as_its_form_is_written() -> None:
    for form, url, key in EXAMPLES:
        assert f"k {form.platform}:{key}" in read_slowly(canonicalize(url)), url


def test_the_same_table_is_compiled_to_the_same_arrays() -> None:
    again = compile_forms(TABLE.forms)
    assert [array.tolist() for array in programs()] == [array.tolist() for array in again]


def test_naming_an_account_loads_nothing_heavy() -> None:
    code = "from holdout.picture_hosts import named_account_key as n; import sys; n('weibo:1669879400'); "
    code += "sys.exit(bool({'numpy', 'numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


# --- one picture, one key


@pytest.mark.parametrize(
    "urls",
    [
        [
            f"https://{host}.sinaimg.cn/{size}/006Fd7o3gy1i0vhz99eijj31k0160b29{ext}"
            for host in ("wx1", "ww4", "tvax3", "tva2", "ws1")
            for size in ("large", "mw690", "mw2000", "orj360", "bmiddle", "thumb150", "original", "square")
            for ext in (".jpg", ".gif", "", ".webp")
        ],
        [
            f"https://i.pximg.net{size}/{kind}/img/2025/06/05/18/10/08/131206066_p0{suffix}"
            for size in ("", "/c/600x600", "/c/250x250_80_a2", "/c/1200x1200_80_webp")
            for kind, suffix in (
                ("img-original", ".png"),
                ("img-master", "_master1200.jpg"),
                ("img-master", "_square1200.jpg"),
                ("custom-thumb", "_custom1200.jpg"),
            )
        ],
        [
            f"https://i.pinimg.com/{size}/a7/7c/67/a77c67f95a4fec64de7969e98f29cf3b.{ext}"
            for size in ("originals", "1200x", "736x", "564x", "474x", "236x", "75x75_RS", "600x315")
            for ext in ("jpg", "png", "gif", "webp")
        ],
        [
            f"https://cdn.shopify.com/s/files/1/0086/4547/6409/products/tide{crop}.jpg{query}"
            for size in (
                *("", "_pico", "_icon", "_thumb", "_small", "_compact", "_medium", "_large", "_grande"),
                *("_original", "_master", "_100x", "_x480", "_600x600", "_1024x1024", "_2048x2048"),
            )
            for crop in (size, f"{size}_crop_center", f"{size}@2x", f"{size}.progressive")
            for query in ("", "?v=1573193252", "?v=2&width=450&height=300&crop=center")
        ],
        [
            f"{site}/wp-content/uploads/2020/07/tide{size}.jpg{query}"
            for site in ("https://art.example", "http://art.example:80", "https://i2.wp.com/art.example")
            for size in (
                "",
                "-scaled",
                "-150x150",
                "-1024x573",
                "-768x1024",
                "-300x200@2x",
                "-scaled-300x200",
            )
            for query in ("", "?resize=300%2C200&ssl=1", "?w=570", "?v=3")
        ],
        [
            f"https://pbs.twimg.com/media/EBGbJe_U8AA4Ekb{tail}"
            for tail in (
                *(".jpg", ".jpg:large", ".jpg:orig", ".png?name=small", "?format=jpg&name=large"),
                *("?format=webp&name=4096x4096", ".jpg:thumb"),
            )
        ],
        [
            f"https://live.staticflickr.com/65535/52428505567_0123456789{size}.{ext}"
            for size in ("", "_s", "_q", "_t", "_m", "_n", "_z", "_c", "_b", "_h", "_k", "_o", "_3k", "_b_d")
            for ext in ("jpg", "png")
        ],
        [
            f"https://i.imgur.com/c7EXjJu{tail}"
            for tail in (
                ".jpg",
                ".png",
                "s.jpg",
                "b.jpg",
                "t.jpg",
                "m.jpg",
                "l.jpg",
                "h.jpg",
                "_d.webp?maxwidth=9",
            )
        ],
        [
            f"https://i{n}.hdslb.com/bfs/album/37f77871d417c76a08a9467527e9670810c4c442.gif{tail}"
            for n in range(3)
            for tail in ("", "@672w", "@1036w.webp", "@208w_208h_1e_1c.webp")
        ],
        [
            f"https://m.media-amazon.com/images/I/71x-uQidj6L{size}.jpg"
            for size in ("", "._SL1500_", "._AC_SX679_", "._SX38_SY50_CR,0,0,38,50_", "._UL1500_")
        ],
        [
            f"https://ae01.alicdn.com/kf/H5c1bd3ad991b4553a76c35bfe0f4cec3a.jpg{tail}"
            for tail in ("", "_640x640.jpg", "_Q90.jpg_.webp", "_220x220q75.jpg_.avif", "_50x50.jpg")
        ],
        [
            f"https://static.wixstatic.com/media/ceec1b_45f0~mv2.jpg{tail}"
            for tail in (
                "",
                "/v1/fill/w_400,h_180,al_c,q_80/a.jpg",
                "/v1/crop/x_1,y_2/fill/w_4/b.webp?token=x",
            )
        ],
        [
            f"https://{n}.bp.blogspot.com/-3JxbVuKpLkU/XQgmusYgJlI/AAAAAAAAAi4/SgRSOt9tXsw/{size}/tide.png"
            for n in (1, 4)
            for size in ("s0", "s1600", "s72-c", "w400-h300", "d", "S250", "s320-rw")
        ],
        [
            f"https://preview.redd.it/4pa2ctbgk4e51.jpg{query}"
            for query in ("", "?width=640&crop=smart&auto=webp&s=0d6e6f", "?width=108&s=ffff")
        ],
    ],
    ids=lambda urls: urls[0].split("/")[2],
)
def test_every_rendition_of_a_picture_has_its_key(urls: list[str]) -> None:
    found = {picture(url) for url in urls}
    assert len(found) == 1
    assert None not in found


@pytest.mark.parametrize(
    "urls",
    [
        [
            "https://wx1.sinaimg.cn/large/006Fd7o3gy1i0vhz99eijj31k0160b29.jpg",
            "https://wx1.sinaimg.cn/large/006Fd7o3gy1i0vhz99eijj31k0160b28.jpg",
            "https://wx1.sinaimg.cn/large/006Fd7o4gy1i0vhz99eijj31k0160b29.jpg",
        ],
        [
            "https://i.pximg.net/img-original/img/2025/06/05/18/10/08/131206066_p0.jpg",
            "https://i.pximg.net/img-original/img/2025/06/05/18/10/08/131206066_p1.jpg",
            "https://i.pximg.net/img-original/img/2025/06/05/18/10/08/131206067_p0.jpg",
        ],
        [
            "https://art.example/wp-content/uploads/2020/07/tide.jpg",
            "https://art.example/wp-content/uploads/2020/07/tide.png",
            "https://art.example/wp-content/uploads/2020/07/tide-1.jpg",
            "https://art.example/wp-content/uploads/2020/07/tide-4x4.jpg",
            "https://art.example/wp-content/uploads/2020/07/tide-24x36.jpg",
            "https://art.example/wp-content/uploads/2020/07/tide-e1508257650939.jpg",
            "https://art.example/wp-content/uploads/2020/08/tide.jpg",
            "https://art.example/wp-content/uploads/sites/2/2020/07/tide.jpg",
            "https://art.example/en/wp-content/uploads/2020/07/tide.jpg",
            "https://art.example:8443/wp-content/uploads/2020/07/tide.jpg",
            "https://www.art.example/wp-content/uploads/2020/07/tide.jpg",
        ],
        [
            "https://cdn.shopify.com/s/files/1/0086/4547/6409/products/tide.jpg",
            "https://cdn.shopify.com/s/files/1/0086/4547/6409/products/tide_16x20.jpg",
            "https://cdn.shopify.com/s/files/1/0086/4547/6409/products/tide_2.jpg",
            "https://cdn.shopify.com/s/files/1/0086/4547/6409/files/tide.jpg",
            "https://cdn.shopify.com/s/files/1/0086/4547/6408/products/tide.jpg",
            "https://art.example/cdn/shop/products/tide.jpg",
            "https://www.art.example/cdn/shop/products/tide.jpg",
        ],
        ["https://i.ytimg.com/vi/2SCzxN4e2EQ/0.jpg", "https://i.ytimg.com/vi/2SCzxN4e2EP/0.jpg"],
        [
            "https://i.imgur.com/c7EXjJu.jpg",
            "https://i.imgur.com/c7EXjJ2.jpg",
            "https://i.imgur.com/abcde.jpg",
        ],
        [
            "https://upload.wikimedia.org/wikipedia/commons/f/fe/Tide.jpg",
            "https://upload.wikimedia.org/wikipedia/en/f/fe/Tide.jpg",
            "https://upload.wikimedia.org/wikipedia/commons/f/fe/Tide.png",
        ],
    ],
    ids=lambda urls: urls[0].split("/")[2],
)
def test_different_pictures_have_different_keys(urls: list[str]) -> None:
    found = [picture(url) for url in urls]
    assert None not in found
    assert [pair for pair in combinations(urls, 2) if picture(pair[0]) == picture(pair[1])] == []


def test_no_two_platforms_share_a_key() -> None:
    by_key: dict[str, set[str]] = {}
    for form, url, _ in EXAMPLES:
        by_key.setdefault(str(picture(url)), set()).add(form.platform)
    assert all(len(platforms) == 1 for platforms in by_key.values())


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://sinaimg.cn.example.com/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://evil-sinaimg.cn/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://sinaimg.cn/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://wx1.sinaimg.cn:8080/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://a.wx1.sinaimg.cn:1/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://wx1.sinaimg.cn/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://wx1.sinaimg.cn/large/x/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://wx1.sinaimg.cn/?/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg",
        "https://pinimg.com/736x/a7/7c/67/a77c67f95a4fec64de7969e98f29cf3b.jpg",
        "https://i.pinimg.com./736x/a7/7c/67/",
        "https://[2001:db8::1]/cdn/shopping/files/a.jpg",
        "http://192.0.2.7/",
        "http://127.net/img/S1d2QlVsWkJhSW1qcnpIS0ZSa3ZJUFczb2RKSVlpMHJkNy9kc3BSQVQvQm5DNzB4eVhxay9nPT0.png",
        "https://i0.wp.com/localhost/wp-content/uploads/a.jpg",
        "https://i0.wp.com/192.0.2.7/wp-content/uploads/a.jpg",
        "https://i0.wp.com/a..b/wp-content/uploads/a.jpg",
        "https://i0.wp.com/example.com/?/wp-content/uploads/a.jpg",
        "https://example.com/wp-content/uploads/",
        "https://example.com/wp-content/uploads/.jpg",
        "https://example.com/wp-content/uploads/a",
    ],
)
def test_another_host_port_or_path_has_no_key(url: str) -> None:
    assert keys(url) == []


def test_a_host_below_a_known_one_is_known() -> None:
    assert picture("https://new.shard.sinaimg.cn/large/69917555gw1f6ggdghk28j20c87lbhdt.jpg")


# --- whose it is


@pytest.mark.parametrize(
    ("pid", "user"),
    [
        ("63885668ly8fjf57kfmgfj20ro0ro0u7", "1669879400"),
        ("5f5b23d7gy1hygkp2zpfnj20zk1hj44u", "1599808471"),
        ("006Fd7o3gy1i0vhz99eijj31k0160b29", "6105753431"),
        ("002NQ2vhly1gqzqfk1agfj62981aw4qr02", "2568708811"),
        ("g0000000gy1i0vhz99eijj31k0160b29", None),
        ("6105753Xgy1i0vhz99eijj31k0160b29", None),
        ("00000000gy1i0vhz99eijj31k0160b29", None),
    ],
)
def test_a_weibo_picture_names_its_uploader_unless_its_code_is_none(pid: str, user: str | None) -> None:
    url = canonicalize(f"https://wx1.sinaimg.cn/large/{pid}.jpg")
    assert picture_key(url) == RuleKey(KeyKind.PICTURE, f"k weibo:{pid}")
    assert account_key(url) == (None if user is None else RuleKey(KeyKind.ACCOUNT, f"a weibo:{user}"))


@pytest.mark.parametrize("user", ["1669879400", "10000", "999999999999"])
def test_an_account_is_named_as_the_urls_name_it(user: str) -> None:
    assert named_account_key(f"weibo:{user}") == RuleKey(KeyKind.ACCOUNT, f"a weibo:{user}")


@pytest.mark.parametrize(
    ("account", "code"),
    [
        ("", "account_malformed"),
        ("weibo", "account_malformed"),
        ("weibo:", "account_malformed"),
        (":1669879400", "account_malformed"),
        ("weibo:1234", "account_malformed"),
        ("weibo:01669879400", "account_malformed"),
        ("weibo:alice", "account_malformed"),
        ("weibo:1669879400 ", "account_malformed"),
        ("weibo:１６６９８７９４００", "account_malformed"),
        ("Weibo:1669879400", "account_unknown_platform"),
        ("pixiv:1669879400", "account_unknown_platform"),
        ("https://weibo.com/u/1669879400", "account_unknown_platform"),
    ],
)
def test_what_is_no_account_of_a_known_platform_is_refused(account: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        named_account_key(account)
    assert caught.value.code == code


# --- registration


def test_a_url_of_a_known_host_is_registered_as_its_picture() -> None:
    url = "https://i.pinimg.com/736x/a7/7c/67/a77c67f95a4fec64de7969e98f29cf3b.jpg"
    expected = RuleKey(KeyKind.PICTURE, "k pinterest:a77c67f95a4fec64de7969e98f29cf3b")
    assert registered_url_key(url) == registered_picture_key(url) == expected


def test_any_other_url_is_registered_as_itself() -> None:
    url = "https://example.com/tide.jpg?v=2"
    assert registered_url_key(url) == url_key(url)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://example.com/tide.jpg", "picture_host_unknown"),
        ("https://i.pinimg.com/", "picture_host_unknown"),
        ("tide.jpg", "url_invalid"),
        ("ftp://i.pinimg.com/", "url_scheme_unsupported"),
    ],
)
def test_a_picture_to_register_stands_on_a_known_host(url: str, code: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        registered_picture_key(url)
    assert caught.value.code == code


def test_the_keys_of_a_url_have_their_order_and_their_check() -> None:
    url = canonicalize("https://wx1.sinaimg.cn/large/63885668ly8fjf57kfmgfj20ro0ro0u7.jpg")
    picture_, account = host_table_keys(url)
    folder, host = rule_keys(url)[1], rule_keys(url)[3]
    assert [folder.kind, host.kind] == [KeyKind.PATH, KeyKind.HOST]
    assert picture_.specificity > folder.specificity > account.specificity > host.specificity
    assert len(key_check(picture_.text)) == 16


# --- many at once


def rows_of(texts: list[bytes], spare: bytes = b"  ") -> tuple[bytes, np.ndarray, np.ndarray]:
    arena, starts = b"", []
    for text in texts:
        arena += spare
        starts.append(len(arena))
        arena += text
    return arena, np.array(starts, np.int64), np.array([len(text) for text in texts], np.int32)


def test_a_batch_has_the_keys_of_its_rows_and_none_for_failed_ones() -> None:
    urls = [url for _, url, _ in EXAMPLES] * 40
    texts = [canonicalize(url).surt.encode() if i % 7 else b"" for i, url in enumerate(urls)]
    arena, start, length = rows_of(texts)
    found = keys_of_rows(np.frombuffer(arena, np.uint8), start, length)
    batch = [
        (row, kind, found.text[begin : begin + size].tobytes().decode())
        for row, kind, begin, size in zip(found.row, found.kind, found.start, found.length, strict=True)
    ]
    alone = [
        (row, {KeyKind.PICTURE: 4, KeyKind.ACCOUNT: 5}[key.kind], key.text)
        for row, url in enumerate(urls)
        if row % 7
        for key in host_table_keys(canonicalize(url))
    ]
    assert batch == alone
    assert len(batch) > 5_000


def test_many_rows_need_more_than_one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdout.picture_hosts.batch._ROOM", 3)
    monkeypatch.setattr("holdout.picture_hosts.batch._BYTES_A_ROW", 1)
    urls = [url for _, url, _ in EXAMPLES]
    arena, start, length = rows_of([canonicalize(url).surt.encode() for url in urls])
    found = keys_of_rows(np.frombuffer(arena, np.uint8), start, length)
    pictures = found.kind == 4
    assert found.row[pictures].tolist() == list(range(len(urls)))
    texts = [found.text[b : b + n].tobytes().decode() for b, n in zip(found.start, found.length, strict=True)]
    assert [t for t, is_picture in zip(texts, pictures, strict=True) if is_picture] == [
        picture(u) for u in urls
    ]


def test_the_longest_url_has_a_key() -> None:
    name = "a" * 8_100
    assert picture(f"https://a.example/wp-content/uploads/{name}-300x200.jpg") == (
        f"k wordpress:example,a)/wp-content/uploads/{name}.jpg"
    )


def test_no_rows_have_no_keys() -> None:
    found = keys_of_rows(np.empty(0, np.uint8), np.empty(0, np.int64), np.empty(0, np.int32))
    assert [len(column) for column in found] == [0, 0, 0, 0, 0]


# --- against a reading of the same forms with Python's strings, which knows nothing of programs and kernels


HOSTS = sorted({host.replace("*.", "x.") for form in TABLE.forms for host in form.hosts if host != "*"})
SEGMENTS = sorted({segment for _, url, _ in EXAMPLES for segment in canonicalize(url).path.split("/")})
BITS = [
    *(
        "-300x200",
        "_600x",
        "_x480",
        "-16x20",
        "-scaled",
        "@2x",
        ".progressive",
        "_large",
        ".jpg",
        ".webp",
        "!x",
        "@9w",
    ),
    *(
        "i-",
        "v2-",
        "=s0",
        "--a",
        "_d",
        "//",
        "/",
        "?",
        ".",
        "%2A",
        "*",
        "/wp-content/uploads/",
        "/cdn/shop/files/",
        ":",
    ),
    *("a", "Z", "0", "é"),
]


@st.composite
def nearly_known(draw: st.DrawFn) -> str:
    """An example with some of it left out, doubled or replaced."""
    url = draw(st.sampled_from(EXAMPLES))[1]
    for _ in range(draw(st.integers(0, 4))):
        i, j = sorted(draw(st.lists(st.integers(8, len(url)), min_size=2, max_size=2)))
        between = draw(st.sampled_from(["", url[i:j], *BITS]))
        url = url[:i] + between + url[draw(st.sampled_from([i, j])) :]
    return url


def anything() -> st.SearchStrategy[str]:
    """Parts of several examples on any host."""
    return st.builds(
        lambda host, port, parts, query: f"https://{host}{port}/{'/'.join(parts)}{query}",
        st.sampled_from([*HOSTS, "example.com", "192.0.2.7", "[::1]", "localhost"]),
        st.sampled_from(["", "", "", ":8080"]),
        st.lists(st.sampled_from(SEGMENTS) | st.sampled_from(BITS) | st.text(max_size=5), max_size=9),
        st.sampled_from(["", "?", "?v=1", "?/wp-content/uploads/a.jpg", "#x"]),
    )


@given(nearly_known() | anything())
@example("https://i0.wp.com/a.b/wp-content/uploads//wp-content/uploads/a-300x200.jpg.webp.avif")
@example("https://x.smugmug.com/i-/i-abcdef/1/a.jpg")
@example("https://x.smugmug.com/i-abcdef/i-ghijkl/1/2/a.jpg")
@example("https://ae01.alicdn.com/kf/H5c1bd3ad991b4553a76c35bfe0f4cec3a.jpg_.jpg_.jpg")
@example("https://a.b/cdn/shop/files/_600x600.jpg")
@example("https://a.b/cdn/shop/files/a_large_600x600_crop_top@2x.progressive.png.webp")
@example("https://a.b/cdn/shop/files/a_x9999x100.jpg")
def test_the_kernel_reads_urls_as_the_forms_are_written(url: str) -> None:
    try:
        canonical = canonicalize(url)
    except InvalidInput:
        return
    assert [key.text for key in host_table_keys(canonical)] == list(read_slowly(canonical))


@given(
    st.binary(max_size=80) | st.sampled_from(EXAMPLES).map(lambda e: canonicalize(e[1]).surt.encode()),
    st.data(),
)
def test_a_row_is_read_by_itself_whatever_stands_around_it(text: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)), label="cut")
    rows = [text[:cut], text, text[cut:], text[::-1]]
    answers = []
    for spare in (b"  ", b")/", b"/wp-content/uploads/a.jpg?", b"\x00\xff"):
        arena, start, length = rows_of(rows, spare)
        found = keys_of_rows(np.frombuffer(arena + spare, np.uint8), start, length)
        answers.append([column.tolist() for column in found])
    assert all(answer == answers[0] for answer in answers)


def read_slowly(url: CanonicalUrl) -> Iterator[str]:
    """The keys that the table's texts give `url`."""
    for form in forms_of(url):
        for path in form.paths:
            names = {"authority": url.surt.partition(")/")[0] + ")"}
            if fits(path, url.path, names):
                picture_ = filled(form.key, names)
                yield from [f"k {form.platform}:{picture_}"] if picture_ is not None else []
                account = filled(form.account, names)
                yield from [f"a {form.platform}:{account}"] if account else []
                return


def forms_of(url: CanonicalUrl) -> Iterator[Form]:
    labels = url.host.split(".")
    names = [url.host, *("*." + ".".join(labels[i:]) for i in range(1, len(labels)))]
    for name in ["*"] if url.port else [*names, "*"]:
        yield from (form for form in TABLE.forms if name in form.hosts)


def fits(pattern: str, path: str, names: dict[str, str]) -> bool:
    if not pattern:
        return not path
    if pattern.startswith("{up to "):
        wanted, _, pattern = pattern[len("{up to ") :].partition("}")
        before, found, path = path.partition(wanted)
        names["before"] = before + found
        return bool(found) and fits("/" + pattern, "/" + path, names)
    segment, rest = re.match(r"/((?:[^{}/]|\{[^{}]*\})*)(.*)", pattern, re.DOTALL).groups()  # type: ignore[union-attr]
    segment, opened, after = segment.partition("{up to ")
    if opened:  # it follows the segment without a slash of its own
        rest = opened + after + rest
    if not path.startswith("/"):
        return False
    if segment == "**" and not rest:
        return True
    if segment == "**":
        wanted = re.match(r"/([^{}/]*)", rest)[1]  # type: ignore[index]
        while path and not path[1:].startswith(wanted):
            path = path[1:][path[1:].find("/") :] if "/" in path[1:] else ""
        return bool(path) and fits(rest, path, names)
    if folders := re.match(r"\{(\w*)\.\.\.\}", segment):
        cut = path.rindex("/") + 1
        names[folders[1]] = path[1:cut]
        return window_fits(segment[folders.end() :], path[cut:], names) and not rest
    found_segment, slash, behind = path[1:].partition("/")
    segment = "{:any}" if segment == "*" else segment
    return window_fits(segment, found_segment, names) and fits(rest, slash + behind, names)


def window_fits(pattern: str, text: str, names: dict[str, str]) -> bool:
    tokens = re.findall(r"\{[^{}]*\}|[^{}]+", pattern)
    while tokens and re.match(r"\{(trim |cut |(\w+:)?\.image)", tokens[-1]):
        shorter = without(tokens.pop()[1:-1], text, names)
        if shorter is None:
            return False
        text = shorter
    for token in tokens:
        rest = behind(token, text, names)
        if rest is None:
            return False
        text = rest
    return not text


def without(token: str, text: str, names: dict[str, str]) -> str | None:
    if size := re.fullmatch(r"trim (.)W(\??)xH(\??)", token):
        found = re.fullmatch(rf"(.+){re.escape(size[1])}(\d{{0,4}})x(\d{{0,4}})", text, re.DOTALL)
        if found and max(len(found[2]), len(found[3])) >= 3 and (size[2] or (found[2] and found[3])):
            return found[1]
        return text
    if token.startswith("trim "):
        words = [w for w in token[len("trim ") :].split("|") if text.endswith(w) and len(text) > len(w)]
        return text.removesuffix(max(words, key=len, default=""))
    if token.startswith("cut .jpg"):
        for i, character in enumerate(text):
            if character == token[-1] and is_image(text[:i]):
                return text[:i]
        return text
    if token.startswith("cut "):
        return text.partition(token[-1])[0]
    name, optional = re.fullmatch(r"(?:(\w+):)?\.image(\??)", token).groups()  # type: ignore[union-attr]
    if not is_image(text):
        return text if optional else None
    stem, _, extension = text.rpartition(".")
    if extension.lower() in CONVERTED_EXTENSIONS and is_image(stem):
        stem, _, extension = stem.rpartition(".")
    if name:
        names[name] = extension
    return stem


def is_image(text: str) -> bool:
    stem, _, extension = text.rpartition(".")
    return bool(stem) and extension.isascii() and extension.lower() in IMAGE_EXTENSIONS


def behind(token: str, text: str, names: dict[str, str]) -> str | None:
    if not token.startswith("{"):
        return text.removeprefix(token) if text.startswith(token) else None
    token = token[1:-1].replace(":uuid", ":dashed 36")
    if token.startswith("after "):
        return text.rpartition(token[-1])[2] if token[-1] in text else None
    if "=" in token and ":" not in token:
        name, _, words = token.partition("=")
        fitting = [word for word in words.split("|") if text.startswith(word)]
        if not fitting:
            return None
        names[name] = max(fitting, key=len)
        return text.removeprefix(names[name])
    name, kind, fewest, most = re.fullmatch(r"(\w*):(\w+)(?: (\d+)(?:-(\d+))?)?", token).groups()  # type: ignore[union-attr]
    fewest, most = fewest or "1", most or fewest or "8192"
    size = 0
    while size < min(len(text), int(most)) and (kind == "any" or text[size] in CLASSES[kind]):
        size += 1
    names[name] = text[:size]
    return text[size:] if size >= int(fewest) else None


def filled(template: str, names: dict[str, str]) -> str | None:
    made = ""
    for literal, name, conversion in re.findall(r"([^{}]+)|\{(\w+)\|?(\w*)\}", template):
        text = names.get(name, "")
        if conversion == "reversed":
            labels = text.lower().split(".")
            good = re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", text.lower()) and not labels[-1][0].isdigit()
            if not good:
                return None
            text = ",".join(reversed(labels))
        elif conversion == "weibo_uid":
            try:
                number = base62(text[2:8]) if text[:2] == "00" else int(text[:8], 16)
            except ValueError:
                return None
            if not number or not re.fullmatch("[0-9a-f]{8}|00.{6}", text[:8]):
                return None
            text = str(number)
        made += literal or text
    return made


def base62(text: str) -> int:
    digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return sum(digits.index(c) * 62**i for i, c in enumerate(reversed(text)))


@pytest.mark.parametrize("commas", [100, 5_000, 8_100])
@pytest.mark.parametrize("others", [0, 300])
def test_a_text_far_longer_than_its_url_ends_the_search_too(commas: int, others: int) -> None:
    """SURT writes a comma of a host as three bytes; the loop once waited for room that never came."""
    url = f"http://{',' * commas}.com/wp-content/uploads/2020/07/tide.jpg"
    rows = [url[:8_192], *["https://example.org/a.jpg"] * others]
    buffer = np.frombuffer("\n".join(rows).encode(), np.uint8)
    assert len(url_keys(buffer, *lines(buffer))) == len(rows)
