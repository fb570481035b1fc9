"""What is known of a picture once it has been looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PictureFingerprints:
    """The fingerprints of one picture.

    `width` and `height` are in pixels, upright (after EXIF orientation). `format` is one of `limits.FORMATS`.
    `usable` says that the quality gate let the picture pass; when it is false `phash` is None and
    `orientations` empty. `orientations` holds eight codes if they were asked for, `orientations[0] == phash`.
    """

    sha256: bytes
    phash: bytes | None
    orientations: tuple[bytes, ...]
    width: int
    height: int
    format: str
    usable: bool
