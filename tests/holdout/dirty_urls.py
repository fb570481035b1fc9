"""URLs as nobody should write them: made of pieces that have each broken some parser, and of random bytes."""

import random
from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

SPACE = [
    b"", b"", b"", b"", b" ", b"\t", b"\r\n", b"\x00", b"\x1f ", b"\xc2\xa0",
]  # fmt: skip
SCHEMES = [
    b"http:", b"https:", b"http:", b"https:", b"HTTP:", b"hTTpS:", b"ht\ntp:", b"httpx:", b"http", b"ftp:",
    b"ws:", b"file:", b"data:", b"mailto:", b"http\x1a", b"\x68\x54tp:", b"",
]  # fmt: skip
SLASHES = [
    b"//", b"//", b"//", b"//", b"//", b"/", b"", b"///", b"\\\\", b"/\\", b"/\t/", b"//\n", b"////\\",
]  # fmt: skip
USERS = [
    b"", b"", b"", b"", b"", b"me@", b"me:secret@", b"@", b"a@b@", b"a%40:b/@", b"\xc3\xa9@", b"u\t@",
]  # fmt: skip
LABELS = [
    b"a", b"example", b"com", b"Sub", b"EXAMPLE", b"co", b"uk", b"xn--bcher-kva", b"XN--", b"xn--a",
    b"ab--cd", b"a-", b"-b", b"_dmarc", b"1", b"127", b"0x7f", b"0X", b"08", b"256", b"4294967295", b"1a",
    b"a1", b"", b"b\xc3\xbccher", b"\xe4\xbe\x8b\xe3\x81\x88", b"\xe3\x80\x82", b"\xef\xbc\x8e",
    b"\xc2\xad", b"a,b", b"a)b", b"a%2Eb", b"a%2eb", b"%41", b"a b", b"a|b", b"a^b", b"a<b", b"a\tb",
    b"a\x7fb", b"~", b"!$&'()*+,;=", b"a" * 63, b"b" * 64, b"\xff", b"\xed\xa0\x80", b"i1", b"cdn", b"z9-",
    b"*",
]  # fmt: skip
HOSTS = [
    b"[::1]", b"[2001:DB8::0:1]", b"[::ffff:1.2.3.4]", b"[::1", b"[g]", b"1.2.3.4", b"1.2.3.4.",
    b"1.2.3.256", b"0x7f.1", b"0300.1", b"1.2.3", b"1.2.3.4.5", b"example.com", b"example.com.",
    b"example.com..", b".", b"..", b".a", b"a..b", b"localhost", b"a." * 30 + b"b", b"a." * 31 + b"bc",
    b"a." * 255 + b"b", b"a." * 256 + b"b", b"",
]  # fmt: skip
PORTS = [
    b"", b"", b"", b"", b"", b":", b":80", b":443", b":8080", b":080", b":00443", b":0", b":00", b":65535",
    b":65536", b":99999", b":000000080", b":0000000000443", b":8a", b":-1", b":8\t0", b":80:80", b"::",
    b":\xc2\xb2",
]  # fmt: skip
SEGMENTS = [
    b"", b"a", b"art", b"Cat.JPG", b".", b"..", b"...", b"%2e", b"%2E%2e", b".%2e", b"%2e.", b"%2e%2e%2e",
    b".a", b"%2ea", b"a.", b"..a", b"%", b"%%", b"%2", b"%zz", b"%41", b"%2f", b"%2F", b"%3f", b"%7e",
    b"%7E%2d", b"%252e", b"%%32e", b"%%41", b"%4%31", b"%4%31%32", b"%%7e", b"%e4", b"%00", b"%\xc3\xa9",
    b"a b", b'"', b"<>", b"^`{}", b"'", b"|", b"!~", b"[x]", b"\x00", b"\x01", b"\x1f", b"\x7f", b"\t",
    b"\n.", b".\r.", b"%\t41", b"%4\n1", b"\xc3\xa9", b"\xe7\xb5\xb5", b"\xf0\x9f\x90\xb1", b"\xef\xbb\xbf",
    b"@", b":", b";p=1", b"&amp;", b"$x$", b"a,b",
    b"abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-._" * 2, b"x" * 60, b"y" * 61,
    b"z" * 62,
]  # fmt: skip
NOT_UTF8 = [
    b"\xc3", b"\xa9", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xbf\xbf", b"\xf0\x80\x80\xaf",
    b"\xf4\x90\x80\x80", b"\xf5\x80", b"\xc3\t\xa9", b"\xe7\xb5",
]  # fmt: skip
BREAKS = [
    b"/", b"/", b"/", b"/", b"/", b"\\", b"//", b"/\t", b"\t/",
]  # fmt: skip
ENDS = [
    b"", b"", b"", b"?", b"?", b"?", b"#", b"#", b"?a=1", b"?x?y", b"?/../%2e/", b"#\xc3\xa9", b"?\\",
]  # fmt: skip


def dirty_urls(count: int, *, seed: int) -> Iterator[bytes]:
    """That many, always the same for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        row = b"".join(_pieces(chance))
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            at = chance.randint(0, len(row))
            row = (
                row[:at]
                + bytes([chance.choice((chance.randint(0, 255), chance.randint(32, 126)))])
                + row[at:]
            )
        yield row


def _pieces(chance: random.Random) -> Iterator[bytes]:
    def one(of: Sequence[bytes]) -> bytes:
        return of[int(chance.random() * len(of))]

    plain = chance.random() < 0.8  # else hardly anything comes as far as the path
    yield one(SPACE)
    yield one(SCHEMES[:4]) if plain else one(SCHEMES)
    yield b"//" if plain else one(SLASHES)
    yield one(USERS)
    if plain:
        yield b".".join(one(LABELS[:7]) for _ in range(chance.randint(1, 4)))
    elif chance.random() < 0.3:
        yield one(HOSTS)
    else:
        yield b".".join(one(LABELS) for _ in range(chance.randint(1, 5)))
    yield one(PORTS[:9]) if plain else one(PORTS)
    for _ in range(chance.randint(0, 6)):
        yield one(BREAKS)
        yield one(SEGMENTS)
    for _ in range(chance.randint(0, 2)):
        yield one(ENDS)
        yield one(SEGMENTS)
    if chance.random() < 0.03:
        yield one(NOT_UTF8)
        yield one(SEGMENTS)
    yield one(SPACE)


HOST = st.one_of(
    st.sampled_from(HOSTS), st.lists(st.sampled_from(LABELS), min_size=1, max_size=5).map(b".".join)
)
SEGMENT = st.sampled_from(SEGMENTS) | st.sampled_from(NOT_UTF8) | st.binary(max_size=6)
PATH = st.lists(st.tuples(st.sampled_from(BREAKS), SEGMENT), max_size=8)
TAIL = st.lists(st.tuples(st.sampled_from(ENDS), SEGMENT), max_size=3)


def _joined(pairs: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"".join(pair) for pair in pairs)


DIRTY_URL: st.SearchStrategy[bytes] = st.builds(
    lambda *pieces: b"".join(pieces),
    st.sampled_from(SPACE),
    st.sampled_from(SCHEMES),
    st.sampled_from(SLASHES),
    st.sampled_from(USERS),
    HOST,
    st.sampled_from(PORTS),
    PATH.map(_joined),
    TAIL.map(_joined),
    st.sampled_from(SPACE),
)
"""Any piece may stand beside any other."""
