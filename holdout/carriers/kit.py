"""The kit: from one choice, everything that a creator or a site can put in place."""

import io
import json
import re
import tomllib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urljoin
from xml.sax.saxutils import escape, quoteattr

import segno

from holdout.carriers import aipref, content_signals, noai, odrl, rsl, tdmrep
from holdout.carriers.crawlers import crawlers
from holdout.carriers.robots import write_group
from holdout.errors import InvalidInput
from holdout.fetch.targets import parse_target
from holdout.vocabulary import Preference, Preferences, UsageCategory

LANGUAGES: Final = ("en", "zh-Hans")
_WORDS: Final = Path(__file__).with_name("kit.toml")
_PLATFORMS: Final = Path(__file__).with_name("platforms.toml")
_EPOCH: Final = (2026, 1, 1, 0, 0, 0)
"""Of the files in the archive: the same choice gives the same octets."""
_REFUSED: Final = frozenset({Preference.DENY, Preference.CONDITIONAL})
_RESERVATION: Final = """\
# ANY RESTRICTION IN THIS FILE IS AN EXPRESS RESERVATION OF RIGHTS UNDER ARTICLE 4
# OF DIRECTIVE (EU) 2019/790 ON COPYRIGHT IN THE DIGITAL SINGLE MARKET.
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is said, by whom, and where it will stand."""

    said: Preferences
    site: str = "https://example.com/"
    """The site for which it is; its root."""
    name: str = ""
    """Under which its maker is known."""
    number: str = ""
    """Registration number."""
    statement: str = ""
    """The address at which the registration can be looked at."""
    contact: str = ""
    """The address at which a licence can be asked for; empty: the site."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a piece is, in one language."""

    where: str
    means: str
    who: str


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to put in place."""

    id: str
    file: str
    """Its path in the archive."""
    content: bytes
    words: Mapping[str, Words]
    """By language."""


_LDH: Final = re.compile(r"[A-Za-z0-9.:-]+")


def choice_of(
    said: Preferences,
    *,
    site: str,
    name: str = "",
    number: str = "",
    statement: str = "",
    contact: str = "",
) -> Choice:
    """A choice whose texts fit into files. `site` is any address of the site.

    Raises `InvalidInput`: `nothing_to_say`, `text_not_printable`, and those of `parse_target`, also for
    `statement` and `contact`, which are addresses.
    """
    if not any(value in _REFUSED for value in said.values()):
        raise InvalidInput(
            "nothing_to_say", "Refuse a use, or ask to be asked first: the kit says nothing else."
        )
    for text in (name, number, statement, contact):
        if not text.isprintable() or len(text) > 500:
            raise InvalidInput("text_not_printable", "Give one line of at most 500 characters.")
    for address in (statement, contact):
        if address:
            parse_target(address)
    target = parse_target(site)
    if not _LDH.fullmatch(target.host):
        # A server's configuration would read `$` and the like as its own.
        raise InvalidInput("host_invalid", "No host can have this name.")
    root = urljoin(target.url, "/")
    return Choice(said, root, name, number, statement, contact)


def pieces(choice: Choice) -> tuple[Piece, ...]:
    """All that this choice comes to; what no standard can say is left out."""
    written = ((id_, write(choice)) for id_, write in _WRITERS.items())
    return tuple(
        Piece(id_, _words()[id_][0], text.encode() if isinstance(text, str) else text, _words()[id_][1])
        for id_, text in written
        if text
    )


def archive(choice: Choice) -> bytes:
    """All pieces in a zip, with a README in each language."""
    found = pieces(choice)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, content in (
            *((f"README.{language}.md", readme(found, language).encode()) for language in LANGUAGES),
            *((piece.file, piece.content) for piece in found),
        ):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.external_attr = 0o644 << 16
            whole.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def constraint(said: Preferences, statement: str) -> Mapping[str, str]:
    """The sentence that a marked picture carries, by language."""
    english, chinese, _, _ = _in_short(said)
    return {"x-default": f"{english} {statement}", "zh-Hans": f"{chinese} {statement}"}


def readme(found: tuple[Piece, ...], language: str) -> str:
    """Where each piece goes, what it means and who honours it."""
    head = {"en": "# Your No-AI kit\n", "zh-Hans": "# 您的“禁止 AI”工具包\n"}[language]
    lines = [head]
    for piece in found:
        words = piece.words[language]
        lines += [f"## {piece.file}", "", words.where, "", words.means, "", words.who, ""]
    return "\n".join(lines)


def headers(choice: Choice) -> list[tuple[str, str]]:
    """The header lines for pictures and pages."""
    lines = []
    if usage := aipref.write(choice.said):
        lines.append(("Content-Usage", usage))
    lines += tdmrep.write_headers(choice.said, policy=_policy_url(choice))
    if _is_noai(choice.said):
        lines.append(("X-Robots-Tag", noai.write_header()))
    if _licence(choice):
        lines.append(("Link", f'<{_at(choice, "license.xml")}>; rel="license"; type="{rsl.MEDIA_TYPE}"'))
    return lines


# --- pieces ------------------------------------------------------------------------------------------


def _at(choice: Choice, path: str) -> str:
    return urljoin(choice.site, path)


def _is_noai(said: Preferences) -> bool:
    """`noai` refuses training and use at run time: it is written where training is refused."""
    return said.get(UsageCategory.TRAIN_GEN) in _REFUSED


def _policy_url(choice: Choice) -> str | None:
    """Only where there are conditions: a policy beside a reservation means "ask", and not "no"."""
    asks = any(value is Preference.CONDITIONAL for value in choice.said.values())
    return _at(choice, "policy.json") if asks else None


def _robots(choice: Choice) -> str:
    rules = []
    if signal := content_signals.write(choice.said):
        rules.append(f"Content-Signal: {signal}")
    if usage := aipref.write(choice.said):
        rules.append(f"Content-Usage: {usage}")
    rules.append("Allow: /")
    if _licence(choice):
        rules.append(f"License: {_at(choice, 'license.xml')}")
    text = _RESERVATION + write_group(["*"], rules)
    if _is_noai(choice.said):
        text += "\n# AI crawlers known by name (ai.robots.txt, 2026-08-22).\n"
        text += write_group((crawler.token for crawler in crawlers()), ["Disallow: /"])
    return text


def _tdmrep(choice: Choice) -> bytes | None:
    if tdmrep.reservation_of(choice.said) != 1:
        return None
    return tdmrep.write_file([("/", choice.said, _policy_url(choice))])


def _policy(choice: Choice) -> bytes | None:
    policy = _policy_url(choice)
    if policy is None or tdmrep.reservation_of(choice.said) != 1:
        return None
    contact = choice.contact or choice.site
    return odrl.write(uid=policy, assigner=choice.site, name=choice.name or choice.site, contact=contact)


def _licence(choice: Choice) -> bytes | None:
    """None where RSL cannot say it: of what is free and what is asked for side by side, readers take the
    free for asked for as well, and what is not listed for refused.
    """
    written = rsl.write(choice.said, terms=choice.contact or choice.site)
    read = rsl.read(written, url=choice.site, at=_at(choice, "license.xml"))
    meant = {use: v for use, v in choice.said.items() if v is not Preference.DENY}
    says = read is not None and all(read.preferences.get(use, v) is v for use, v in meant.items())
    return written if says and b"<license>" in written else None


def _meta(choice: Choice) -> str:
    lines = [
        f"<meta name={quoteattr(name)} content={quoteattr(value)}>"
        for name, value in tdmrep.write_headers(choice.said, policy=_policy_url(choice))
    ]
    if _is_noai(choice.said):
        lines.append(noai.write_meta())
    if _licence(choice):
        lines.append(
            f'<link rel="license" type="{rsl.MEDIA_TYPE}" href={quoteattr(_at(choice, "license.xml"))}>'
        )
    return "".join(f"{line}\n" for line in lines)


def _nginx(choice: Choice) -> str:
    return "".join(f"add_header {name} {_quoted(value)} always;\n" for name, value in headers(choice))


def _apache(choice: Choice) -> str:
    lines = "".join(f"  Header always set {name} {_quoted(value)}\n" for name, value in headers(choice))
    return f"<IfModule mod_headers.c>\n{lines}</IfModule>\n"


def _quoted(value: str) -> str:
    """For nginx and Apache alike."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _underscore_headers(choice: Choice) -> str:
    return "/*\n" + "".join(f"  {name}: {value}\n" for name, value in headers(choice))


def _profile(choice: Choice) -> str:
    number = f" {choice.number}" if choice.number else ""
    address = f" {choice.statement}" if choice.statement else ""
    english, chinese, mark, caption = _in_short(choice.said)
    registered = (f" Registered{number} with Holdout.{address}", f"已在 Holdout 登记{number}。{address}")
    if not choice.number:
        registered = ("", "")
    return (
        f"{english}{registered[0]}\n{chinese}{registered[1]}\n\n"
        f"© {choice.name or '…'} · {mark}{number}\n© {choice.name or '…'} · {caption}{number}\n"
    )


def _in_short(said: Preferences) -> tuple[str, str, str, str]:
    """A sentence and a caption, each in English and Chinese."""
    if any(value is Preference.CONDITIONAL for value in said.values()):
        return (
            "Ask me before any AI use of my pictures.",
            "将我的作品用于 AI 之前，请先征得我的同意。",
            "AI: ask first",
            "用于 AI 请先询问",
        )
    if said.get(UsageCategory.TRAIN_OTHER) is Preference.DENY:
        return (
            "No AI training or AI use of my pictures.",
            "禁止将我的作品用于 AI 训练或 AI 生成。",
            "No AI",
            "禁止用于 AI",
        )
    return (
        "No generative AI with my pictures.",
        "禁止将我的作品用于生成式 AI。",
        "No generative AI",
        "禁止用于生成式 AI",
    )


def _mark(choice: Choice) -> str | None:
    """A corner mark: "No AI", the number, and a code that leads to the registration."""
    if not choice.statement:
        return None
    code = segno.make(choice.statement, error="m")
    side = code.symbol_size()[0]
    dots = code.svg_inline(border=2, dark="#111", light="#fff")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{side + 44}" height="{side + 8}" role="img"'
        f" aria-label={quoteattr(f'No AI {choice.number}')}>"
        '<rect width="100%" height="100%" rx="4" fill="#fff"/>'
        f'<g transform="translate(4 4)">{dots}</g>'
        '<g font-family="sans-serif" fill="#111">'
        f'<text x="{side}" y="18" font-size="12" font-weight="700">No AI</text>'
        f'<text x="{side}" y="32" font-size="11">禁止 AI</text>'
        f'<text x="{side}" y="{side}" font-size="5">{escape(choice.number)}</text></g></svg>\n'
    )


_WRITERS: Final[Mapping[str, Callable[[Choice], str | bytes | None]]] = MappingProxyType(
    {
        "robots": _robots,
        "tdmrep": _tdmrep,
        "policy": _policy,
        "licence": _licence,
        "meta": _meta,
        "nginx": _nginx,
        "apache": _apache,
        "cloudflare": _underscore_headers,
        "netlify": _underscore_headers,
        "profile": _profile,
        "mark": _mark,
    }
)


def ending(marked: bytes) -> str:
    """The usual ending of the name of a marked copy."""
    return {b"\x89": "png", b"R": "webp"}.get(marked[:1], "jpg")


@dataclass(frozen=True, slots=True)
class Platforms:
    """What platforms keep of a picture's metadata, and who found that."""

    source: str
    url: str
    kept: Mapping[str, str]
    """By platform; empty: nothing. None keeps what a marked copy says."""


@cache
def platforms() -> Platforms:
    """The table in `platforms.toml`, read once in a process."""
    return Platforms(**tomllib.loads(_PLATFORMS.read_text(encoding="utf-8")))


@cache
def _words() -> Mapping[str, tuple[str, Mapping[str, Words]]]:
    written: dict[str, Any] = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    return {
        id_: (
            fields["file"],
            MappingProxyType({language: Words(**fields[language]) for language in LANGUAGES}),
        )
        for id_, fields in written.items()
    }


def as_json(found: tuple[Piece, ...]) -> str:
    """The pieces, with their words, as JSON."""
    return json.dumps(
        [
            {
                "id": piece.id,
                "file": piece.file,
                "content": piece.content.decode(),
                "words": {
                    language: {"where": w.where, "means": w.means, "who": w.who}
                    for language, w in piece.words.items()
                },
            }
            for piece in found
        ],
        ensure_ascii=False,
    )
