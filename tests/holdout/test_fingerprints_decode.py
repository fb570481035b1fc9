import hashlib
import io
import struct
import time
import zipfile
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from holdout.errors import UnreadablePicture
from holdout.fingerprints.decode import decode
from holdout.fingerprints.formats import sniff
from holdout.fingerprints.limits import FORMATS, MAX_BYTES, MAX_PIXELS, MAX_PIXELS_DECODED
from holdout.fingerprints.upright import Upright
from holdout.fingerprints.vectors import texture
from holdout.fingerprints.working_copy import working_copy, working_size

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


def open_picture(data: bytes) -> Image.Image:
    """The working copy of the first frame: of so small pictures that is the picture."""
    return decode(data).frames[0]


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
    assert (
        decode(encoded(stored, "PNG", exif=exif.tobytes())).pixels == decode(encoded(upright, "PNG")).pixels
    )


def test_broken_exif_does_not_refuse_the_picture() -> None:
    data = encoded(photo(), "JPEG", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert open_picture(data).size == (120, 80)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_of_an_animation_the_first_frame_comes_first(kind: str) -> None:
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


def digest_of(pixels: NDArray[np.uint8]) -> bytes:
    height, width = pixels.shape[:2]
    return hashlib.sha256(f"{width} {height}\n".encode() + pixels.tobytes()).digest()


def test_the_pixels_digest_is_that_of_size_and_rgb_bytes() -> None:
    image = photo(width=1300, height=700)
    assert decode(encoded(image, "PNG")).pixels == digest_of(np.asarray(image))


def test_the_pixels_digest_outlives_a_change_of_format_and_of_file() -> None:
    image = photo()
    files = [encoded(image, "PNG", compress_level=level) for level in (1, 9)]
    files += [encoded(image, "WEBP", lossless=True), encoded(image.convert("RGBA"), "PNG")]
    assert len(set(files)) == 4
    assert len({decode(data).pixels for data in files}) == 1


def test_the_same_bytes_in_another_shape_have_another_pixels_digest() -> None:
    plain = Image.new("RGB", (60, 40), "red")
    assert decode(encoded(plain, "PNG")).pixels != decode(encoded(plain.resize((40, 60)), "PNG")).pixels


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "I;16", "CMYK"])
def test_strips_of_a_large_picture_are_the_picture(mode: str, orientation: int) -> None:
    """More pixels than a strip has, by upright rows, whatever the picture's pixels and orientation."""
    levels = texture(seed=3, width=1501, height=1103)
    stored = Image.fromarray(np.dstack([levels, levels.T[::-1].reshape(levels.shape), levels, levels]))
    stored = Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else stored.convert(mode)
    upright = Upright(stored, orientation)
    whole = upright.rows(0, upright.size[1])
    digest = hashlib.sha256()
    copy = working_copy(upright, (10_000, 10_000), digest=digest)
    assert copy.size == upright.size == whole.size
    assert np.array_equal(np.asarray(copy), np.asarray(whole))
    assert digest.digest() == hashlib.sha256(whole.tobytes()).digest()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((800, 600), (800, 600)),
        ((4000, 3000), (1024, 768)),
        ((3000, 1500), (1024, 512)),
        ((12_000, 800), (10_240, 683)),
        ((1000, 36_000), (471, 16_971)),
        ((2**20, 1), (2**20, 1)),
    ],
)
def test_a_working_copy_keeps_its_shape_and_the_resolution_of_a_strip(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert working_size(*size) == expected


def test_a_working_copy_is_as_good_as_a_lanczos_filter_over_the_whole() -> None:
    picture = Image.fromarray(texture(seed=1, width=2100, height=1500)).convert("RGB")
    copy = decode(encoded(picture, "PNG")).frames[0]
    direct = picture.resize(copy.size, Image.Resampling.LANCZOS)
    assert copy.size == (1024, 731)
    assert np.abs(np.asarray(copy).astype(int) - np.asarray(direct)).mean() < 1.5


@pytest.mark.slow
def test_a_jpeg_too_large_to_be_decoded_whole_is_decoded_scaled() -> None:
    small = photo(width=500, height=400)
    found = decode(encoded(small.resize((7500, 6000)), "JPEG"))
    assert (found.width, found.height, found.pixels) == (7500, 6000, None)
    assert found.frames[0].size == (1024, 819)
    near = np.asarray(found.frames[0].resize((100, 80))).astype(int) - np.asarray(small.resize((100, 80)))
    assert np.abs(near).mean() < 6


@pytest.mark.slow
def test_a_large_progressive_jpeg_is_scaled_for_what_its_decoder_keeps() -> None:
    flat = Image.new("RGB", (6000, 5900), "green")
    assert decode(encoded(flat, "JPEG", progressive=True, subsampling=2)).pixels is None
    assert refusal_of(encoded(flat, "JPEG", progressive=True, subsampling=0)) == "picture_too_many_pixels"


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "PNG"])
def test_only_a_jpeg_may_have_more_pixels_than_are_decoded(kind: str) -> None:
    assert MAX_PIXELS[kind] <= MAX_PIXELS_DECODED < MAX_PIXELS["JPEG"]


# Animations


def scenes(*seeds: int) -> list[Image.Image]:
    return [photo_of(seed) for seed in seeds]


def photo_of(seed: int) -> Image.Image:
    return Image.fromarray(texture(seed=seed)).convert("RGB")


def animation(frames: list[Image.Image], kind: str) -> bytes:
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_frames_that_show_something_else_are_kept_too(kind: str) -> None:
    shown = scenes(1, 2, 3, 4)
    kept = decode(animation(shown, kind)).frames
    assert len(kept) == 4
    for wanted, found in zip(shown, kept, strict=True):
        assert np.abs(np.asarray(wanted).astype(int) - np.asarray(found)).mean() < 12


def test_frames_that_differ_little_are_one() -> None:
    shown = [ImageEnhance.Brightness(photo_of(1)).enhance(1 + step / 100) for step in range(6)]
    assert len(decode(animation(shown, "PNG")).frames) == 1


def test_of_many_frames_four_are_kept_spread_evenly() -> None:
    shown = scenes(*range(40))
    kept = decode(animation(shown, "PNG")).frames
    assert [
        np.array_equal(np.asarray(found), np.asarray(shown[at]))
        for found, at in zip(kept, (0, 10, 20, 30), strict=True)
    ] == [True] * 4


def test_a_gif_of_very_many_frames_costs_no_more_than_one_of_a_hundred() -> None:
    data = animation([Image.new("P", (400, 400), colour) for colour in (1, 2)], "GIF")
    head, frame = data[: data.index(b"\x21\xf9\4")], data[data.rindex(b"\x21\xf9\4") : -1]
    started = time.process_time()
    assert len(decode(head + frame * (20_000_000 // len(frame)) + b"\x3b").frames) == 1
    assert time.process_time() - started < 2.0
    sub_blocks = head + b"\x21\xfe" + b"\1x" * 5_000_000
    started = time.process_time()
    assert refusal_of(sub_blocks) == "picture_damaged"
    assert time.process_time() - started < 4.0


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_that_breaks_off_keeps_its_first_frame(kind: str) -> None:
    shown = scenes(1, 2, 3, 4)
    data = animation(shown, kind)
    try:
        kept = decode(data[: len(data) // 2]).frames
    except UnreadablePicture:
        assert kind == "WEBP"  # libwebp wants the whole file before it starts
    else:
        assert 1 <= len(kept) < 4


def test_a_phones_second_picture_is_no_animation() -> None:
    data = encoded(photo_of(1), "MPO", save_all=True, append_images=[photo_of(2)])
    assert len(decode(data).frames) == 1
