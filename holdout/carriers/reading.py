"""What is given to a reader, made ready: octets as text, within a limit, with a note of what went wrong."""

from typing import Final

from holdout.signals import Note

LIMIT: Final = 1 << 20
"""Octets of a text that are read. RFC 9309 demands 500 KiB of robots.txt; more than this nobody writes."""
_SHOWN: Final = 80

NOTES: Final = {
    "too_long": "Only the first part was read: the file is longer than any reader has to go.",
    "not_utf8": "This is no UTF-8; what could not be read as text was passed over.",
}


def as_text(read: bytes, *, limit: int = LIMIT) -> tuple[str, list[Note]]:
    """The text of these octets (UTF-8, a byte order mark is dropped), as far as the limit goes."""
    notes = []
    if len(read) > limit:
        notes.append(Note("too_long"))
        read = read[:limit]
    try:
        text = read.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = read.decode("utf-8-sig", "replace")
        if not notes or "\ufffd" in text[:-1]:
            notes.append(Note("not_utf8"))
    return text, notes


def shown(text: str) -> str:
    """A piece of the source for a note: one line, no control characters, short."""
    line = "".join(c if c.isprintable() else " " for c in text[: _SHOWN * 4]).strip()
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
