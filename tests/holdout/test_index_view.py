from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdout.errors import InvalidInput
from holdout.index.files import Tables
from holdout.index.keys import file_keys, packed_key, text_keys
from holdout.index.records import RANKS, Kind
from holdout.index.table import Table
from holdout.index.view import View
from holdout.url_keys import url_keys
from holdout.urls import RuleKey, canonicalize, domain_key, host_key, path_key, rule_keys, url_key
from holdout.verdicts import AsOf
from tests.holdout.index_tables import (
    LEAF,
    TIME,
    asked_urls,
    contents,
    file_key,
    found_lines,
    records,
    table_of,
    text_key,
)

CAT = "https://sub.example.com/art/cats/one.jpg"
_PLACES = (Kind.PATH, Kind.HOST, Kind.DOMAIN, Kind.ACCOUNT)


def _table(said: Mapping[str, Sequence[int]]) -> Table:
    """A table of texts, each record with the kind of its text's tag."""
    keys = text_keys([text.encode() for text in said])
    lines = records([number for numbers in said.values() for number in numbers], Kind.URL)
    lines["kind"] = np.repeat(keys.kind, [len(numbers) for numbers in said.values()])
    return Table.build(
        probes=keys.probe,
        checks=keys.check,
        counts=np.array([len(numbers) for numbers in said.values()], dtype=np.uint32),
        records=lines,
    )


def _tables(said: Mapping[str, Sequence[int]], files: Mapping[bytes, Sequence[int]]) -> Tables:
    places = {text: numbers for text, numbers in said.items() if text[0] in "phda"}
    urls = {text: numbers for text, numbers in said.items() if text not in places}
    by_digest = {file_key(digest): numbers for digest, numbers in files.items()}
    return Tables(_table(urls), _table(places), table_of(by_digest, Kind.FILE), Table.nothing())


def _view(
    said: Mapping[str, Sequence[int]],
    changes: Mapping[str, Sequence[int]] | None = None,
    *,
    files: Mapping[bytes, Sequence[int]] | None = None,
    changed_files: Mapping[bytes, Sequence[int]] | None = None,
) -> View:
    return View(
        version=1,
        as_of=AsOf(0, TIME),
        leaf_hash=LEAF,
        base=_tables(said, files or {}),
        overlay=_tables(changes or {}, changed_files or {}),
    )


def _packed(*texts: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(map(packed_key, texts)), dtype=np.uint8).reshape(-1, 16)


def test_a_url_finds_what_is_said_of_it_and_of_every_place_it_lies_in_most_specific_first() -> None:
    keys: list[RuleKey] = [
        domain_key("example.com"),
        path_key("https://sub.example.com/"),
        host_key("sub.example.com"),
        url_key(CAT),
        path_key("https://sub.example.com/art/cats/"),
        domain_key("sub.example.com"),
        path_key("https://sub.example.com/art/"),
    ]
    view = _view({key.text: [number] for number, key in enumerate(keys, start=1)})
    asked = asked_urls(["https://nobody.example/", CAT])
    assert found_lines(view.urls(asked)) == [
        (1, Kind.URL, len(keys[3].text), 4),
        (1, Kind.PATH, len(keys[4].text), 5),
        (1, Kind.PATH, len(keys[6].text), 7),
        (1, Kind.PATH, len(keys[1].text), 2),
        (1, Kind.HOST, len(keys[2].text), 3),
        (1, Kind.DOMAIN, len(keys[5].text), 6),
        (1, Kind.DOMAIN, len(keys[0].text), 1),
    ]


def test_pictures_rank_with_urls_and_accounts_between_paths_and_hosts() -> None:
    exact, account, picture = url_key(CAT), "a weibo:1669879400", "k weibo:63899"
    texts = [exact.text, account, picture, "p com,example,sub)/art/", "h com,example,sub"]
    view = _view({text: [number] for number, text in enumerate(texts)})
    asked = asked_urls([CAT], extra=[(0, Kind.ACCOUNT, account), (0, Kind.PICTURE, picture)])
    assert [(kind, number) for _, kind, _, number in found_lines(view.urls(asked))] == [
        (Kind.URL, 0),
        (Kind.PICTURE, 2),
        (Kind.PATH, 3),
        (Kind.ACCOUNT, 1),
        (Kind.HOST, 4),
    ]


def test_every_statement_about_a_key_is_a_line() -> None:
    view = _view({url_key(CAT).text: [3, 1, 2], "h com,example,sub": []})
    assert [number for *_, number in found_lines(view.urls(asked_urls([CAT])))] == [3, 1, 2]


def test_what_the_overlay_says_of_a_key_replaces_what_the_base_says() -> None:
    exact, host, domain = url_key(CAT).text, "h com,example,sub", "d com,example"
    base = {exact: [1, 2], host: [3], domain: [4]}
    view = _view(base, {exact: [5], host: [], "p com,example,sub)/art/": [6]})
    assert [number for *_, number in found_lines(view.urls(asked_urls([CAT])))] == [5, 6, 4]
    assert [number for *_, number in found_lines(view.packed(_packed(exact, host, domain)))] == [5, 4]


def test_a_probe_without_the_equal_check_is_no_hit() -> None:
    probe, check = text_key(url_key(CAT).text)
    other = bytes([check[0] ^ 1]) + check[1:]
    late = check[:15] + bytes([check[15] ^ 1])
    for wrong in (other, late):
        nothing = Table.nothing()
        base = Tables(table_of({(probe, wrong): [1]}, Kind.URL), nothing, nothing, nothing)
        view = View(version=1, as_of=AsOf(0, TIME), leaf_hash=LEAF, base=base, overlay=Tables.nothing())
        assert found_lines(view.urls(asked_urls([CAT]))) == []
        # The overlay's own key with that probe hides nothing of the base's.
        right = Tables(table_of({(probe, check): [2]}, Kind.URL), nothing, nothing, nothing)
        view = View(version=1, as_of=AsOf(0, TIME), leaf_hash=LEAF, base=right, overlay=base)
        assert [number for *_, number in found_lines(view.urls(asked_urls([CAT])))] == [2]


def test_a_row_that_cannot_be_read_has_no_lines() -> None:
    """Its probe is 0 and its text empty; even a key that looks like that is not found for it."""
    probe, check = 0, sha256(b"u ").digest()[:16]
    base = Tables.nothing()._replace(urls=table_of({(probe, check): [1]}, Kind.URL))
    view = View(version=1, as_of=AsOf(0, TIME), leaf_hash=LEAF, base=base, overlay=Tables.nothing())
    assert found_lines(view.urls(asked_urls(["no address", "https://", "ftp://example.com/"]))) == []


def test_rows_with_errors_do_not_shift_their_neighbours() -> None:
    view = _view({url_key(CAT).text: [1], "d com,example": [2]})
    asked = asked_urls(["", CAT, "no address", "https://x.example.com/", CAT])
    rows = [(row, number) for row, *_, number in found_lines(view.urls(asked))]
    assert rows == [(1, 1), (1, 2), (3, 2), (4, 1), (4, 2)]


def test_files_are_found_by_their_whole_digest() -> None:
    digests = [sha256(bytes([n])).digest() for n in range(4)]
    other = digests[0][:23] + bytes([digests[0][23] ^ 1]) + digests[0][24:]
    view = _view({}, files={digests[0]: [1], digests[1]: [2, 3]}, changed_files={digests[1]: [4]})
    asked = np.frombuffer(b"".join([*digests, other, digests[1]]), dtype=np.uint8).reshape(-1, 32)
    assert found_lines(view.files(asked)) == [
        (0, Kind.FILE, 0, 1),
        (1, Kind.FILE, 0, 4),
        (5, Kind.FILE, 0, 4),
    ]


def test_packed_keys_are_found_in_every_table_with_the_kind_of_their_key() -> None:
    digest = sha256(b"file").digest()
    texts = ["u com,example)/a", "d com,example", "a weibo:1", "k weibo:2", "u com,example)/b"]
    view = _view({text: [number] for number, text in enumerate(texts[:4])}, files={digest: [9]})
    asked = np.concatenate([_packed(*texts), np.frombuffer(digest[:16], dtype=np.uint8)[None]])
    assert found_lines(view.packed(asked)) == [
        (0, Kind.URL, 0, 0),
        (1, Kind.DOMAIN, 0, 1),
        (2, Kind.ACCOUNT, 0, 2),
        (3, Kind.PICTURE, 0, 3),
        (5, Kind.FILE, 0, 9),
    ]


def test_a_packed_key_whose_second_half_differs_is_no_hit() -> None:
    view = _view({"u com,example)/a": [1]})
    asked = _packed("u com,example)/a").copy()
    asked[0, 15] ^= 1
    assert found_lines(view.packed(asked)) == []


def test_nothing_asked_finds_nothing() -> None:
    view = _view({"d com,example": [1]})
    assert len(view.urls(asked_urls([]))) == 0
    assert len(view.files(np.zeros((0, 32), dtype=np.uint8))) == 0
    assert len(view.packed(np.zeros((0, 16), dtype=np.uint8))) == 0


@pytest.mark.parametrize("shape", [(3, 20), (32,), (2, 2, 16)])
def test_keys_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    view = _view({})
    for ask in (view.files, view.packed):
        with pytest.raises(ValueError, match="shape"):
            ask(np.zeros(shape, dtype=np.uint8))


def test_the_merged_state_is_the_base_with_the_overlay_applied() -> None:
    view = _view({"d com,example": [1], "h com,example": [2]}, {"h com,example": [], "d org,example": [3]})
    assert contents(view.merged("places")) == {
        text_key("d com,example"): [1],
        text_key("d org,example"): [3],
    }
    assert view.merged("urls") is view.base.urls


def test_the_ranks_are_those_of_the_full_parser() -> None:
    keys = rule_keys(canonicalize(CAT))
    codes = [list(Kind)[["url", "path", "host", "domain"].index(key.kind)] for key in keys]
    by_index = [(int(RANKS[code]), len(key.text)) for code, key in zip(codes, keys, strict=True)]
    assert by_index == sorted(by_index, reverse=True)
    assert [key.specificity for key in keys] == sorted((key.specificity for key in keys), reverse=True)


hosts = st.sampled_from(["a.example", "b.a.example", "c.b.a.example", "münchen.example", "10.0.0.1"])
paths = st.lists(st.sampled_from(["x", "y", "%41", "ä", "z.jpg"]), max_size=4).map("/".join)
urls = st.builds(lambda host, path: f"https://{host}/{path}", hosts, paths)


@given(asked=st.lists(st.one_of(urls, st.just("no address")), max_size=12), data=st.data())
def test_an_index_finds_exactly_the_places_that_the_full_parser_names(
    asked: list[str], data: st.DataObject
) -> None:
    keys = {key.text: key for url in asked if url[0] != "n" for key in rule_keys(canonicalize(url))}
    chosen = data.draw(st.sets(st.sampled_from(sorted(keys)))) if keys else set()
    changed = data.draw(st.sets(st.sampled_from(sorted(keys)))) if keys else set()
    base = {text: [number] for number, text in enumerate(sorted(chosen))}
    changes = {text: [1000 + number][: number % 2] for number, text in enumerate(sorted(changed))}
    now = base | changes
    expected = [
        (row, len(key.text.encode()), number)
        for row, url in enumerate(asked)
        if url[0] != "n"
        for key in rule_keys(canonicalize(url))
        for number in now.get(key.text, [])
    ]
    found = found_lines(_view(base, changes).urls(asked_urls(asked)))
    assert [(row, length, number) for row, _, length, number in found] == expected


@given(asked=st.lists(st.one_of(urls, st.just("no address"), st.text(max_size=20)), max_size=12))
def test_the_compiled_keys_find_what_the_full_parser_finds(asked: list[str]) -> None:
    said: dict[str, list[int]] = {}
    for url in asked:
        with suppress(InvalidInput):
            said |= {key.text: [number] for number, key in enumerate(rule_keys(canonicalize(url)))}
    encoded = [url.encode() for url in asked]
    ends = np.cumsum([len(url) for url in encoded], dtype=np.int64)
    starts = ends - np.array([len(url) for url in encoded], dtype=np.int64)
    compiled = url_keys(np.frombuffer(b"".join(encoded), dtype=np.uint8), starts, ends)
    view = _view(said)
    assert found_lines(view.urls(compiled)) == found_lines(view.urls(asked_urls(asked)))


def test_ten_thousand_rows_that_all_hit_are_answered_row_by_row() -> None:
    asked = asked_urls([f"https://sub.example.com/art/{i}.jpg" for i in range(10_000)])
    found = _view({"d com,example": [1, 2]}).urls(asked)
    assert np.array_equal(found.row, np.repeat(np.arange(10_000), 2))
    assert found.record["declared_at"].tolist() == [1, 2] * 10_000


def test_keys_are_known_by_probe_and_check_whether_one_or_many() -> None:
    texts = ["u com,example)/a", "h com,example", "k weibo:2"]
    keys = text_keys([text.encode() for text in texts])
    assert [(int(p), c.tobytes()) for p, c in zip(keys.probe, keys.check, strict=True)] == [
        text_key(text) for text in texts
    ]
    assert keys.kind.tolist() == [Kind.URL, Kind.HOST, Kind.PICTURE]
    assert packed_key(texts[0]) == text_key(texts[0])[0].to_bytes(8, "big") + text_key(texts[0])[1][:8]
    digest = sha256(b"file").digest()
    files = file_keys(np.frombuffer(digest, dtype=np.uint8)[None])
    assert (int(files.probe[0]), files.check[0].tobytes()) == file_key(digest)


def test_a_key_with_too_many_statements_is_refused_instead_of_filling_the_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view = _view({"h com,example": range(10)})
    monkeypatch.setattr("holdout.index.view.MAX_LINES", 30)
    assert len(view.urls(asked_urls([CAT.replace("sub.", "")] * 3))) == 30
    with pytest.raises(InvalidInput) as refusal:
        view.urls(asked_urls([CAT.replace("sub.", "")] * 4))
    assert refusal.value.code == "answer_too_large"
