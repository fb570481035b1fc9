"""What is known of a picture once it has been looked at, and how that is written as bytes.

The bytes go from the sandbox's child to its parent, and from a vendor's command to its files and to a
registry: whoever reads them did not write them, so every length, count and number is checked.
"""

from enum import StrEnum
from typing import Annotated, Final, Self

import msgspec

from holdout.errors import InvalidInput
from holdout.fingerprints.limits import (
    FORMATS,
    MAX_FINGERPRINT_BYTES,
    MAX_KEYPOINT_BYTES,
    MAX_KEYPOINT_BYTES_IN_ALL,
    MAX_PANES,
    MAX_PIXELS,
)

_VERSION: Final = b"HOF\x01"
"""What the bytes begin with. Another layout, or another algorithm behind a field, is another version."""

ORIENTATIONS: Final = 8

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels of the upright picture; right and bottom exclusive."""

_Code = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Codes = Annotated[tuple[_Code, ...], msgspec.Meta(max_length=ORIENTATIONS)]
_Side = Annotated[int, msgspec.Meta(ge=0, le=max(MAX_PIXELS.values()))]


class PaneKind(StrEnum):
    """What part of a picture a pane is; `panes` says where they lie."""

    WHOLE = "whole"
    WINDOW = "window"
    FRAME = "frame"
    RECTANGLE = "rectangle"
    CONTENT = "content"


class Gate(StrEnum):
    """Whether a pane's looks are worth comparing, and if not, why; `quality` says how that is found."""

    OK = "ok"
    TINY = "tiny"
    FLAT = "flat"
    TEXT_ONLY = "text_only"
    GENERIC = "generic"
    """It looks like a picture that many have: a placeholder, a texture, a calibration chart."""


class Pane(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The fingerprints of one rectangle of one frame.

    `quality` is PDQ's, 0 to 100. Where the gate is not `ok` there are no codes, and keypoints of `flat` panes
    alone. Otherwise there is one code of each algorithm (a registration's) or those of the eight orientations
    (a query's), the upright one first; row k < 4 is the pane turned k quarter turns counter-clockwise, 4 + k
    the same of its mirror image. `keypoints` is as `holdout.fingerprints.local` writes them, empty where none
    were taken.
    """

    kind: PaneKind
    box: tuple[_Side, _Side, _Side, _Side]
    gate: Gate
    quality: Annotated[int, msgspec.Meta(ge=0, le=100)]
    phash: _Codes
    pdq: _Codes
    keypoints: Annotated[bytes, msgspec.Meta(max_length=MAX_KEYPOINT_BYTES)]


class PictureFingerprints(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The fingerprints of one picture.

    `width` and `height` are in pixels, upright (after EXIF orientation), as the file has them. `format` is
    one of `limits.FORMATS`. `pixels` is None for a picture that was decoded scaled, `iscc_image` for a query.
    `panes[0]` is the whole picture.
    """

    sha256: _Code
    pixels: _Code | None
    iscc_image: _Code | None
    iscc_instance: _Code
    width: Annotated[int, msgspec.Meta(ge=1)]
    height: Annotated[int, msgspec.Meta(ge=1)]
    format: str
    panes: Annotated[tuple[Pane, ...], msgspec.Meta(min_length=1, max_length=MAX_PANES)]

    @property
    def usable(self) -> bool:
        """Whether the gate let the whole picture pass."""
        return self.panes[0].gate is Gate.OK

    @property
    def phash(self) -> bytes | None:
        """The upright whole picture's `phash-256/1`, None if the gate refused it."""
        return self.panes[0].phash[0] if self.usable else None

    @property
    def pdq(self) -> bytes | None:
        """The upright whole picture's `pdq-256/1`, None if the gate refused it."""
        return self.panes[0].pdq[0] if self.usable else None

    @property
    def is_query(self) -> bool:
        """Whether these are to ask with: the codes of eight orientations, and descriptors for keypoints."""
        return self.iscc_image is None

    def to_bytes(self) -> bytes:
        """These fingerprints, with their version; ValueError if `from_bytes` would refuse them."""
        data = _VERSION + _ENCODER.encode(self)
        if len(data) > MAX_FINGERPRINT_BYTES or not self._holds():
            raise ValueError("no picture has these fingerprints")
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` wrote. Raises InvalidInput `fingerprint_malformed` for anything else."""
        if len(data) > MAX_FINGERPRINT_BYTES or not data.startswith(_VERSION):
            raise _malformed()
        try:
            found = msgspec.msgpack.decode(memoryview(data)[len(_VERSION) :], type=cls)
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            raise _malformed() from error
        if not found._holds():
            raise _malformed()
        return found

    def _holds(self) -> bool:
        """What the types alone do not say."""
        whole, *others = self.panes
        return (
            self.format in FORMATS
            and self.width * self.height <= MAX_PIXELS[self.format]
            and whole.kind is PaneKind.WHOLE
            and whole.box == (0, 0, self.width, self.height)
            and not any(pane.kind is PaneKind.WHOLE for pane in others)
            and all(self._pane_holds(pane) for pane in self.panes)
            and sum(len(pane.keypoints) for pane in self.panes) <= MAX_KEYPOINT_BYTES_IN_ALL
        )

    def _pane_holds(self, pane: Pane) -> bool:
        left, top, right, bottom = pane.box
        expected = 0 if pane.gate is not Gate.OK else ORIENTATIONS if self.is_query else 1
        return (
            left < right <= self.width
            and top < bottom <= self.height
            and len(pane.phash) == len(pane.pdq) == expected
            and (pane.gate in _WITH_KEYPOINTS or not pane.keypoints)
        )


_WITH_KEYPOINTS: Final = (Gate.OK, Gate.FLAT)


def _malformed() -> InvalidInput:
    return InvalidInput("fingerprint_malformed", "These bytes are not the fingerprints of a picture.")


_ENCODER: Final = msgspec.msgpack.Encoder()
