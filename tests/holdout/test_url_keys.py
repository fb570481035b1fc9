"""The compiled kernel says of every row what the full parser says."""

import ctypes
import mmap
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from benchmarks.urls import generated
from holdout.errors import InvalidInput
from holdout.index.records import TAGS, Kind
from holdout.url_keys import ERRORS, TAG_LENGTH, UrlKeys, key_text, lines, probes, url_keys, warm
from holdout.urls import MAX_DEPTH, MAX_URL_LENGTH, canonicalize, rule_keys
from tests.holdout.corpora import FOLDER, cases
from tests.holdout.dirty_urls import DIRTY_URL, dirty_urls

_NO_ACCESS = 0  # PROT_NONE, which mmap does not have in 3.11

Answer = str | list[bytes]
"""An error, or the texts of all keys, the most specific first."""

PLAIN = b"https://example.com/"


def in_buffer(rows: Sequence[bytes], between: bytes = b"") -> UrlKeys:
    """The keys of rows that stand in one buffer, with something between them."""
    lengths = np.array([len(row) for row in rows], np.int64)
    ends = np.cumsum(lengths + len(between))
    buffer = np.frombuffer(between + between.join(rows), np.uint8)
    return url_keys(buffer, ends - lengths, ends)


def told(keys: UrlKeys) -> Iterator[Answer]:
    """What the kernel says of each row, with every probe checked against its text."""
    bounds = np.searchsorted(keys.place_row, np.arange(len(keys) + 1)).tolist()
    assert bounds[-1] == len(keys.place_row)
    text = keys.text.tobytes()
    kinds, lengths, found = (
        column.tolist() for column in (keys.place_kind, keys.place_length, keys.place_probe)
    )
    for row, (start, length, error, probe) in enumerate(
        zip(
            *(column.tolist() for column in (keys.start, keys.length, keys.error, keys.url_probe)),
            strict=True,
        )
    ):
        places = range(bounds[row], bounds[row + 1])
        if error:
            assert (length, probe, len(places)) == (0, 0, 0)
            yield ERRORS[error]
            continue
        texts = [b"u " + text[start : start + length]]
        texts += [TAGS[kinds[i]] + text[start : start + lengths[i]] for i in places]
        assert [probe, *found[places.start : places.stop]] == list(map(xxh3_64_intdigest, texts))
        yield texts


def parsed(row: bytes) -> Answer:
    """What the full parser says of a row; it refuses a lone surrogate, which is what no UTF-8 becomes."""
    try:
        return [key.text.encode() for key in rule_keys(canonicalize(row.decode("utf-8", "surrogateescape")))]
    except InvalidInput as refusal:
        return refusal.code


def differing(rows: Sequence[bytes], between: bytes = b"") -> list[tuple[bytes, Answer, Answer]]:
    """The rows of which the kernel and the full parser say different things, with both answers."""
    answers = told(in_buffer(rows, between))
    return [
        (row, answer, truth)
        for row, answer in zip(rows, answers, strict=True)
        if answer != (truth := parsed(row))
    ]


def around_limit(beginning: bytes, filling: bytes) -> Iterator[bytes]:
    """Rows a little shorter and a little longer than the longest URL."""
    for length in range(MAX_URL_LENGTH - 12, MAX_URL_LENGTH + 4):
        yield (beginning + filling * length)[: length - 1] + b"x"


# --- equal to the full parser, row by row

AUTHORITIES = [
    *(b"http://" + b"a" * n + b"/x" for n in range(1, 130)),
    *(b"http://" + b"a." * n + b"b/x" for n in (1, 2, 30, 31, 32, 63, 64, 200, 254, 255, 256, 300)),
    *(b"http://" + b"a" * n + b"." + b"b" * (62 - n) + b"/x" for n in range(63)),
    *(b"http://h" + port for port in (b":1", b":80", b":443", b":65535", b":65536", b":99999", b":0", b":")),
    *(b"https://h" + port + b"/x" for port in (b":80", b":443", b":0443", b":000443", b":0000443", b":8 0")),
    *(
        b"http://" + user + b"h/x"
        for user in (b"me@", b"me:x@", b"@", b"@@", b"a@b@", b"a/@", b"a b@", b"\xff@")
    ),
    *(
        b"http://" + host
        for host in (b"", b".", b"..", b"a.", b"a..", b".a", b"a..b", b"-", b"_", b"a-.b_", b"~")
    ),
    *(
        b"http://" + host
        for host in (b"xn--a", b"a.xn--b", b"axn--b", b"XN--A", b"Xn--bcher-kva.ch", b"ab--cd")
    ),
    *(
        b"http://" + host
        for host in (b"1", b"a.1", b"a.1a", b"a.0x", b"0x7f.1", b"1.2.3.4.", b"1.2.3.256", b"[::1]")
    ),
    *(
        b"http://" + host
        for host in (b"a,b.c", b"a)b", b"a%2eb", b"%41", b"a\tb", b"a\\b", b"a:b@c", b"[", b"a]")
    ),
    *("http://bücher.ch|http://例え.jp|http://a。b|http://ａ.b|http://a\u00adb".encode().split(b"|")),
]
SCHEMES = [
    *(
        scheme + b"//h/x"
        for scheme in (b"http:", b"HTTPS:", b"hTTp:", b"httpx:", b"http", b"ftp:", b"wss:", b"")
    ),
    *(
        b"http:" + slashes + b"h/x"
        for slashes in (b"", b"/", b"///", b"\\\\", b"/\\/\\/", b"/\t/", b"//\n", b"?")
    ),
    *(
        b"data:image/png;base64,AAAA",
        b"mailto:a@b",
        b"javascript:1",
        b"blob:http://h/1",
        b"http",
        b"http:",
        b"h",
    ),
    *(b"cat.jpg", b"/cat.jpg", b"//h/cat.jpg", b"\x00", b" ", b"", b"http://", b"http:///", b"https:////"),
    *(b"http\x1a//h", b"http:\x0f\x0fh/", b"\x48TTP\x3a//h", b"ht tp://h", b"h\ttt\np://h", b"httpS://h"),
    *(
        space + b"http://h/x" + space
        for space in (b" ", b"\t\r\n", b"\x00\x1f ", b"\x7f", b"\xc2\xa0", b"\x0b")
    ),
]
PATHS = [
    *(
        b"http://h" + path
        for path in (b"/.", b"/..", b"/./", b"/../", b"/a/.", b"/a/..", b"/a/../", b"/a/./b/..")
    ),
    *(
        b"http://h/a" + path + b"/c"
        for path in (b"/%2e", b"/%2E%2e", b"/.%2e", b"/%2e.", b"/...", b"/%2e%2e%2e")
    ),
    *(
        b"http://h/a/" + path
        for path in (b".b", b"..b", b"%2eb", b"b.", b"b..", b"%2", b"%2%65", b"%%32e", b".%")
    ),
    *(
        b"http://h" + path
        for path in (b"\\a", b"/a\\b", b"/a\\..\\b", b"/a/?b\\c", b"/a#\\", b"\\?", b"//", b"///..")
    ),
    *(b"http://h/\t./b\n/.\r./c", b"http://h/%\t41", b"http://h/\n./%2e./b", b"http://h/.\t/\t%2e\t./b"),
    *(b"http://h/" + b"x" * n + b"/../%2e/y" for n in range(1, 130)),
    *(b"http://h/" + b"x" * n + b"/.y" for n in range(50, 130)),
    *(b"http://h" + b"/a" * n for n in range(MAX_DEPTH - 2, MAX_DEPTH + 3)),
    *(b"http://h" + b"/a/.." * n + b"/b" for n in (1, MAX_DEPTH, 2 * MAX_DEPTH)),
    *(b"http://h/?" + b"/a" * n for n in (MAX_DEPTH, 2 * MAX_DEPTH)),
]
ESCAPES = [
    *(b"http://h/" + bytes([byte]) + b"b?" + bytes([byte]) + b"d#" + bytes([byte]) for byte in range(256)),
    *(b"http://h/a%%%02xb?c%%%02Xd" % (byte, byte) for byte in range(256)),
    *(b"http://h/%%%%%02x?%%4%%%02x" % (byte, byte) for byte in range(0x20, 0x80)),
    *(b"http://h/" + b"%" * n + b"41/" + b"%" * n + b"%4%31%32" for n in range(8)),
    *(b"http://h/" + b"x" * n + b"%%41%7e" + b"y" * 70 + b"%4" for n in range(50, 70)),
    *(
        b"http://h/a" + end
        for end in (b"%", b"%4", b"%41", b"?%", b"?%4", b"?%41", b"#%41", b"?", b"#", b"?#", b"??")
    ),
    *(
        b"http://h" + end
        for end in (b"?", b"#", b"?a", b"#a", b"?a#b", b"?'", b"/'?'", b"/^?^", b"/|~!?|~!", b"?#?")
    ),
]
FOREIGN = [
    *f"http://h/é|http://h/?絵|http://h/#ж|http://h/{'x' * 60}é絵🐱|http://h/a\u00a0".encode().split(b"|"),
    *(
        b"http://h/" + octets + b"/x"
        for octets in (b"\xff", b"\xc3", b"\xc3\t\xa9", b"\xc0\xaf", b"\xc1\xbf")
    ),
    *(
        b"http://h/#" + octets
        for octets in (b"\xed\xa0\x80", b"\xed\x9f\xbf", b"\xe0\x9f\xbf", b"\xe0\xa0\x80")
    ),
    *(b"http://h/?" + octets for octets in (b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80\x80", b"\xf4\x8f\xbf\xbf")),
    *(
        b"http://h/#" + octets
        for octets in (b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\x80", b"\xef\xbf\xbe")
    ),
    *(b"http://h/" + "絵".encode() * 30 + "絵".encode()[:n] for n in range(3)),
]
LENGTHS = [
    row
    for filling in (b"a", "é".encode(), b" ", b"/", b"%41", b"\t", b"%%41", b"/./")
    for beginning in (
        PLAIN,
        b"https://h:80/?",
        b"http://h?",
        b" http://h:8080/#",
        b"http://x@h/",
        b"http://h\\",
    )
    for row in around_limit(beginning, filling)
] + [PLAIN + "é".encode() * n for n in (1300, 1362, 1363, 1364, 1365, 4000, 8000, 9000)]


@pytest.mark.parametrize(
    "rows",
    [AUTHORITIES, SCHEMES, PATHS, ESCAPES, FOREIGN],
    ids=["authorities", "schemes", "paths", "escapes", "foreign"],
)
def test_each_row_has_the_keys_or_the_error_of_the_full_parser(rows: list[bytes]) -> None:
    assert differing(rows) == []
    assert differing(rows, between=b"\n") == []
    assert differing(rows[::-1], between=b"/../@%2e:1?#") == []


def test_the_longest_urls_have_their_keys_and_longer_ones_the_error_of_the_full_parser() -> None:
    assert differing(LENGTHS) == []
    answers = {answer if isinstance(answer, str) else "" for answer in told(in_buffer(LENGTHS))}
    assert answers >= {"", "url_too_long", "url_too_deep"}


@given(DIRTY_URL, st.binary(max_size=3), st.binary(max_size=3))
def test_any_dirty_url_is_read_as_by_the_full_parser_whatever_stands_beside_it(
    row: bytes, before: bytes, behind: bytes
) -> None:
    buffer = np.frombuffer(before + row + behind, np.uint8)
    begin, end = np.array([len(before)]), np.array([len(before) + len(row)])
    assert list(told(url_keys(buffer, begin, end))) == [parsed(row)]


@given(st.lists(st.binary(max_size=20) | DIRTY_URL, max_size=8))
def test_any_rows_together_are_read_as_each_by_itself(rows: list[bytes]) -> None:
    assert differing(rows) == []


def test_twenty_thousand_dirty_urls_are_read_as_by_the_full_parser() -> None:
    assert differing(list(dirty_urls(20_000, seed=1))) == []


@pytest.mark.full
def test_a_million_dirty_urls_are_read_as_by_the_full_parser() -> None:
    for seed in range(2, 102):
        assert differing(list(dirty_urls(10_000, seed=seed))) == []


def test_urls_as_they_stand_in_data_sets_are_read_as_by_the_full_parser() -> None:
    assert differing([url.encode() for url in generated(5_000, seed=3)]) == []


@pytest.mark.corpora
def test_every_published_url_case_is_read_as_by_the_full_parser() -> None:
    listed = cases("urltestdata.json")
    given = {case[part] for case in listed for part in ("input", "href") if part in case}
    assert len(given) > 1000
    assert differing([url.encode("utf-8", "surrogatepass") for url in sorted(given)]) == []


@pytest.mark.corpora
def test_every_published_host_case_is_read_as_by_the_full_parser() -> None:
    names = [case["input"].encode("utf-8", "surrogatepass") for case in cases("IdnaTestV2.json")]
    assert len(names) > 2500
    assert differing([b"https://user@" + name + b"/x" for name in names]) == []
    assert differing([b"HTTP://A." + name + b":80" for name in names]) == []


@pytest.mark.corpora
def test_real_urls_are_read_as_by_the_full_parser_and_nearly_all_by_the_kernel_itself() -> None:
    rows = (FOLDER.parent / "real_urls_1000.txt").read_bytes().splitlines()
    assert len(rows) == 1000
    assert differing(rows) == []
    assert in_buffer(rows).full_parser_rows <= 0.03 * len(rows)


# --- how much it reads itself


def test_it_reads_nearly_all_urls_of_data_sets_itself() -> None:
    rows = [url.encode() for url in generated(20_000)]
    assert in_buffer(rows).full_parser_rows <= 0.03 * len(rows)


@pytest.mark.parametrize(
    "row",
    [
        b"  HTTPS://Sub.EXAMPLE.com.:443/a%2d%7e/../b c/%%41?q='#f\r",
        b"http://me:secret@example.com:8080\\a\\.\\b",
        "http://example.com/絵/é?ж".encode(),
        b"http://example.com/\xff",
        b"http:example.com/" + b"/" * (MAX_DEPTH + 1),
        PLAIN + b" " * (MAX_URL_LENGTH - 40) + b"x",
    ],
)
def test_dirt_does_not_send_a_row_to_the_full_parser(row: bytes) -> None:
    assert in_buffer([row]).full_parser_rows == 0
    assert differing([row]) == []


@pytest.mark.parametrize(
    "row",
    ["http://bücher.ch/", "http://xn--bcher-kva.ch/", "http://192.0.2.7/", "http://[::1]/", "ftp://h/", ""],
)
def test_hosts_that_are_no_plain_names_go_to_the_full_parser(row: str) -> None:
    assert in_buffer([row.encode(), PLAIN]).full_parser_rows == 1


# --- the columns


def test_the_keys_of_a_row_come_most_specific_first_and_rows_in_order() -> None:
    keys = in_buffer([b"https://art.example.com:8080/gallery/cat.jpg?v=2", b"ftp://h/", b"http://[::1]/"])

    assert list(told(keys)) == [
        [
            b"u com,example,art:8080)/gallery/cat.jpg?v=2",
            b"p com,example,art:8080)/gallery/",
            b"p com,example,art:8080)/",
            b"h com,example,art",
            b"d com,example,art",
            b"d com,example",
            b"d com",
        ],
        "url_scheme_unsupported",
        [b"u [::1])/", b"p [::1])/", b"h [::1]", b"d [::1]"],
    ]
    assert keys.place_row.tolist() == [0] * 6 + [2] * 3
    assert keys.place_kind.tolist() == [Kind.PATH] * 2 + [Kind.HOST] + [Kind.DOMAIN] * 3 + [1, 2, 3]
    assert keys.full_parser_rows == 2


def test_the_columns_have_the_types_they_are_declared_with() -> None:
    keys = in_buffer([PLAIN, b""])
    assert [keys.text.dtype, keys.error.dtype, keys.place_kind.dtype, keys.extra_kind.dtype] == [np.uint8] * 4
    assert [keys.start.dtype, keys.place_row.dtype, keys.extra_row.dtype] == [np.int64] * 3
    assert [keys.length.dtype, keys.place_length.dtype, keys.extra_length.dtype] == [np.int32] * 3
    assert [keys.url_probe.dtype, keys.place_probe.dtype, keys.extra_probe.dtype] == [np.uint64] * 3
    assert keys.start[0] >= TAG_LENGTH


def test_no_rows_have_no_keys() -> None:
    keys = in_buffer([])
    assert (len(keys), len(keys.place_row), keys.full_parser_rows) == (0, 0, 0)


def test_rows_may_overlap_and_stand_in_any_order() -> None:
    buffer = np.frombuffer(b"http://a.b/c/d http://e/", np.uint8)
    keys = url_keys(buffer, np.array([15, 0, 0, 0]), np.array([24, 14, 11, 24]))
    assert [answer[0] for answer in told(keys)] == [
        b"u e)/",
        b"u b,a)/c/d",
        b"u b,a)/",
        b"u b,a)/c/d%20http://e/",
    ]


@pytest.mark.parametrize(("starts", "ends"), [([-1], [3]), ([0], [5]), ([3], [2]), ([0, 1], [2])])
def test_rows_outside_the_buffer_are_refused(starts: list[int], ends: list[int]) -> None:
    with pytest.raises(ValueError, match="buffer"):
        url_keys(np.zeros(4, np.uint8), np.array(starts), np.array(ends))


def test_nothing_is_read_behind_the_buffer() -> None:
    """A page that nobody may read stands behind it: to touch it ends the process."""
    size = mmap.PAGESIZE
    pages = mmap.mmap(-1, 2 * size)
    memory = np.frombuffer(pages, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.c_void_p(memory.ctypes.data + size)
    assert libc.mprotect(address, ctypes.c_size_t(size), _NO_ACCESS) == 0, ctypes.get_errno()
    try:
        for row in (
            PLAIN,
            b"http://a.b/c?" + b"d" * 200,
            b"http://a",
            b"http://me@a.b:80",
            b"h",
            PLAIN + b"%4",
        ):
            memory[size - len(row) : size] = np.frombuffer(row, np.uint8)
            buffer = memory[:size]
            keys = url_keys(buffer, np.array([size - len(row)]), np.array([size]))
            assert list(told(keys)) == [parsed(row)]
            assert lines(buffer)[1].tolist() == [size]
    finally:
        libc.mprotect(address, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_WRITE)


@pytest.mark.parametrize("character", ["é", "絵", " ", "\u00ad"])
def test_texts_three_times_as_long_as_their_rows_find_room(character: str) -> None:
    rows = [f"http://h/{character * 2000}{i}".encode() for i in range(100)]
    assert differing(rows) == []


def test_texts_of_the_full_parser_find_room() -> None:
    rows = [f"http://[::1]/{'絵' * 800}{i}".encode() for i in range(100)]
    assert differing(rows) == []
    assert in_buffer(rows).full_parser_rows == len(rows)


def test_warming_up_changes_nothing() -> None:
    warm()
    assert differing([PLAIN]) == []


# --- texts of keys


def test_a_key_is_told_by_row_kind_and_length() -> None:
    keys = in_buffer([b"ftp://h/", b"http://a.b/c/d", b"http://../"])
    assert key_text(keys, 1, Kind.URL, 10) == b"u b,a)/c/d"
    assert key_text(keys, 1, Kind.PATH, 9) == b"p b,a)/c/"
    assert key_text(keys, 1, Kind.HOST, 5) == b"h b,a"
    assert key_text(keys, 1, Kind.DOMAIN, 3) == b"d b"
    assert key_text(keys, 2, Kind.DOMAIN, 2) == b"d "


@pytest.mark.parametrize(
    ("row", "kind", "length"),
    [(0, Kind.URL, 2), (1, Kind.URL, 11), (1, Kind.HOST, 1), (1, Kind.FILE, 4), (1, Kind.PICTURE, 4)],
)
def test_what_is_no_key_of_the_row_has_no_text(row: int, kind: Kind, length: int) -> None:
    keys = in_buffer([b"ftp://h/", b"http://a.b/c/d"])
    with pytest.raises(ValueError, match="no such key"):
        key_text(keys, row, kind, length)


def test_a_picture_and_an_account_are_told_too() -> None:
    keys = in_buffer([PLAIN, b"https://wx1.sinaimg.cn/large/6396af2fly1h0abcdefghj20u00u0abc.jpg"])
    kinds = keys.extra_kind.tolist()
    texts = [
        key_text(keys, 1, kind, length)
        for kind, length in zip(kinds, keys.extra_length.tolist(), strict=True)
    ]
    assert kinds == [Kind.PICTURE, Kind.ACCOUNT]
    assert [text[:8] for text in texts] == [b"k weibo:", b"a weibo:"]
    assert keys.extra_row.tolist() == [1, 1]
    assert keys.extra_probe.tolist() == list(map(xxh3_64_intdigest, texts))


# --- xxh3-64


def probed(texts: Iterable[bytes]) -> list[int]:
    texts = list(texts)
    length = np.array([len(text) for text in texts], np.int32)
    start = np.cumsum(length, dtype=np.int64) - length
    found: list[int] = probes(np.frombuffer(b"".join(texts), np.uint8), start, length).tolist()
    return found


def test_hashes_of_every_length_are_xxh3() -> None:
    octets = np.random.default_rng(1).integers(0, 256, 4096, np.uint8).tobytes()
    texts = [octets[length % 7 :][:length] for length in range(2049)]
    texts += [octets[:length] for length in (3071, 3072, 3073, 3136, 3137, 4096)]
    assert probed(texts) == list(map(xxh3_64_intdigest, texts))


@given(st.lists(st.binary(max_size=300), max_size=10))
def test_hashes_of_any_bytes_are_xxh3(texts: list[bytes]) -> None:
    assert probed(texts) == list(map(xxh3_64_intdigest, texts))


# --- lines


def split(octets: bytes) -> list[bytes]:
    buffer: NDArray[np.uint8] = np.frombuffer(octets, np.uint8)
    return [octets[begin:end] for begin, end in zip(*map(np.ndarray.tolist, lines(buffer)), strict=True)]


@pytest.mark.parametrize(
    ("octets", "rows"),
    [
        (b"", []),
        (b"\n", [b""]),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"a\n\nb", [b"a", b"", b"b"]),
        (b"a\r\nb\r\n", [b"a\r", b"b\r"]),
        (b"\n\n", [b"", b""]),
    ],
)
def test_a_line_ends_before_a_line_feed_or_at_the_end(octets: bytes, rows: list[bytes]) -> None:
    assert split(octets) == rows


@given(
    st.lists(st.sampled_from([b"", b"a", b"x" * 62, b"y" * 64, b"\r", b"\xff\x00"]), max_size=12),
    st.booleans(),
)
def test_lines_are_what_lies_between_line_feeds(rows: list[bytes], ended: bool) -> None:
    octets = b"\n".join(rows) + (b"\n" if ended and rows else b"")
    expected = octets.split(b"\n")
    assert split(octets) == (expected if expected[-1] else expected[:-1])
