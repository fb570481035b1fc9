"""What every note of a reader says in words, by its code."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from holdout.carriers import (
    ai_txt,
    aipref,
    cawg,
    content_signals,
    iscc,
    noai,
    odrl,
    plus,
    reading,
    robots,
    rsl,
    tdmrep,
    xmp,
)

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        code: words
        for module in (
            reading,
            robots,
            aipref,
            content_signals,
            noai,
            ai_txt,
            tdmrep,
            odrl,
            rsl,
            xmp,
            plus,
            cawg,
            iscc,
        )
        for code, words in module.NOTES.items()
    }
)
