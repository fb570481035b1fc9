import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from holdout.errors import InvalidInput
from holdout.fingerprints import pdq
from holdout.fingerprints.describe import describe
from holdout.fingerprints.exact import sha256
from holdout.fingerprints.iscc import image_code, instance_code
from holdout.fingerprints.limits import MAX_FINGERPRINT_BYTES, MAX_KEYPOINT_BYTES
from holdout.fingerprints.perceptual import phash_256
from holdout.fingerprints.picture import Gate, Pane, PaneKind, PictureFingerprints
from holdout.fingerprints.vectors import png, texture

PHOTO = Image.fromarray(texture(seed=1)).convert("RGB")
DATA = png(PHOTO)
KEPT, ASKED = describe(DATA, query=False), describe(DATA, query=True)
FLAT = describe(png(Image.new("RGB", (200, 200), "navy")), query=True)
STRIP = describe(png(PHOTO.resize((100, 900))), query=True)


# What is found


def test_a_registration_holds_one_code_of_each_algorithm() -> None:
    assert (KEPT.width, KEPT.height, KEPT.format, KEPT.usable) == (*PHOTO.size, "PNG", True)
    assert KEPT.sha256 == sha256(DATA)
    assert KEPT.iscc_instance == instance_code(DATA)
    assert KEPT.iscc_image == image_code(PHOTO)
    (whole,) = KEPT.panes
    assert (whole.kind, whole.box, whole.gate) == (PaneKind.WHOLE, (0, 0, *PHOTO.size), Gate.OK)
    assert (whole.phash, whole.pdq) == ((phash_256(PHOTO),), (pdq.look(PHOTO).code(),))
    assert (KEPT.phash, KEPT.pdq, KEPT.is_query) == (whole.phash[0], whole.pdq[0], False)


def test_a_query_holds_the_eight_orientations_and_no_iscc_image_code() -> None:
    (whole,) = ASKED.panes
    assert len(set(whole.phash)) == len(set(whole.pdq)) == 8
    assert (ASKED.phash, ASKED.pdq) == (KEPT.phash, KEPT.pdq)
    assert (ASKED.iscc_image, ASKED.is_query) == (None, True)
    assert (ASKED.sha256, ASKED.pixels, ASKED.iscc_instance) == (KEPT.sha256, KEPT.pixels, KEPT.iscc_instance)


def test_a_picture_that_the_gate_refuses_keeps_its_exact_fingerprints_only() -> None:
    (whole,) = FLAT.panes
    assert (whole.gate, whole.phash, whole.pdq, whole.keypoints) == (Gate.FLAT, (), (), b"")
    assert (FLAT.usable, FLAT.phash, FLAT.pdq, FLAT.is_query) == (False, None, None, True)
    assert FLAT.pixels is not None


def evening(*, strength: int) -> Image.Image:
    """Shade from top to bottom, over clouds of so many grey levels."""
    noise = np.random.RandomState(1).randint(0, 256, (60, 60), dtype=np.uint8)
    clouds = np.asarray(Image.fromarray(noise).resize((400, 400), Image.Resampling.BICUBIC), dtype=np.float64)
    shade = np.linspace(40, 215, 400)[:, None]
    return Image.fromarray((shade + (clouds - 128) * (strength / 128)).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("query", [False, True])
def test_what_shade_outweighs_keeps_keypoints_but_no_codes(query: bool) -> None:
    (whole, *_) = describe(png(evening(strength=24)), query=query).panes
    assert (whole.gate, whole.phash, whole.pdq) == (Gate.FLAT, (), ())
    assert whole.keypoints
    assert describe(png(evening(strength=2)), query=query).panes[0].keypoints == b""


def test_a_pixel_is_tiny() -> None:
    assert describe(png(Image.new("RGB", (1, 1))), query=True).panes[0].gate is Gate.TINY


# As bytes


@pytest.mark.parametrize("found", [KEPT, ASKED, FLAT, STRIP])
def test_fingerprints_survive_being_written(found: PictureFingerprints) -> None:
    assert PictureFingerprints.from_bytes(found.to_bytes()) == found


def refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        PictureFingerprints.from_bytes(data)
    assert caught.value.code == "fingerprint_malformed"


@given(data=st.binary(max_size=300))
def test_random_bytes_are_malformed(data: bytes) -> None:
    refused(data)
    refused(KEPT.to_bytes()[:4] + data)


@given(at=st.integers(0, 10**6), byte=st.integers(0, 255))
def test_a_changed_byte_gives_other_fingerprints_or_malformed_ones(at: int, byte: int) -> None:
    data = bytearray(STRIP.to_bytes())
    data[at % len(data)] = byte
    try:
        found = PictureFingerprints.from_bytes(bytes(data))
    except InvalidInput:
        refused(bytes(data))
    else:
        assert PictureFingerprints.from_bytes(found.to_bytes()) == found


def test_what_is_cut_off_or_goes_on_is_malformed() -> None:
    data = ASKED.to_bytes()
    for length in (0, 3, 4, 5, len(data) // 2, len(data) - 1):
        refused(data[:length])
    refused(data + b"\0")
    refused(data[:3] + b"\2" + data[4:])
    refused(data + bytes(MAX_FINGERPRINT_BYTES))


def test_bytes_that_announce_more_than_they_hold_cost_nothing() -> None:
    refused(KEPT.to_bytes()[:4] + b"\xdd\xff\xff\xff\xff")
    refused(KEPT.to_bytes()[:4] + b"\x91" * 100_000)


(WHOLE,) = ASKED.panes
WIDTH, HEIGHT = PHOTO.size
WRONG = {
    "no panes": {"panes": ()},
    "too many panes": {"panes": (WHOLE, *[msgspec.structs.replace(WHOLE, kind=PaneKind.WINDOW)] * 64)},
    "two wholes": {"panes": (WHOLE, WHOLE)},
    "a window first": {"panes": (msgspec.structs.replace(WHOLE, kind=PaneKind.WINDOW),)},
    "a whole that is not": {"panes": (msgspec.structs.replace(WHOLE, box=(0, 0, WIDTH, HEIGHT - 1)),)},
    "another format": {"format": "TIFF"},
    "no width": {"width": 0},
    "too many pixels": {"width": 100_000, "height": 100_000},
    "a short digest": {"sha256": bytes(31)},
    "a short pixels digest": {"pixels": b""},
}
WRONG_PANES = {
    "an empty box": {"box": (5, 5, 5, 9)},
    "a box outside": {"box": (0, 0, WIDTH + 1, 5)},
    "a negative box": {"box": (-1, 0, 5, 5)},
    "a short code": {"phash": (bytes(8),) * 8},
    "two codes": {"phash": WHOLE.phash[:2], "pdq": WHOLE.pdq[:2]},
    "nine codes": {"phash": (bytes(32),) * 9, "pdq": (bytes(32),) * 9},
    "a registration's code beside a query's": {"phash": WHOLE.phash[:1], "pdq": WHOLE.pdq[:1]},
    "one algorithm only": {"pdq": ()},
    "codes behind a closed gate": {"gate": Gate.FLAT},
    "no codes behind an open gate": {"phash": (), "pdq": ()},
    "keypoints behind a closed gate": {"gate": Gate.TINY, "phash": (), "pdq": (), "keypoints": b"x"},
    "too many keypoints": {"keypoints": bytes(MAX_KEYPOINT_BYTES + 1)},
    "a quality beyond": {"quality": 101},
}


def written(found: PictureFingerprints) -> bytes:
    """The bytes that a dishonest writer would send."""
    return KEPT.to_bytes()[:4] + msgspec.msgpack.encode(found)


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_fingerprints_of_no_picture_are_malformed(change: dict[str, object]) -> None:
    refused(written(msgspec.structs.replace(ASKED, **change)))


@pytest.mark.parametrize("change", WRONG_PANES.values(), ids=WRONG_PANES.keys())
def test_a_pane_that_cannot_be_is_malformed(change: dict[str, object]) -> None:
    window: Pane = msgspec.structs.replace(WHOLE, **{"kind": PaneKind.WINDOW, **change})
    refused(written(msgspec.structs.replace(ASKED, panes=(WHOLE, window))))


def test_what_cannot_be_read_again_is_not_written() -> None:
    with pytest.raises(ValueError, match="no picture"):
        msgspec.structs.replace(ASKED, format="TIFF").to_bytes()
