"""From forms as they are written to arrays that a kernel can run.

A *program* tries one path of one form on one URL: instructions that take the path apart, segment by segment,
then those that write the keys. An instruction is five numbers, an `Op` and its operands. Within a segment the
kernel holds a *window*, the part that is not used up: what is dropped is taken off its end first, then the
fields are taken off its beginning, and nothing may be left.

Hosts are found by the hash of their SURT text up to each comma, in one table with open addressing: a host is
given up at the first part of it under which the table knows nothing.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from holdout.picture_hosts.table import Form, host_table

WIDTH: Final = 5
"""Numbers in an instruction."""

MAX_SLOTS: Final = 16
"""Places for captured text; the first is the URL's own authority, closing bracket included."""

AUTHORITY_SLOT: Final = 0
NO_SLOT: Final = -1

FNV_OFFSET: Final = 0xCBF29CE484222325
FNV_PRIME: Final = 0x100000001B3
_MASK_64: Final = (1 << 64) - 1

_DIGITS: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_ALNUM: Final = _DIGITS + _LOWER + _LOWER.upper()
CLASSES: Final = {
    "digits": _DIGITS,
    "hex": _DIGITS + "abcdefABCDEF",
    "alnum": _ALNUM,
    "dashed": _ALNUM + "-",
    "word": _ALNUM + "_-",
    "tilde": _ALNUM + "_-~",
    "plain": _ALNUM + "_-,.",
    "amazon": _ALNUM + "-+%@",
    "size": _DIGITS + _LOWER + ".",
    "host": _ALNUM + "_-.",
    "any": "".join(chr(byte) for byte in range(1, 256) if byte != ord("/")),
}
"""The characters of each class; none has a slash."""

_UUID: Final = "dashed 36"
IMAGE_EXTENSIONS: Final = frozenset(
    {
        "jpg", "jpeg", "jpe", "jfif", "pjpg", "png", "pnj", "gif", "webp", "avif", "bmp", "tif", "tiff",
        "heic", "heif", "jxl",
    }
)  # fmt: skip
CONVERTED_EXTENSIONS: Final = frozenset({"webp", "avif"})
"""Behind another image's extension they say into what that image was converted."""


class Op(IntEnum):
    """What an instruction does; a, b, c, d are its operands. Matching fails where one cannot do it."""

    PREFIX = 1
    """The path goes on with literal a (of length b, slashes at both ends)."""
    SEGMENT = 2
    """The window is the next segment."""
    CLOSE = 3
    """Nothing is left of the window."""
    END = 4
    """Nothing is left of the path; the key's instructions follow."""
    LITERAL = 5
    """The window goes on with literal a (of length b)."""
    FIELD = 6
    """As many characters of class a as there are, up to c and at least b, into slot d."""
    WORD = 7
    """One of the words a to a+b (the longest that fits), into slot d."""
    AFTER_LAST = 8
    """Up to and with the last byte a is dropped."""
    EXTENSION = 9
    """An image's extension is taken off the end, into slot d; with a = 0 there may be none."""
    TRIM_SIZE = 10
    """A size behind byte a may be taken off the end; with b = 1 one of its numbers may be missing."""
    TRIM_WORD = 11
    """One of the words a to a+b may be taken off the end."""
    CUT = 12
    """From the first byte a on, all is dropped."""
    CUT_RENDITION = 13
    """Behind the first image's extension that byte a follows, all is dropped."""
    FOLDERS = 14
    """The window is the last segment; all before it goes into slot d."""
    UNTIL = 15
    """Segments are passed over until one begins with literal a (of length b)."""
    UP_TO = 16
    """Everything up to and with the first literal a (of length b) goes into slot d; c has its skips."""
    REST = 17
    """All that is left of the path is dropped; something must be."""
    WRITE = 18
    """Literal a (of length b) goes into the key."""
    WRITE_SLOT = 19
    """Slot a goes into the key, as `Conversion` b says."""
    DONE = 20
    """The key is written: c = 1, the picture's; c = 2, the account's. With a = 1 another follows."""


class Conversion(IntEnum):
    """How a slot is written."""

    NONE = 0
    REVERSED = 1
    """A host name as SURT writes it; fails for what is none in DNS."""
    WEIBO_UID = 2
    """The number of the user whose code these 8 characters are; fails for what is no such code."""


_CONVERSIONS: Final = {
    "": Conversion.NONE,
    "reversed": Conversion.REVERSED,
    "weibo_uid": Conversion.WEIBO_UID,
}

_SKIPS: Final = 256
PAIR_FACTOR: Final = 31
"""Spreads pairs of bytes over a table of skips."""


class Programs(NamedTuple):
    """The table as the kernel takes it."""

    code: NDArray[np.int32]
    """Shape (instructions, WIDTH)."""
    starts: NDArray[np.int32]
    """Where programs begin in `code`: for each host those of its forms, in their order."""
    pool: NDArray[np.uint8]
    """The literals' bytes."""
    words: NDArray[np.int32]
    """Shape (words, 2): where each is in `pool`, and its length."""
    classes: NDArray[np.uint32]
    """For each byte the classes that it belongs to, a bit each."""
    hashes: NDArray[np.uint64]
    """Open addressing by hash: those of host names, and of what stands before their commas. 0: free."""
    hosts: NDArray[np.int32]
    """Shape (slots, 6): the name in `pool`, its length (0: only the beginning of names), the programs in
    `starts` for the host itself (from, to) and for hosts below it (from, to)."""
    anywhere: NDArray[np.int32]
    """From and to, in `starts`: the programs for every host."""


@cache
def programs() -> Programs:
    """The compiled host table, made once in a process."""
    return compile_forms(host_table().forms)


def compile_forms(forms: Sequence[Form]) -> Programs:
    """Raises ValueError for a form that cannot be read."""
    made = _Assembly()
    by_host: dict[str, list[int]] = {}
    for form in forms:
        written = [made.program(form, path) for path in form.paths]
        for host in form.hosts:
            by_host.setdefault(host, []).extend(written)
    return made.finish(by_host)


def host_hash(text: bytes) -> int:
    """FNV-1a, 64 bits."""
    value = FNV_OFFSET
    for byte in text:
        value = ((value ^ byte) * FNV_PRIME) & _MASK_64
    return value


@dataclass
class _Assembly:
    """Collects instructions and what they refer to."""

    code: list[tuple[int, ...]] = field(default_factory=list)
    pool: bytearray = field(default_factory=bytearray)
    words: list[tuple[int, int]] = field(default_factory=list)

    def program(self, form: Form, path: str) -> int:
        """Where the program for this path begins."""
        start = len(self.code)
        slots = {"authority": AUTHORITY_SLOT}
        _Path(self, slots).read(path)
        self._write(f"k {form.platform}:{form.key}", slots, kind=1, more=bool(form.account))
        if form.account:
            self._write(f"a {form.platform}:{form.account}", slots, kind=2, more=False)
        return start

    def emit(self, op: Op, a: int = 0, b: int = 0, c: int = 0, d: int = NO_SLOT) -> None:
        self.code.append((op, a, b, c, d))

    def literal(self, text: str) -> tuple[int, int]:
        octets = text.encode("ascii")
        found = self.pool.find(octets)
        if found < 0:
            found = len(self.pool)
            self.pool += octets
        return found, len(octets)

    def word_list(self, words: Iterable[str]) -> tuple[int, int]:
        """The longest first, so that the first that fits is the longest."""
        first = len(self.words)
        self.words += [self.literal(word) for word in sorted(words, key=len, reverse=True)]
        return first, len(self.words) - first

    def skips(self, text: str) -> int:
        """A table for a search of `text`, in the pool: how far it may go on from a pair of bytes at its end.

        Horspool's, by pairs, of which several share a place; 0 where a pair could be the end of `text`.
        """
        octets = text.encode("ascii")
        table = bytearray([len(octets) - 1] * _SKIPS)
        for i in range(len(octets) - 1):
            table[(octets[i] * PAIR_FACTOR + octets[i + 1]) % _SKIPS] = len(octets) - 2 - i
        self.pool += table
        return len(self.pool) - _SKIPS

    def _write(self, template: str, slots: dict[str, int], *, kind: int, more: bool) -> None:
        for literal, name, conversion in _TEMPLATE.findall(template):
            if literal:
                self.emit(Op.WRITE, *self.literal(literal))
            elif name in slots:  # a name of another alternative stands for nothing
                self.emit(Op.WRITE_SLOT, slots[name], _CONVERSIONS[conversion])
        self.emit(Op.DONE, int(more), 0, kind)

    def finish(self, by_host: dict[str, list[int]]) -> Programs:
        starts: list[int] = []

        def span(programs: list[int]) -> tuple[int, int]:
            starts.extend(programs)
            return len(starts) - len(programs), len(starts)

        hosts = {
            ",".join(reversed(name.split("."))).encode(): (
                span(_covering(name, by_host, itself=True)),
                span(_covering(name, by_host, itself=False)),
            )
            for name in sorted({host.removeprefix("*.") for host in by_host if host != "*"})
        }
        anywhere = span(by_host.get("*", []))
        hashes, rows = self._addressed(hosts)
        return Programs(
            code=np.array(self.code, np.int32),
            starts=np.array(starts, np.int32),
            pool=np.frombuffer(bytes(self.pool), np.uint8).copy(),
            words=np.array(self.words, np.int32).reshape(-1, 2),
            classes=_class_bits(),
            hashes=hashes,
            hosts=rows,
            anywhere=np.array(anywhere, np.int32),
        )

    def _addressed(
        self, hosts: dict[bytes, tuple[tuple[int, int], tuple[int, int]]]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        beginnings = {
            name[:comma] for name in hosts for comma in range(len(name)) if name[comma : comma + 1] == b","
        }
        texts = [*hosts, *sorted(beginnings - set(hosts))]
        size = 1 << (4 * len(texts)).bit_length()
        hashes, rows = np.zeros(size, np.uint64), np.zeros((size, 6), np.int32)
        for text in texts:
            value = host_hash(text)
            if not value:
                raise ValueError(f"{text!r} has the hash of a free place")
            at = value & (size - 1)
            while hashes[at]:
                at = (at + 1) & (size - 1)
            hashes[at] = value
            if text in hosts:
                exact, below = hosts[text]
                rows[at] = (*self.literal(text.decode()), *exact, *below)
        return hashes, rows


def _covering(name: str, by_host: dict[str, list[int]], *, itself: bool) -> list[int]:
    """The programs for the host `name`, or for every host below it; those of the nearest name first."""
    labels = name.split(".")
    above = [".".join(labels[i:]) for i in range(1 if itself else 0, len(labels))]
    own = by_host.get(name, []) if itself else []
    return [*own, *(program for parent in above for program in by_host.get(f"*.{parent}", []))]


def _class_bits() -> NDArray[np.uint32]:
    bits = np.zeros(256, np.uint32)
    for number, members in enumerate(CLASSES.values()):
        for character in members:
            bits[ord(character)] |= 1 << number
    return bits


_TEMPLATE: Final = re.compile(r"([^{}]+)|\{(\w+)(?:\|(\w+))?\}")
_TOKEN: Final = re.compile(r"[^{}]+|\{[^{}]*\}")
_FIELD: Final = re.compile(r"(\w*):(\w+)(?: (\d+)(?:-(\d+))?)?")
_WORDS: Final = re.compile(r"(\w*)=(.+)")
_EXTENSION: Final = re.compile(r"(?:(\w+):)?\.image(\?)?")
_SIZE: Final = re.compile(r"trim (.)W(\?)?xH\??")


class _Path:
    """Reads one path into instructions."""

    def __init__(self, made: _Assembly, slots: dict[str, int]) -> None:
        self._made = made
        self._slots = slots

    def read(self, path: str) -> None:
        segments = list(_segments(path))
        done = self._prefix(segments)
        for i, tokens in enumerate(segments[done:], start=done):
            last = i == len(segments) - 1
            if tokens == ["**"] and last:
                self._made.emit(Op.REST)
            elif tokens == ["**"]:
                self._made.emit(Op.UNTIL, *self._made.literal(_literal(segments[i + 1])))
            else:
                self._segment(tokens)
        self._made.emit(Op.END)

    def _prefix(self, segments: list[list[str]]) -> int:
        """Segments of plain text at the beginning are compared at once; how many there were."""
        plain = 0
        while plain < len(segments) - 1 and _is_plain(segments[plain]):
            plain += 1
        if plain:
            text = "".join(f"/{''.join(tokens)}" for tokens in segments[:plain]) + "/"
            self._made.emit(Op.PREFIX, *self._made.literal(text))
        return plain

    def _segment(self, tokens: list[str]) -> None:
        head, *rest = tokens
        if head.startswith("{up to "):
            text = head[len("{up to ") : -1]
            self._made.emit(Op.UP_TO, *self._made.literal(text), self._made.skips(text), self._slot("before"))
        elif head.endswith("...}"):
            self._made.emit(Op.FOLDERS, d=self._slot(head[1:-4]))
            self._window(rest)
        else:
            self._made.emit(Op.SEGMENT)
            self._window(["{:any}"] if tokens == ["*"] else tokens)

    def _window(self, tokens: list[str]) -> None:
        droppings = [token for token in tokens if _drops(token)]
        if tokens[len(tokens) - len(droppings) :] != droppings:
            raise ValueError(f"what is dropped must come last: {tokens}")
        for token in reversed(droppings):
            self._drop(token[1:-1])
        for token in tokens[: len(tokens) - len(droppings)]:
            self._take(token)
        self._made.emit(Op.CLOSE)

    def _drop(self, token: str) -> None:
        if extension := _EXTENSION.fullmatch(token):
            name, optional = extension.groups()
            self._made.emit(Op.EXTENSION, int(not optional), d=self._slot(name or ""))
        elif size := _SIZE.fullmatch(token):
            self._made.emit(Op.TRIM_SIZE, ord(size[1]), int(bool(size[2])))
        elif token.startswith("trim "):
            self._made.emit(Op.TRIM_WORD, *self._made.word_list(token[len("trim ") :].split("|")))
        elif token.startswith("cut .jpg"):
            self._made.emit(Op.CUT_RENDITION, ord(token[-1]))
        else:
            self._made.emit(Op.CUT, ord(token[-1]))

    def _take(self, token: str) -> None:
        if not token.startswith("{"):
            self._made.emit(Op.LITERAL, *self._made.literal(token))
            return
        token = token[1:-1].replace(":uuid", f":{_UUID}")
        if token.startswith("after "):
            self._made.emit(Op.AFTER_LAST, ord(token[-1]))
        elif words := _WORDS.fullmatch(token):
            first, count = self._made.word_list(words[2].split("|"))
            self._made.emit(Op.WORD, first, count, d=self._slot(words[1]))
        elif found := _FIELD.fullmatch(token):
            name, kind, fewest, most = found.groups()
            fewest, most = fewest or "1", most or fewest or "8192"
            number = list(CLASSES).index(kind)
            self._made.emit(Op.FIELD, number, int(fewest), int(most), self._slot(name))
        else:
            raise ValueError(f"no such field: {token}")

    def _slot(self, name: str) -> int:
        if not name:
            return NO_SLOT
        slot = self._slots.setdefault(name, len(self._slots))
        if slot >= MAX_SLOTS:
            raise ValueError("too many names in one form")
        return slot


def _segments(path: str) -> Iterator[list[str]]:
    """The tokens of each segment. What is taken `up to` some text stands by itself, whatever follows it."""
    tokens: list[str] = []
    for token in _TOKEN.findall(path):
        if token.startswith("{up to "):
            if tokens:
                yield tokens
            yield [token]
            tokens = []
        elif token.startswith("{"):
            tokens.append(token)
        else:
            before, *segments = token.split("/")
            tokens += [before] if before else []
            for segment in segments:
                if tokens:
                    yield tokens
                tokens = [segment] if segment else []
    if tokens:
        yield tokens


def _is_plain(tokens: list[str]) -> bool:
    return all(not token.startswith("{") and "*" not in token for token in tokens)


def _literal(tokens: list[str]) -> str:
    if tokens[0].startswith("{"):
        raise ValueError("behind ** a segment must begin with plain text")
    return tokens[0]


def _drops(token: str) -> bool:
    return token.startswith(("{trim ", "{cut ")) or (
        token.startswith("{") and _EXTENSION.fullmatch(token[1:-1]) is not None
    )
