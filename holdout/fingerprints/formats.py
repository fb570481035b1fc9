"""Which format the first bytes announce. A file's name and what a server calls it are not looked at."""

from typing import Final

_FTYP_BRANDS_END: Final = 256


def sniff(data: bytes) -> str | None:
    """The format that the first bytes announce, one of `limits.FORMATS`, or None for every other."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp" and _brands(data) & {b"avif", b"avis"}:
        return "AVIF"
    return None


def _brands(data: bytes) -> set[bytes]:
    """The brands of an ISO media file: a HEIC file has the same shape and other brands."""
    end = min(int.from_bytes(data[:4], "big"), len(data), _FTYP_BRANDS_END)
    return {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
