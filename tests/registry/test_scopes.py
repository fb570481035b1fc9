"""Nobody claims a place where others publish too."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import registry.scopes
from holdout.errors import NotPermitted
from holdout.urls import RuleKey, domain_key, host_key, key_host, path_key, url_key
from registry.scopes import refuse_overreach, shared_hosts


def refusal(key: RuleKey) -> str | None:
    try:
        refuse_overreach(key)
    except NotPermitted as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "art.example.co.uk",
        "someone.github.io",
        "例え.jp",
        "example.unknown-tld",
        "www.shopify.com",
    ],
)
def test_a_host_of_ones_own_can_be_claimed(host: str) -> None:
    assert refusal(host_key(host)) is None
    assert refusal(domain_key(host)) is None
    assert refusal(path_key(f"https://{host}/")) is None
    assert refusal(path_key(f"https://{host}:8080/art/")) is None


@pytest.mark.parametrize(
    "host",
    ["com", "co.uk", "github.io", "any.ck", "公司.cn", "xn--55qx5d.cn", "blogspot.com", "s3.amazonaws.com"],
)
def test_a_public_suffix_is_nobodys(host: str) -> None:
    assert refusal(host_key(host)) == "scope_is_public_suffix"
    assert refusal(domain_key(host)) == "scope_is_public_suffix"
    assert refusal(path_key(f"https://{host}/")) == "scope_is_public_suffix"


@pytest.mark.parametrize("host", ["localhost", "intranet", "192.0.2.7", "0x7f.1", "[2001:db8::7]"])
def test_addresses_and_names_without_a_dot_cannot_be_claimed(host: str) -> None:
    assert refusal(host_key(host)) == "scope_not_claimable"
    assert refusal(domain_key(host)) == "scope_not_claimable"
    assert refusal(path_key(f"http://{host}/")) == "scope_not_claimable"
    assert refusal(path_key(f"http://{host}/art/")) is None


@pytest.mark.parametrize(
    "host",
    [
        *(
            "weibo.com",
            "m.weibo.cn",
            "xiaohongshu.com",
            "www.pixiv.net",
            "bilibili.com",
            "space.bilibili.com",
        ),
        *(
            "instagram.com",
            "x.com",
            "mobile.twitter.com",
            "www.facebook.com",
            "de.pinterest.com",
            "flickr.com",
        ),
        *(
            "behance.net",
            "imgur.com",
            "i.imgur.com",
            "old.reddit.com",
            "i.redd.it",
            "bsky.app",
            "cdn.bsky.app",
        ),
        *("mastodon.social", "files.mastodon.social", "wx1.sinaimg.cn", "i.pximg.net", "i.pinimg.com"),
        *("ci.xhscdn.com", "i0.hdslb.com", "pbs.twimg.com", "scontent-fra3-1.cdninstagram.com", "wp.com"),
        *(
            "static.wixstatic.com",
            "lh3.googleusercontent.com",
            "cdn.shopify.com",
            "i0.wp.com",
            "1.bp.blogspot.com",
        ),
        *("lofter.com", "www.lofter.com", "imglf3.lf127.net", "tumblr.com", "64.media.tumblr.com"),
        *(
            "deviantart.com",
            "www.deviantart.com",
            "a.someone.deviantart.com",
            "i.etsystatic.com",
            "files.wordpress.com",
        ),
    ],
)
def test_a_shared_host_is_nobodys(host: str) -> None:
    assert refusal(host_key(host)) == "scope_is_shared_host"
    assert refusal(domain_key(host)) == "scope_is_shared_host"
    assert refusal(path_key(f"https://{host}/")) == "scope_path_too_broad"


@pytest.mark.parametrize("domain", ["shopify.com", "squarespace.com"])
def test_a_domain_with_a_shared_host_below_it_is_nobodys(domain: str) -> None:
    assert refusal(domain_key(domain)) == "scope_is_shared_host"
    assert refusal(host_key(domain)) is None


@pytest.mark.parametrize(
    "host",
    ["someone.lofter.com", "someone.tumblr.com", "someone.deviantart.com", "someone.files.wordpress.com"],
)
def test_where_users_have_subdomains_exactly_one_label_is_theirs(host: str) -> None:
    assert refusal(host_key(host)) is None
    assert refusal(domain_key(host)) is None
    assert refusal(path_key(f"https://{host}/")) is None
    assert refusal(path_key(f"https://{host}/post/")) is None
    assert refusal(host_key(f"a.{host}")) == "scope_is_shared_host"
    assert refusal(path_key(f"https://a.{host}/post/")) == "scope_path_too_broad"


@pytest.mark.parametrize(
    "url",
    [
        "https://weibo.com/u/1234567890/",
        "https://m.weibo.cn/u/1234567890/",
        "https://www.xiaohongshu.com/user/profile/5f00/",
        "https://space.bilibili.com/208259/",
        "https://www.pixiv.net/en/users/11/",
        "https://www.artstation.com/someone/albums/",
        "https://instagram.com/someone/",
        "https://x.com/someone/media/",
        "https://www.flickr.com/photos/someone/",
        "https://www.reddit.com/user/someone/",
        "https://bsky.app/profile/someone.example/",
        "https://mastodon.social/@media/",
    ],
)
def test_a_users_own_folder_on_a_shared_host_can_be_claimed(url: str) -> None:
    assert refusal(path_key(url)) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://weibo.com/u/",
        "https://weibo.com/someone/",
        "https://www.bilibili.com/208259/",
        "https://instagram.com/p/",
        "https://instagram.com/P/Cxyz/",
        "https://instagram.com/%70/",
        "https://x.com/i/",
        "https://x.com//someone/",
        "https://api.x.com/someone/",
        "https://www.flickr.com/photos/tagged/",
        "https://www.pinterest.com/pin/",
        "https://www.reddit.com/r/art/",
        "https://mastodon.social/@/",
        "https://mastodon.social/media/",
        "https://files.mastodon.social/@someone/",
        "https://i.pximg.net/img-original/img/2024/",
        "https://i0.wp.com/example.com/",
    ],
)
def test_a_folder_that_others_share_is_too_broad(url: str) -> None:
    assert refusal(path_key(url)) == "scope_path_too_broad"


@pytest.mark.parametrize(
    "url",
    [
        "https://weibo.com/",
        "https://i.pximg.net/a.png",
        "http://127.0.0.1/a",
        "http://localhost/",
        "https://com/",
    ],
)
def test_the_key_of_one_url_is_never_too_broad(url: str) -> None:
    assert refusal(url_key(url)) is None


def test_a_neighbour_in_name_of_a_shared_host_is_its_own() -> None:
    assert refusal(domain_key("notx.com")) is None
    assert refusal(domain_key("evil-weibo.com")) is None
    assert refusal(domain_key("weibo.com.example.net")) is None


def test_the_table_is_well_formed() -> None:
    hosts = shared_hosts()
    assert hosts.version == 1
    for name, entry in hosts.by_name.items():
        assert key_host(host_key(name).text) == name
        for pattern in entry.paths:
            assert pattern.startswith("/")
            assert pattern.endswith("{user}/")
            assert pattern.count("{user}") == 1
        assert all(word == word.lower() for word in entry.reserved_at_root)


def test_no_host_stands_twice_in_the_table() -> None:
    text = (Path(registry.scopes.__file__).parent / "data" / "shared_hosts.toml").read_text(encoding="utf-8")
    names = [name for row in tomllib.loads(text)["host"] for name in row["names"]]
    assert len(names) == len(set(names))


@given(
    st.sampled_from(sorted(shared_hosts().by_name)), st.lists(st.sampled_from(["a", "b", "www"]), max_size=3)
)
def test_at_most_one_label_below_a_shared_host_is_ever_claimable(name: str, labels: list[str]) -> None:
    host = ".".join([*labels, name])
    entry = shared_hosts().by_name[name]
    own = entry.users_have_subdomains and len(labels) == 1 and labels != ["www"]
    assert (refusal(host_key(host)) is None) == own
    assert (refusal(domain_key(host)) is None) == own
    assert refusal(url_key(f"https://{host}/")) is None
