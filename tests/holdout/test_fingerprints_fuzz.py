import contextlib
import io
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from holdout.errors import HoldoutError
from holdout.fingerprints.describe import describe
from holdout.fingerprints.limits import FORMATS
from holdout.fingerprints.vectors import texture

MAGIC = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\xff\0\0\0WEBP", b"\0\0\0\x18ftypavif"]


@cache
def sample(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(texture(seed=1, width=48, height=40)).convert("RGB").save(file, kind)
    return file.getvalue()


@given(magic=st.sampled_from(MAGIC), data=st.binary(max_size=500))
@settings(deadline=None)
def test_random_bytes_give_fingerprints_or_a_coded_error(magic: bytes, data: bytes) -> None:
    with contextlib.suppress(HoldoutError):
        describe(magic + data, query=True)


@given(
    kind=st.sampled_from(["JPEG", *FORMATS]),
    changes=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)), max_size=12
    ),
    kept=st.floats(0.2, 1),
)
@settings(deadline=None)
def test_mutated_pictures_give_fingerprints_or_a_coded_error(
    kind: str, changes: list[tuple[float, bytes]], kept: float
) -> None:
    data = bytearray(sample(kind))
    for place, replacement in changes:
        at = int(place * len(data))
        data[at : at + len(replacement)] = replacement
    with contextlib.suppress(HoldoutError):
        describe(bytes(data[: int(len(data) * kept)]), query=False)
