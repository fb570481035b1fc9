"""Why a picture is refused: every code and its fixed text.

The texts are fixed because the sandbox's child is not trusted: it says only a code, and this table speaks.
"""

from typing import Final

from holdout.errors import UnreadablePicture
from holdout.fingerprints.limits import FORMATS, MAX_BYTES, MAX_PIXELS

_MILLIONS: Final = ", ".join(f"{name} {MAX_PIXELS[name] // 1_000_000}" for name in FORMATS)

REFUSALS: Final = {
    "picture_too_large": f"The file is larger than {MAX_BYTES // 1_000_000} MB; send a smaller copy.",
    "picture_format_unsupported": (
        f"The bytes are none of {', '.join(FORMATS)}; the file's name is not looked at. Convert the picture."
    ),
    "picture_too_many_pixels": (
        f"The picture has more pixels than are decoded (millions: {_MILLIONS}), or takes as much memory; "
        "send a smaller copy."
    ),
    "picture_damaged": "The picture is truncated or damaged; open it in an editor and save it again.",
    "picture_crashed_decoder": "The picture crashed the decoder; open it in an editor and save it again.",
    "picture_took_too_long": "Decoding the picture took too long; send a smaller or simpler copy.",
}


def refusal(code: str) -> UnreadablePicture:
    """The error to raise for one of the codes above; KeyError for any other."""
    return UnreadablePicture(code, REFUSALS[code])
