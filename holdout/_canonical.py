"""The canonical form of many URLs, compiled: what `holdout.urls.canonicalize` says of each, or "ask it".

A row is read here when its scheme is http or https, and its host a plain name of less than 64 bytes: letters,
digits, "-", "_", and single dots between; no punycode; a last label that begins with no digit. Anything
may follow the host. Every other row is handed over.

Addresses are plain numbers here (see `holdout._words`). A block may be read up to 64 bytes past the end of a
row, which `canonical_rows` makes safe, and written up to 64 bytes past the end of a text, for which callers
leave `SPARE`.
"""

import string
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from holdout._words import (
    BLOCK,
    Word,
    address_of,
    copy_block,
    copy_block_lowered,
    inlined,
    inner,
    load8,
    load64,
    mask_of,
    ones,
    store8,
    zeros_above,
    zeros_below,
)
from holdout.urls import MAX_DEPTH, MAX_URL_LENGTH

INVALID: Final = 1
TOO_LONG: Final = 3
TOO_DEEP: Final = 4
HANDED_OVER: Final = 255
"""What `error` says of a row that is not read here; the others are indices into `holdout.url_keys.ERRORS`."""

SPARE: Final = 2 * BLOCK
"""Bytes that a text needs beyond three for each byte of its row."""

_HASH, _PERCENT, _COMMA, _DOT, _SLASH, _ZERO = ord("#"), ord("%"), ord(","), ord("."), ord("/"), ord("0")
_COLON, _QUESTION, _AT, _BACKSLASH, _CLOSE = ord(":"), ord("?"), ord("@"), ord("\\"), ord(")")
_SPACE: Final = ord(" ")
_SMALL_S: Final = ord("s")

_NONE: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_ALL: Final = np.uint64(0xFFFFFFFFFFFFFFFF)
_THREE_BYTES: Final = np.uint64(0xFFFFFF)
_FOUR_BYTES: Final = np.uint64(0xFFFFFFFF)
_IN_SMALL: Final = np.uint64(int.from_bytes(b"\x20\x20\x20\x20", "little"))
_HTTP: Final = np.uint64(int.from_bytes(b"http", "little"))
_XN: Final = np.uint64(int.from_bytes(b"xn--", "little"))
_SMALL_E: Final = np.uint64(int.from_bytes(b"\0\0\x20", "little"))
_ESCAPED_DOT: Final = np.uint64(int.from_bytes(b"%2e", "little"))

# WHATWG URL Standard, 1.3: the C0 control percent-encode set, and with what path and query sets add to it.
_CONTROL: Final = bytes(range(0x21)) + bytes(range(0x7F, 0x100))
_IN_PATH: Final = _CONTROL + b'"<>^`{}'
_IN_QUERY: Final = _CONTROL + b"\"'<>"
_ALPHANUMERIC: Final = (string.ascii_letters + string.digits).encode()

_name_mask: Final = mask_of(_ALPHANUMERIC + b"-_.")
_dot_mask: Final = mask_of(b".")
_dash_mask: Final = mask_of(b"-")
_slash_mask: Final = mask_of(b"/")
_question_mask: Final = mask_of(b"?")
# All that is not always copied as it stands; and three more, which leaves fewer ranges to compare with.
_line_end_mask: Final = mask_of(b"\r\n")
_suspect_mask: Final = mask_of(_IN_PATH + _IN_QUERY + b"#%\\" + b"!|~")

_ESCAPED_IN_PATH, _ESCAPED_IN_QUERY, _UNRESERVED, _BREAK, _ENDS_FOLDER = 1, 2, 4, 8, 16
_CLASS: Final[NDArray[Any]] = np.zeros(256, np.int64)
_CLASS[list(_IN_PATH)] |= _ESCAPED_IN_PATH
_CLASS[list(_IN_QUERY)] |= _ESCAPED_IN_QUERY
_CLASS[list(_ALPHANUMERIC + b"-._~")] |= _UNRESERVED
_CLASS[list(b"\t\n\r")] |= _BREAK
_CLASS[list(b"/\\?#")] |= _ENDS_FOLDER

_NO_DIGIT: Final = 16
_HEX: Final[NDArray[Any]] = np.full(256, _NO_DIGIT, np.int64)
_HEX[list(b"0123456789abcdef")] = np.arange(16)
_HEX[list(b"ABCDEF")] = np.arange(10, 16)
_DIGITS: Final[NDArray[Any]] = np.array(list(b"0123456789ABCDEF"), np.int64)


@njit(cache=True, nogil=True)
def canonical_rows(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    row: int,
    text: NDArray[np.uint8],
    used: int,
    start: NDArray[np.int64],
    length: NDArray[np.int32],
    host_length: NDArray[np.int32],
    path_start: NDArray[np.int32],
    path_end: NDArray[np.int32],
    error: NDArray[np.uint8],
) -> tuple[int, int, int]:
    """Read rows from `row` on and write what is known of them into the columns, their SURT texts into `text`.

    Stops before a row for which `text`, of which `used` bytes are taken, might be too small. Returns the row
    where it stopped, the bytes used, and how many places the URLs that it has read lie in.
    """
    places = 0
    first, behind = address_of(buffer), address_of(buffer) + buffer.shape[0]
    padded = np.empty(MAX_URL_LENGTH + BLOCK, np.uint8)
    scratch = np.empty(MAX_URL_LENGTH + BLOCK, np.uint8)
    for i in range(row, starts.shape[0]):
        begin, end = first + starts[i], first + ends[i]
        if end - begin > MAX_URL_LENGTH:
            error[i] = HANDED_OVER
            continue
        if used + 3 * (end - begin) + SPARE > text.shape[0]:
            return i, used, places
        if end + BLOCK > behind:
            begin, end = _copied(address_of(padded), begin, end)
        target = address_of(text) + used + 2
        error[i], size, host_length[i], path_start[i], path_end[i], row_places = _canonical(
            begin, end, target, address_of(scratch)
        )
        if error[i] == 0:
            start[i] = used + 2
            length[i] = size
            used += 2 + size
            places += row_places
    return starts.shape[0], used, places


@inner
def _copied(target: int, begin: int, end: int) -> tuple[int, int]:
    for i in range(end - begin):
        store8(target + i, load8(begin + i))
    return target, target + end - begin


@inlined
def _canonical(begin: int, end: int, target: int, scratch: int) -> tuple[int, int, int, int, int, int]:
    """Error, length, length of the host, start and end of the path, and number of places of one URL."""
    handed_over = (HANDED_OVER, 0, 0, 0, 0, 0)
    while begin < end and load8(begin) <= _SPACE:
        begin += 1
    while begin < end and load8(end - 1) <= _SPACE:
        end -= 1
    if _has_line_end(begin, end):
        return INVALID, 0, 0, 0, 0, 0
    host, default_port = _after_scheme(begin, end)
    if host == 0:
        return handed_over
    size, port, at = _host_and_port(host, end)
    if size == 0:  # either user info, or a host that is not plain
        host = _after_user(host, end)
        if host == 0:
            return handed_over
        size, port, at = _host_and_port(host, end)
        if size == 0:
            return handed_over
    place, labels = _write_host(host, size, target)
    if place == 0:
        return handed_over
    host_length = place - target
    if port >= 0 and port != default_port:
        place = _write_port(port, place)
    store8(place, _CLOSE)
    path = place + 1
    path_end = stop = slashes = 0
    for resolved in range(2):
        path_end, stop, slashes = _write_path_and_query(at, end, path, resolved)
        if path_end != 0:
            break
        at, end = scratch, _resolve(at, end, scratch)
        if end == 0:
            return INVALID, 0, 0, 0, 0, 0
    if path_end == 0:
        return handed_over
    size = stop - target
    # `CanonicalUrl.href` has "http://" and no ")"; port 80 is written with "https://".
    if size + 6 + (port == 80 and port != default_port) > MAX_URL_LENGTH:
        return TOO_LONG, 0, 0, 0, 0, 0
    if slashes > MAX_DEPTH:  # a host of less than 64 bytes cannot be too deep
        return TOO_DEEP, 0, 0, 0, 0, 0
    return 0, size, host_length, path - target, path_end - target, slashes + labels + 1


@inner
def _has_line_end(begin: int, end: int) -> bool:
    for block in range(begin, end, BLOCK):
        found = zeros_below(_line_end_mask(block))
        if found < min(BLOCK, end - block):
            return True
    return False


@inlined
def _after_scheme(begin: int, end: int) -> tuple[int, int]:
    """Where the authority begins, 0 if not behind "http" or "https" and a colon; and the default port."""
    if end - begin < 8 or (load64(begin) | _IN_SMALL) & _FOUR_BYTES != _HTTP:
        return 0, 0
    default_port = 80
    at = begin + 4
    if load8(at) | 0x20 == _SMALL_S:
        default_port = 443
        at += 1
    if load8(at) != _COLON:
        return 0, 0
    at += 1
    while at < end and (load8(at) == _SLASH or load8(at) == _BACKSLASH):
        at += 1
    return at, default_port


@inner
def _host_and_port(begin: int, end: int) -> tuple[int, int, int]:
    """Length of the plain name at `begin` (0: there is none), port or -1, and where the path begins."""
    size = min(zeros_below(~_name_mask(begin)), end - begin)
    at = begin + size
    if size <= 0 or size == BLOCK:
        return 0, -1, at
    if at == end or _CLASS[load8(at)] & _ENDS_FOLDER:
        return size, -1, at
    if load8(at) != _COLON:
        return 0, -1, at
    at += 1
    first, last = at, min(end, at + 6)
    port = 0
    while at < last and _HEX[load8(at)] < 10:
        port = 10 * port + load8(at) - _ZERO
        at += 1
    if port > 65535 or (at < end and not _CLASS[load8(at)] & _ENDS_FOLDER):
        return 0, -1, at
    return size, port if at > first else -1, at


@inner
def _after_user(begin: int, end: int) -> int:
    """Behind the last "@" of the authority; 0 where there is none, or something else must be seen to."""
    found = 0
    for at in range(begin, end):
        byte = load8(at)
        if _CLASS[byte] & _ENDS_FOLDER:
            break
        if byte < _SPACE or byte > 0x7F:
            return 0
        if byte == _AT:
            found = at + 1
    return found


@inlined
def _write_host(begin: int, size: int, target: int) -> tuple[int, int]:
    """Write the labels of a host of `size` < 64 plain bytes from the last to the first, in small letters.

    Returns the end of what is written, 0 for a host that has to be handed over, and the number of labels.
    """
    within = (_ONE << np.uint64(size)) - _ONE
    dots = _dot_mask(begin) & within
    dashes = _dash_mask(begin) & within
    if dashes & (dashes >> _ONE) and _maybe_punycode(begin, dashes & (dashes >> _ONE)):
        return 0, 0
    if load8(begin + size - 1) == _DOT:
        size -= 1
        dots ^= _ONE << np.uint64(size)
    # No empty labels: none at the start, none at the end, no two dots side by side.
    if size == 0 or dots & (dots >> _ONE) or dots & _ONE or load8(begin + size - 1) == _DOT:
        return 0, 0
    if _HEX[load8(begin + BLOCK - zeros_above(dots))] < 10:  # maybe an IPv4 address
        return 0, 0
    labels = 1
    while dots:
        dot = BLOCK - 1 - zeros_above(dots)
        copy_block_lowered(target, begin + dot + 1)
        target += size - dot
        store8(target - 1, _COMMA)
        dots ^= _ONE << np.uint64(dot)
        size = dot
        labels += 1
    copy_block_lowered(target, begin)
    return target + size, labels


@inner
def _maybe_punycode(begin: int, pairs: Word) -> bool:
    """Whether "xn" stands before one of the pairs of dashes, whose first dashes are given as bits."""
    while pairs:
        at = zeros_below(pairs)
        if at >= 2 and (load64(begin + at - 2) | _IN_SMALL) & _FOUR_BYTES == _XN:
            return True
        pairs &= pairs - _ONE
    return False


@inner
def _write_port(port: int, target: int) -> int:
    digits = 1 + (port >= 10) + (port >= 100) + (port >= 1000) + (port >= 10000)
    store8(target, _COLON)
    for i in range(digits, 0, -1):
        store8(target + i, _ZERO + port % 10)
        port //= 10
    return target + 1 + digits


@inner
def _write_path_and_query(begin: int, end: int, target: int, resolved: int) -> tuple[int, int, int]:
    """Write path and query with their escapes as WHATWG and `holdout.urls` together leave them.

    Copies block by block up to the next byte that may have to be changed. Returns the end of the path, the
    end of all, and the slashes in the path. The end is 0 for what is not UTF-8; and where `_resolve` may have
    something to do, unless `resolved` says that it has been there.
    """
    slashes, path_end = 0, 0
    if begin == end or load8(begin) == _QUESTION or load8(begin) == _HASH:
        store8(target, _SLASH)
        target += 1
        slashes = 1
    escaped = _ESCAPED_IN_PATH
    in_path, after_slash = _ALL, _NONE
    malformed, is_utf8 = 0, False
    at = begin
    while at < end:
        valid = _ALL >> np.uint64(max(0, BLOCK - (end - at)))
        stops = _suspect_mask(at) & valid
        run = _below(stops) & valid
        questions = _question_mask(at) & run & in_path
        in_path &= _below(questions)
        slash = _slash_mask(at) & run & in_path
        if _dot_mask(at) & (slash << _ONE | after_slash) & run & in_path and not resolved:
            return 0, 0, 0
        copy_block(target, at)
        slashes += ones(slash)
        if questions:
            path_end = target + zeros_below(questions)
            in_path = _NONE
            escaped = _ESCAPED_IN_QUERY
        size = ones(run)
        at += size
        target += size
        if not stops:
            after_slash = slash >> np.uint64(BLOCK - 1)
            continue
        after_slash = _NONE
        byte = load8(at)
        if byte > 0x7F and not is_utf8:
            is_utf8 = _is_utf8(at, end)
            if not is_utf8:
                return 0, 0, 0
        if byte == _PERCENT:
            if at + 2 < end and _HEX[load8(at + 1)] != _NO_DIGIT and _HEX[load8(at + 2)] != _NO_DIGIT:
                byte = _HEX[load8(at + 1)] << 4 | _HEX[load8(at + 2)]
                if byte == _DOT and load8(at - 1) == _SLASH and in_path and not resolved:
                    return 0, 0, 0
                # A decoded digit must not complete the malformed percent sign before it, as in "%%32e".
                follows = malformed == at - 1 or (malformed == at - 2 and _HEX[load8(at - 1)] != _NO_DIGIT)
                if _CLASS[byte] & _UNRESERVED and not (follows and _HEX[byte] != _NO_DIGIT):
                    store8(target, byte)
                    target += 1
                else:
                    target = _write_escape(byte, target)
                at += 3
                continue
            malformed = at
        elif byte == _HASH:
            if not is_utf8 and not _is_utf8(at, end):
                return 0, 0, 0
            break
        elif _CLASS[byte] & _BREAK or (byte == _BACKSLASH and in_path):
            return 0, 0, 0
        if _CLASS[byte] & escaped:
            target = _write_escape(byte, target)
        else:
            store8(target, byte)
            target += 1
        at += 1
    if path_end == 0:
        path_end = target
    elif target == path_end + 1:  # a question mark alone
        target = path_end
    return path_end, target, slashes


@inner
def _below(bits: Word) -> Word:
    """The bits below the lowest one that is set; all where none is."""
    return ~bits & (bits - _ONE)


@inner
def _write_escape(byte: int, target: int) -> int:
    store8(target, _PERCENT)
    store8(target + 1, _DIGITS[byte >> 4])
    store8(target + 2, _DIGITS[byte & 15])
    return target + 3


@inner
def _resolve(begin: int, end: int, scratch: int) -> int:
    """Write path, query and fragment to `scratch` as a browser reads them before it escapes anything.

    That is without tabs and line ends, and in the path without backslashes and the folders "." and "..".
    Returns where they end, 0 where they are not UTF-8.
    """
    if not _is_utf8(begin, end):
        return 0
    at, end = scratch, _without_breaks(scratch, begin, end)
    target = scratch
    # In place: what is written is never longer than what has been read.
    while at < end and (load8(at) == _SLASH or load8(at) == _BACKSLASH):
        store8(target, _SLASH)
        at += 1
        target += 1
        folder = target
        while at < end and not _CLASS[load8(at)] & _ENDS_FOLDER:
            store8(target, load8(at))
            at += 1
            target += 1
        dots = _dots(folder, target)
        if dots == 0:
            continue
        target = folder
        if dots == 2 and target - 1 > scratch:
            target -= 1
            while load8(target - 1) != _SLASH:
                target -= 1
        if at < end and (load8(at) == _SLASH or load8(at) == _BACKSLASH):
            target -= 1  # the next folder brings its own slash
    while at < end:
        store8(target, load8(at))
        at += 1
        target += 1
    return target


@inner
def _without_breaks(target: int, begin: int, end: int) -> int:
    for at in range(begin, end):
        byte = load8(at)
        store8(target, byte)
        target += not _CLASS[byte] & _BREAK
    return target


@inner
def _dots(at: int, end: int) -> int:
    """1 or 2 for a folder of that many dots, each plain or escaped; 0 for any other."""
    dots = 0
    while at < end and dots < 3:
        if load8(at) == _DOT:
            at += 1
        elif end - at >= 3 and load64(at) & _THREE_BYTES | _SMALL_E == _ESCAPED_DOT:
            at += 3
        else:
            return 0
        dots += 1
    return dots if dots < 3 else 0


@inner
def _is_utf8(at: int, end: int) -> bool:
    """Whether Python's strict decoder would take these bytes."""
    while at < end:
        lead = load8(at)
        at += 1
        if lead < 0x80:
            continue
        if lead < 0xC2 or lead > 0xF4:
            return False
        more = 1 + (lead >= 0xE0) + (lead >= 0xF0)
        if at + more > end:
            return False
        lowest, highest = 0x80, 0xBF
        if lead == 0xE0:  # not longer than needed
            lowest = 0xA0
        elif lead == 0xED:  # no surrogates
            highest = 0x9F
        elif lead == 0xF0:
            lowest = 0x90
        elif lead == 0xF4:  # nothing above U+10FFFF
            highest = 0x8F
        for _ in range(more):
            if load8(at) < lowest or load8(at) > highest:
                return False
            lowest, highest = 0x80, 0xBF
            at += 1
    return True
