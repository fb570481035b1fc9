"""The mails that Django's file backend wrote, read back as text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Final

_BETWEEN: Final = re.compile(rb"^-{79}\n", re.MULTILINE)  # as django.core.mail.backends.console writes it
_PARSER: Final = BytesParser(policy=policy.default)


@dataclass(frozen=True, slots=True)
class Mail:
    """One outgoing mail, its headers as they are written and its plain text."""

    to: str
    subject: str
    date: str
    text: str


def newest_mails(folder: Path, *, limit: int) -> list[Mail]:
    """At most `limit` mails from the files in `folder`, the newest first; none while there is no folder."""
    files = sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    mails: list[Mail] = []
    for file in files:
        mails += reversed(list(_mails_in(file.read_bytes())))
        if len(mails) >= limit:
            break
    return mails[:limit]


def _mails_in(data: bytes) -> Iterator[Mail]:
    for part in _BETWEEN.split(data):
        if part.strip():
            message = _PARSER.parsebytes(part)
            yield Mail(
                to=str(message["To"] or ""),
                subject=str(message["Subject"] or ""),
                date=str(message["Date"] or ""),
                text=_text(message),
            )


def _text(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain",))
    return str(body.get_content()).strip() if body else ""
