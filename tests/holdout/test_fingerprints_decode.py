import io
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from holdout.errors import UnreadablePicture
from holdout.fingerprints.decode import open_picture, sniff
from holdout.fingerprints.limits import FORMATS, MAX_BYTES
from holdout.fingerprints.vectors import texture

RED, WHITE = (255, 0, 0), (255, 255, 255)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(*, width: int = 120, height: int = 80) -> Image.Image:
    return Image.fromarray(np.dstack([texture(seed=seed, width=width, height=height) for seed in range(3)]))


def left_red_right_clear(mode: str = "RGBA") -> Image.Image:
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 20, 20))
    return image.convert(mode)


def png_with_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def refusal_of(data: bytes) -> str:
    with pytest.raises(UnreadablePicture) as caught:
        open_picture(data)
    return caught.value.code


def close(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], *, by: int = 12) -> bool:
    pixel = image.getpixel(at)
    assert isinstance(pixel, tuple)
    return max(abs(a - b) for a, b in zip(pixel, colour, strict=True)) <= by


@pytest.mark.parametrize("kind", FORMATS)
def test_each_format_of_the_allow_list_becomes_rgb(kind: str) -> None:
    data = encoded(photo(), kind)
    assert sniff(data) == kind
    image = open_picture(data)
    assert (image.mode, image.size) == ("RGB", (120, 80))
    assert np.abs(np.asarray(image).astype(int) - np.asarray(photo())).mean() < 20


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_every_kind_of_jpeg_and_png_pixel_becomes_rgb(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "PNG"
    assert open_picture(encoded(photo().convert(mode), kind)).mode == "RGB"


def test_a_cmyk_jpeg_keeps_its_colours() -> None:
    data = encoded(Image.new("RGB", (32, 32), RED).convert("CMYK"), "JPEG", quality=95)
    assert close(open_picture(data), (5, 5), RED)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    levels = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    image = open_picture(encoded(Image.fromarray(levels), "PNG"))
    assert np.array_equal(np.asarray(image)[..., 0], levels >> 8)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP", "AVIF"])
def test_transparency_is_flattened_on_white(kind: str) -> None:
    image = open_picture(encoded(left_red_right_clear(), kind))
    assert close(image, (5, 10), RED)
    assert close(image, (35, 10), WHITE)


def test_half_transparency_is_mixed_with_white() -> None:
    image = open_picture(encoded(Image.new("RGBA", (40, 40), (0, 0, 0, 128)), "PNG"))
    assert close(image, (5, 5), (127, 127, 127), by=1)


def test_a_transparent_palette_entry_is_flattened_on_white() -> None:
    image = Image.new("P", (40, 20), 0)
    image.putpalette([0, 0, 0, *RED])
    image.paste(1, (0, 0, 20, 20))
    opened = open_picture(encoded(image, "PNG", transparency=0))
    assert (opened.getpixel((5, 10)), opened.getpixel((35, 10))) == (RED, WHITE)


def test_grey_with_transparency_is_flattened_on_white() -> None:
    image = open_picture(encoded(Image.new("LA", (40, 40), (0, 0)), "PNG"))
    assert image.getpixel((5, 5)) == WHITE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_stands_upright_whatever_exif_says(kind: str, orientation: int) -> None:
    stored = photo()
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_picture(encoded(stored, kind, exif=exif.tobytes(), quality=95))
    turns = {2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE"}
    turns |= {6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90"}
    upright = stored if orientation == 1 else stored.transpose(Image.Transpose[turns[orientation]])
    assert opened.size == upright.size
    assert np.abs(np.asarray(opened).astype(int) - np.asarray(upright)).mean() < 10


def test_broken_exif_does_not_refuse_the_picture() -> None:
    data = encoded(photo(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert open_picture(data).size == (120, 80)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)
    assert close(open_picture(data), (20, 20), RED)


def test_a_phones_jpeg_of_several_pictures_is_a_jpeg() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[photo()])
    assert sniff(data) == "JPEG"
    assert open_picture(data).size == (120, 80)


def test_one_pixel_is_a_picture() -> None:
    assert open_picture(encoded(Image.new("RGB", (1, 1), "red"), "PNG")).size == (1, 1)


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("photo.jpg", encoded(photo(), "JPEG"))
    return file.getvalue()


UNSUPPORTED = {
    "empty": b"",
    "a zip renamed .jpg": zipped(),
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "tiff": encoded(photo(), "TIFF"),
    "bmp": encoded(photo(), "BMP"),
    "ico": encoded(photo(), "ICO"),
    "jpeg 2000": encoded(photo(), "JPEG2000"),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100),
    "html": b"<!doctype html>",
    "riff that is sound": b"RIFF\x24\0\0\0WAVEfmt ",
}


@pytest.mark.parametrize("data", UNSUPPORTED.values(), ids=UNSUPPORTED.keys())
def test_anything_outside_the_allow_list_is_unsupported(data: bytes) -> None:
    assert refusal_of(data) == "picture_format_unsupported"


def test_a_file_over_the_limit_is_refused_before_it_is_looked_at() -> None:
    assert refusal_of(encoded(photo(), "JPEG") + bytes(MAX_BYTES)) == "picture_too_large"


@pytest.mark.parametrize(
    ("width", "height"), [(60_000, 60_000), (10_000, 10_000), (60_000, 834), (2**31 - 1, 1)]
)
def test_too_many_pixels_are_refused_by_the_header_in_no_time(width: int, height: int) -> None:
    started = time.perf_counter()
    assert refusal_of(png_with_header(width, height)) == "picture_too_many_pixels"
    assert time.perf_counter() - started < 0.2


def test_a_gif_whose_frame_is_larger_than_its_screen_is_measured_by_the_frame() -> None:
    data = bytearray(encoded(Image.new("P", (8, 8)), "GIF"))
    frame = data.index(b"\x2c\0\0\0\0\x08\0\x08\0")
    data[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    assert refusal_of(bytes(data)) == "picture_too_many_pixels"


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7])
def test_a_truncated_file_is_damaged(kind: str, share: float) -> None:
    data = encoded(photo(), kind)
    assert refusal_of(data[: max(16, int(len(data) * share))]) in (
        "picture_damaged",
        "picture_format_unsupported",
    )


def test_a_truncated_jpeg_is_damaged() -> None:
    data = encoded(photo(), "JPEG")
    assert refusal_of(data[: len(data) // 2]) == "picture_damaged"
    assert refusal_of(data[:3]) == "picture_damaged"


def test_a_compressed_text_bomb_in_a_png_is_damage() -> None:
    body = b"note\0\0" + zlib.compress(bytes(64_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    whole = encoded(photo(), "PNG")
    assert refusal_of(whole[:33] + chunk + whole[33:]) == "picture_damaged"
