"""Badges: small SVG pictures with fixed texts. Nothing that anybody sent is ever drawn.

Version 1 of the label table. Only a declared permission for every use is green; not knowing and not being
able to look are grey and say so.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from holdout.verdicts import Outcome
from holdout.vocabulary import UsageCategory


class Label(StrEnum):
    """What a badge can say."""

    NO_AI = "no_ai"
    NO_AI_BUT_MINING = "no_ai_but_mining"
    NO_AI_RESEARCH_OK = "no_ai_research_ok"
    NO_GENERATIVE_AI = "no_generative_ai"
    PARTLY_RESERVED = "partly_reserved"
    ASK_FIRST = "ask_first"
    REVIEW = "review"
    OPEN = "open"
    PARTLY_OPEN = "partly_open"
    NOTHING_SAID = "nothing_said"
    UNKNOWN_WORK = "unknown_work"
    UNREADABLE = "unreadable"
    NOT_CHECKED = "not_checked"


LANGUAGES: Final = ("en", "zh")
"""What `?lang=` takes. A badge heeds no Accept-Language: it is one picture, cached for all who see it."""

PAGE_LANGUAGES: Final[Mapping[str, str]] = MappingProxyType(
    dict(zip(LANGUAGES, ("en", "zh-hans"), strict=True))
)
"""The pages' code for each of `LANGUAGES`."""

_TEXTS: Final[Mapping[Label, tuple[str, str]]] = {
    Label.NO_AI: ("No AI · reserved", "禁止用于 AI · 已声明保留"),
    Label.NO_AI_BUT_MINING: ("No AI", "禁止用于 AI"),
    Label.NO_AI_RESEARCH_OK: ("No AI · research ok", "禁止用于 AI · 研究可用"),
    Label.NO_GENERATIVE_AI: ("No generative AI", "禁止用于生成式 AI"),
    Label.PARTLY_RESERVED: ("Partly reserved", "部分用途已声明保留"),
    Label.ASK_FIRST: ("Ask first", "使用前须取得许可"),
    Label.REVIEW: ("A person must look", "需人工核查"),
    Label.OPEN: ("Open", "开放使用"),
    Label.PARTLY_OPEN: ("Partly open", "部分用途开放"),
    Label.NOTHING_SAID: ("Nothing said", "尚无声明"),
    Label.UNKNOWN_WORK: ("Unknown", "未知作品"),
    Label.UNREADABLE: ("Address unreadable", "网址无法识别"),
    Label.NOT_CHECKED: ("Could not check", "暂时无法查询"),
}

_DESCRIPTIONS: Final[Mapping[Label, tuple[str, str]]] = {
    Label.NO_AI: (
        "Training AI, input to generative AI and mining are reserved.",
        "AI 训练、生成式 AI 输入和数据挖掘均已声明保留。",
    ),
    Label.NO_AI_BUT_MINING: (
        "Training AI and input to generative AI are reserved.",
        "AI 训练和生成式 AI 输入已声明保留。",
    ),
    Label.NO_AI_RESEARCH_OK: (
        "Training AI and input to generative AI are reserved; other analysis is declared as allowed.",
        "AI 训练和生成式 AI 输入已声明保留；其他分析声明为允许。",
    ),
    Label.NO_GENERATIVE_AI: (
        "Training generative AI and input to it are reserved.",
        "生成式 AI 的训练和输入已声明保留。",
    ),
    Label.PARTLY_RESERVED: ("Some uses are reserved.", "部分用途已声明保留。"),
    Label.ASK_FIRST: ("Some uses need the declarant's terms first.", "部分用途须先接受声明人的条款。"),
    Label.REVIEW: (
        "It may be a reserved picture; a person must look before any use.",
        "可能是已声明保留的图片，使用前须人工核查。",
    ),
    Label.OPEN: ("Every use is declared as allowed.", "所有用途均声明为允许。"),
    Label.PARTLY_OPEN: (
        "Some uses are declared as allowed; nothing is said about the others.",
        "部分用途声明为允许；其余用途尚无声明。",
    ),
    Label.NOTHING_SAID: ("Nothing is declared. This is not a permission.", "尚无声明。这不代表许可。"),
    Label.UNKNOWN_WORK: (
        "No work has this id. This is not a permission.",
        "没有使用此编号的作品。这不代表许可。",
    ),
    Label.UNREADABLE: (
        "The address cannot be read. This is not a permission.",
        "无法识别此网址。这不代表许可。",
    ),
    Label.NOT_CHECKED: (
        "The registry could not look. This is not a permission.",
        "登记处暂时无法查询。这不代表许可。",
    ),
}

_RED, _AMBER, _VIOLET, _GREEN, _GREY = "#8f2d2d", "#7a5410", "#574a86", "#2c6a4b", "#565d68"
_COLOURS: Final[Mapping[Label, str]] = MappingProxyType(
    dict.fromkeys(Label, _GREY)
    | dict.fromkeys(
        (
            Label.NO_AI,
            Label.NO_AI_BUT_MINING,
            Label.NO_AI_RESEARCH_OK,
            Label.NO_GENERATIVE_AI,
            Label.PARTLY_RESERVED,
        ),
        _RED,
    )
    | {Label.ASK_FIRST: _AMBER, Label.REVIEW: _VIOLET, Label.OPEN: _GREEN}
)

_NAME: Final = "Holdout"
_FONTS: Final = "Verdana,DejaVu Sans,Noto Sans SC,PingFang SC,Microsoft YaHei,sans-serif"
_ADVANCES: Final = {
    **dict.fromkeys("il·", 4.0),
    **dict.fromkeys("frt ", 5.0),
    "m": 11.5,
    **dict.fromkeys("wNHOU", 9.5),
}


def label_of(uses: Mapping[UsageCategory, Outcome]) -> Label:
    """The label for one outcome per use; a use that is missing counts as unknown."""
    at = {use: uses.get(use, Outcome.UNKNOWN) for use in UsageCategory}
    found = set(at.values())
    denied = {use for use, outcome in at.items() if outcome is Outcome.DENY}
    if denied >= {UsageCategory.TRAIN_GEN, UsageCategory.TRAIN_OTHER, UsageCategory.AI_INPUT}:
        if at[UsageCategory.TDM] is Outcome.ALLOW:
            return Label.NO_AI_RESEARCH_OK
        return Label.NO_AI if UsageCategory.TDM in denied else Label.NO_AI_BUT_MINING
    if denied >= {UsageCategory.TRAIN_GEN, UsageCategory.AI_INPUT}:
        return Label.NO_GENERATIVE_AI
    for outcome, label in (
        (Outcome.DENY, Label.PARTLY_RESERVED),
        (Outcome.CONDITIONAL, Label.ASK_FIRST),
        (Outcome.REVIEW, Label.REVIEW),
    ):
        if outcome in found:
            return label
    if found == {Outcome.ALLOW}:
        return Label.OPEN
    return Label.PARTLY_OPEN if Outcome.ALLOW in found else Label.NOTHING_SAID


def badge_svg(label: Label, *, language: str) -> str:
    """The badge as an SVG document. `language` is one of `LANGUAGES`.

    `textLength` makes the text fit the drawn width whatever font the reader has.
    """
    column = LANGUAGES.index(language)
    text, description = _TEXTS[label][column], _DESCRIPTIONS[label][column]
    name_width, text_width = _width(_NAME), _width(text)
    left = 26 + name_width + 8
    total = left + 8 + text_width + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total:g}" height="24" viewBox="0 0 {total:g} 24" '
        f'role="img" aria-labelledby="t d" lang="{("en", "zh-Hans")[column]}">'
        f'<title id="t">{_NAME}: {text}</title><desc id="d">{description}</desc>'
        f'<clipPath id="r"><rect width="{total:g}" height="24" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left:g}" height="24" fill="#1b2838"/>'
        f'<rect x="{left:g}" width="{total - left:g}" height="24" fill="{_COLOURS[label]}"/></g>'
        '<g fill="none" stroke="#fff" stroke-width="1.5" stroke-linejoin="round">'
        '<path d="M8 6.5h4.5v5.5h5.5v5.5h-10z"/><path d="M15.5 6h3v3h-3z"/></g>'
        f'<g fill="#fff" font-size="12" font-family="{_FONTS}">'
        f'<text x="26" y="16" textLength="{name_width:g}">{_NAME}</text>'
        f'<text x="{left + 8:g}" y="16" textLength="{text_width:g}">{text}</text></g></svg>'
    )


def _width(text: str) -> float:
    """Roughly what `text` takes at 12 px: a Chinese character is a square, Latin letters are Verdana's."""
    return sum(12.2 if ord(c) > 0x2E80 else _ADVANCES.get(c, 7.2) for c in text)
