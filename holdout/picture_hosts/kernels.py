"""The loop over URLs that finds their host's forms and runs them: compiled once, for one URL or for millions.

It never reads outside a row, whatever the row says, and holds no state: threads may share the compiled table.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

from holdout.picture_hosts.programs import (
    CLASSES,
    CONVERTED_EXTENSIONS,
    FNV_OFFSET,
    FNV_PRIME,
    IMAGE_EXTENSIONS,
    PAIR_FACTOR,
    Conversion,
    Op,
    Programs,
)

# What an instruction is, as plain numbers: numba compiles no enumerations.
_PREFIX: Final = int(Op.PREFIX)
_SEGMENT: Final = int(Op.SEGMENT)
_CLOSE: Final = int(Op.CLOSE)
_LITERAL: Final = int(Op.LITERAL)
_FIELD: Final = int(Op.FIELD)
_WORD: Final = int(Op.WORD)
_AFTER_LAST: Final = int(Op.AFTER_LAST)
_EXTENSION: Final = int(Op.EXTENSION)
_TRIM_SIZE: Final = int(Op.TRIM_SIZE)
_TRIM_WORD: Final = int(Op.TRIM_WORD)
_CUT: Final = int(Op.CUT)
_CUT_RENDITION: Final = int(Op.CUT_RENDITION)
_FOLDERS: Final = int(Op.FOLDERS)
_UNTIL: Final = int(Op.UNTIL)
_UP_TO: Final = int(Op.UP_TO)
_REST: Final = int(Op.REST)
_WRITE: Final = int(Op.WRITE)
_DONE: Final = int(Op.DONE)
_NO_CONVERSION: Final = int(Conversion.NONE)
_REVERSED: Final = int(Conversion.REVERSED)

_HOST_CLASS: Final = list(CLASSES).index("host")
_ANY: Final = list(CLASSES).index("any")
_LONGEST_EXTENSION: Final = max(map(len, IMAGE_EXTENSIONS))


def _packed(extension: str) -> int:
    return int.from_bytes(extension.encode(), "little")


_EXTENSIONS: Final = np.array(sorted(map(_packed, IMAGE_EXTENSIONS)), np.int64)
_CONVERTED: Final = np.array(sorted(map(_packed, CONVERTED_EXTENSIONS)), np.int64)

_SLASH: Final = ord("/")
_QUESTION: Final = ord("?")
_COMMA: Final = ord(",")
_COLON: Final = ord(":")
_DOT: Final = ord(".")
_BRACKET: Final = ord(")")
_X: Final = ord("x")
_ZERO: Final = ord("0")
_NINE: Final = ord("9")
_PICTURE: Final = 4
_ACCOUNT: Final = 5

Integer: TypeAlias = int | np.signedinteger[Any]

SPARE: Final = 1024
"""A row's keys are shorter than its text, the longest template and this."""


@njit(cache=True, nogil=True)
def find_keys(
    text: NDArray[np.uint8],
    start: NDArray[np.int64],
    length: NDArray[np.int32],
    row: Integer,
    table: Programs,
    slots: NDArray[np.int64],
    found: NDArray[np.int64],
    arena: NDArray[np.uint8],
) -> tuple[Integer, Integer, Integer]:
    """The picture and account keys of rows, from `row` on, until all are done or there is no room for more.

    Row i has its SURT text at text[start[i] : start[i] + length[i]]; one of length 0 has no keys. A key
    becomes a line of `found`, int64 of shape (room, 4): row, kind code, where in the arena its text begins
    (tag included) and how long it is. A row's picture key comes first. `slots`, int64 of shape (MAX_SLOTS,
    2), is for scratch. Returns the first row that is not done, the lines of `found` and the bytes of `arena`
    in use.

    One function: to hand a dozen arrays to another, some times a row, would take longer than most of the
    work. An index that cannot be negative is cast to unsigned, which saves numba's question whether it is.
    """
    code, starts, pool, words, classes, hashes, hosts, anywhere = table
    mask = np.uint64(hashes.shape[0] - 1)
    anywhere_first, anywhere_last = np.int64(anywhere[0]), np.int64(anywhere[1])
    count, used = np.int64(0), np.int64(0)
    while row < start.shape[0]:
        if length[row] == 0:
            row += 1
            continue
        begin = start[row]
        end = begin + length[row]

        # --- the programs of the host: starts[first:last]. On another port there are none.
        first = last = np.int64(0)
        value = np.uint64(FNV_OFFSET)
        labels = 0
        i = begin
        while i < end:
            byte = text[np.uint64(i)]
            if byte > _COMMA and byte != _COLON:
                value = (value ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
                i += 1
                continue
            ends = byte == _BRACKET and i + 1 < end and text[np.uint64(i + 1)] == _SLASH
            if ends or byte == _COMMA:
                labels += 1
                if ends or labels > 1:  # no entry is about a top-level domain
                    at = value & mask
                    while hashes[at] != 0 and hashes[at] != value:
                        at = (at + np.uint64(1)) & mask
                    if hashes[at] == 0:
                        break
                    size = np.int64(hosts[at, 1])
                    if size == i - begin and _goes_on(text, begin, i, pool, hosts[at, 0], size):
                        if ends:
                            first, last = np.int64(hosts[at, 2]), np.int64(hosts[at, 3])
                        elif hosts[at, 5] > hosts[at, 4]:
                            first, last = np.int64(hosts[at, 4]), np.int64(hosts[at, 5])
                if ends:
                    break
            elif byte == _COLON:
                first = last = np.int64(0)
                break
            value = (value ^ np.uint64(byte)) * np.uint64(FNV_PRIME)
            i += 1
        while i + 1 < end and (text[np.uint64(i)] != _BRACKET or text[np.uint64(i + 1)] != _SLASH):
            if text[np.uint64(i)] == _COLON:
                first = last = np.int64(0)
            i += 1
        path = i + 1

        # --- run them, and those of every host, until the path fits one
        matched = False
        pc = np.int64(0)
        which = first
        while not matched:
            if which == last:  # those of every host stand at the end of `starts`
                which = anywhere_first
            if which >= anywhere_last:
                break
            pc = np.int64(starts[which])
            which += 1
            slots[0, 0], slots[0, 1] = begin, path
            pos = path
            a = b = path
            while True:
                op = code[np.uint64(pc), 0]
                one, two, slot = (
                    code[np.uint64(pc), 1],
                    np.int64(code[np.uint64(pc), 2]),
                    code[np.uint64(pc), 4],
                )
                if op == _PREFIX:
                    # A literal has no question mark, so it cannot reach into the query.
                    if not _goes_on(text, pos, end, pool, one, two):
                        break
                    pos += two - 1
                elif op == _SEGMENT:
                    if pos >= end or text[np.uint64(pos)] == _QUESTION:
                        break
                    a = b = pos + 1
                    while b < end and text[np.uint64(b)] != _SLASH and text[np.uint64(b)] != _QUESTION:
                        b += 1
                    pos = b
                elif op == _FIELD:
                    limit = min(b, a + code[np.uint64(pc), 3])
                    i = a
                    if one == _ANY:
                        i = limit
                    else:
                        bit = np.uint32(1) << np.uint32(one)
                        while i < limit and classes[text[np.uint64(i)]] & bit:
                            i += 1
                    if i - a < two:
                        break
                    if slot >= 0:
                        slots[np.uint64(slot), 0], slots[np.uint64(slot), 1] = a, i
                    a = i
                elif op == _CLOSE:
                    if a != b:
                        break
                elif op == _LITERAL:
                    if not _goes_on(text, a, b, pool, one, two):
                        break
                    a += two
                elif op == _WORD:
                    taken = np.int64(-1)
                    for w in range(one, one + two):
                        if _goes_on(text, a, b, pool, words[w, 0], np.int64(words[w, 1])):
                            taken = np.int64(words[w, 1])
                            break
                    if taken < 0:
                        break
                    if slot >= 0:
                        slots[np.uint64(slot), 0], slots[np.uint64(slot), 1] = a, a + taken
                    a += taken
                elif op == _EXTENSION:
                    dot = _extension(text, a, b)
                    if dot >= 0:
                        if _is_converted(text, dot, b):
                            inner = _extension(text, a, dot)
                            if inner >= 0:
                                b, dot = dot, inner
                        if slot >= 0:
                            slots[np.uint64(slot), 0], slots[np.uint64(slot), 1] = dot + 1, b
                        b = dot
                    elif one:
                        break
                elif op == _TRIM_SIZE:
                    b = _without_size(text, a, b, one, two == 1)
                elif op == _TRIM_WORD:
                    for w in range(one, one + two):
                        size = np.int64(words[w, 1])
                        if b - a > size and _goes_on(text, b - size, b, pool, words[w, 0], size):
                            b -= size
                            break
                elif op == _UP_TO:
                    skips = np.int64(code[np.uint64(pc), 3])
                    i = pos + two
                    while i <= end:
                        pair = np.int64(text[np.uint64(i - 2)]) * PAIR_FACTOR + np.int64(
                            text[np.uint64(i - 1)]
                        )
                        skip = np.int64(pool[np.uint64(skips + (pair & 255))])
                        if skip == 0 and _goes_on(text, i - two, end, pool, one, two):
                            break
                        i += max(skip, 1)
                    if i > end:
                        break
                    size = pos
                    while size < i and text[np.uint64(size)] != _QUESTION:
                        size += 1
                    if size < i:  # it stands in the query
                        break
                    if slot >= 0:
                        slots[np.uint64(slot), 0], slots[np.uint64(slot), 1] = pos, i
                    pos = i - 1
                elif op == _FOLDERS:
                    if pos >= end or text[np.uint64(pos)] == _QUESTION:
                        break
                    a = b = pos + 1
                    while b < end and text[np.uint64(b)] != _QUESTION:
                        b += 1
                        if text[np.uint64(b - 1)] == _SLASH:
                            a = b
                    if slot >= 0:
                        slots[np.uint64(slot), 0], slots[np.uint64(slot), 1] = pos + 1, a
                    pos = b
                elif op == _AFTER_LAST:
                    i = b
                    while i > a and text[np.uint64(i - 1)] != one:
                        i -= 1
                    if i == a:
                        break
                    a = i
                elif op == _CUT:
                    i = a
                    while i < b and text[np.uint64(i)] != one:
                        i += 1
                    b = i
                elif op == _CUT_RENDITION:
                    for i in range(a + 2, b):
                        if text[np.uint64(i)] == one and _extension(text, a, i) >= 0:
                            b = i
                            break
                elif op == _UNTIL:
                    while (
                        pos < end
                        and text[np.uint64(pos)] == _SLASH
                        and not _goes_on(text, pos + 1, end, pool, one, two)
                    ):
                        pos += 1
                        while (
                            pos < end and text[np.uint64(pos)] != _SLASH and text[np.uint64(pos)] != _QUESTION
                        ):
                            pos += 1
                elif op == _REST:
                    if pos >= end or text[np.uint64(pos)] == _QUESTION:
                        break
                    pos = end
                else:  # END
                    matched = pos >= end or text[np.uint64(pos)] == _QUESTION
                    break
                pc += 1

        # --- write its keys
        if matched:
            if used + 2 * (end - begin) + SPARE > arena.shape[0] or count + 2 > found.shape[0]:
                break
            more = True
            while more:
                good = True
                at_byte = used
                pc += 1
                while code[np.uint64(pc), 0] != _DONE:
                    one, two = code[np.uint64(pc), 1], np.int64(code[np.uint64(pc), 2])
                    if code[np.uint64(pc), 0] == _WRITE:
                        for i in range(two):
                            arena[np.uint64(at_byte + i)] = pool[np.uint64(one + i)]
                        at_byte += two
                    else:
                        a, b = slots[np.uint64(one), 0], slots[np.uint64(one), 1]
                        if two == _NO_CONVERSION:
                            for i in range(b - a):
                                arena[np.uint64(at_byte + i)] = text[np.uint64(a + i)]
                            at_byte += b - a
                        else:
                            if two == _REVERSED:
                                size = np.int64(_reversed_host(text, a, b, classes, arena, at_byte))
                            else:
                                size = np.int64(_weibo_uid(text, a, b, arena, at_byte))
                            if size == 0:
                                good = False
                            at_byte += size
                    pc += 1
                if good:
                    found[count, 0] = row
                    found[count, 1] = _PICTURE if code[np.uint64(pc), 3] == 1 else _ACCOUNT
                    found[count, 2], found[count, 3] = used, at_byte - used
                    used = at_byte
                    count += 1
                more = code[np.uint64(pc), 1] == 1
        row += 1
    return row, count, used


@njit(cache=True, nogil=True)
def _goes_on(
    text: NDArray[np.uint8],
    at: Integer,
    end: Integer,
    pool: NDArray[np.uint8],
    literal: Integer,
    size: Integer,
) -> bool:
    if end - at < size:
        return False
    for k in range(size):  # noqa: SIM110 - numba compiles no all()
        if text[np.uint64(at + k)] != pool[np.uint64(literal + k)]:
            return False
    return True


@njit(cache=True, nogil=True)
def _extension(text: NDArray[np.uint8], a: Integer, b: Integer) -> Integer:
    """Where the dot of an image's extension stands at the end of text[a:b].

    -1 if there is none, or nothing before it.
    """
    dot = b - 1
    while dot > a and dot >= b - 1 - _LONGEST_EXTENSION and text[dot] != _DOT:
        dot -= 1
    if dot <= a or text[dot] != _DOT or dot == b - 1:
        return -1
    packed = np.int64(0)
    for k in range(b - 1, dot, -1):
        byte = np.int64(text[k])
        packed = packed << 8 | (byte | 0x20 if 65 <= byte <= 90 else byte)
    for known in _EXTENSIONS:
        if known == packed:
            return dot
    return -1


@njit(cache=True, nogil=True)
def _is_converted(text: NDArray[np.uint8], dot: Integer, b: Integer) -> bool:
    packed = np.int64(0)
    for k in range(b - 1, dot, -1):
        packed = packed << 8 | (np.int64(text[k]) | 0x20)
    for known in _CONVERTED:  # noqa: SIM110 - nor any()
        if known == packed:
            return True
    return False


@njit(cache=True, nogil=True)
def _without_size(
    text: NDArray[np.uint8], a: Integer, b: Integer, mark: Integer, one_may_miss: bool
) -> Integer:
    """The end of text[a:b] without a size such as -300x200 behind `mark`; b if there is none.

    One number has three or four digits, so that the name of a print (16x20) stays; something stands before.
    """
    i = b
    while i > a and b - i < 4 and _ZERO <= text[i - 1] <= _NINE:
        i -= 1
    height = b - i
    if i <= a or text[i - 1] != _X:
        return b
    i -= 1
    x = i
    while i > a and x - i < 4 and _ZERO <= text[i - 1] <= _NINE:
        i -= 1
    width = x - i
    enough = one_may_miss or (width > 0 and height > 0)
    if enough and max(width, height) >= 3 and i - 1 > a and text[i - 1] == mark:
        return i - 1
    return b


@njit(cache=True, nogil=True)
def _reversed_host(
    text: NDArray[np.uint8],
    a: Integer,
    b: Integer,
    classes: NDArray[np.uint32],
    arena: NDArray[np.uint8],
    at: Integer,
) -> Integer:
    """Write the host name in text[a:b] as SURT does, from `at` on; how many bytes, or 0 if it is none in DNS.

    That is: letters, digits, - and _ in two labels or more, the last of which does not begin with a digit,
    since it could be an address.
    """
    begin = at
    right = np.int64(b)
    labels = 0
    while right > a:
        left = right
        while left > a and text[left - 1] != _DOT:
            left -= 1
        if left == right or (labels == 0 and _ZERO <= text[left] <= _NINE):
            return 0
        if labels:
            arena[at] = _COMMA
            at += 1
        for k in range(left, right):
            byte = text[k]
            if not classes[byte] & (np.uint32(1) << np.uint32(_HOST_CLASS)):
                return 0
            arena[at] = byte | 0x20 if 65 <= byte <= 90 else byte
            at += 1
        labels += 1
        if left == a:
            return at - begin if labels > 1 else 0
        right = left - 1
    return 0


@njit(cache=True, nogil=True)
def _weibo_uid(
    text: NDArray[np.uint8], a: Integer, b: Integer, arena: NDArray[np.uint8], at: Integer
) -> Integer:
    """Write the number of the user in the first 8 characters of text[a:b]; how many bytes, or 0 without one.

    They are base 16, or after 00 base 62 with the digits 0-9a-zA-Z.
    """
    if b - a < 8:
        return 0
    wide = text[a] == _ZERO and text[a + 1] == _ZERO
    number = np.int64(0)
    for k in range(8):
        byte = np.int64(text[a + k])
        if _ZERO <= byte <= _NINE:
            digit = byte - _ZERO
        elif 97 <= byte <= (122 if wide else 102):
            digit = byte - 87
        elif wide and 65 <= byte <= 90:
            digit = byte - 29
        else:
            return 0
        number = number * (62 if wide else 16) + digit
    if number == 0:
        return 0
    size, rest = 0, number
    while rest > 0:
        size += 1
        rest //= 10
    for k in range(size - 1, -1, -1):
        arena[at + k] = _ZERO + number % 10
        number //= 10
    return size
