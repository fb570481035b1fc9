"""Pillow's own collection of files that once crashed, hung or exhausted a decoder."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdout.errors import UnreadablePicture
from holdout.fingerprints import _wire
from holdout.fingerprints.sandbox import Sandbox

CORPORA = os.environ.get("HOLDOUT_CORPORA")
FILES = sorted(Path(CORPORA, "hostile_images").iterdir()) if CORPORA else []
PEAK_BYTES = 200 << 20

pytestmark = pytest.mark.skipif(
    not FILES, reason="HOLDOUT_CORPORA names no folder with hostile_images (Pillow's Tests/images)"
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        box.run(b"", orientations=False)
        yield box


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_hostile_file_ends_in_a_coded_error_or_a_fingerprint(sandbox: Sandbox, path: Path) -> None:
    zygote = sandbox.zygote_pid
    report = sandbox.run(path.read_bytes(), orientations=True)
    assert report.wait_status == 0
    with contextlib.suppress(UnreadablePicture):
        _wire.unpack_answer(report.answer, orientations=True)
    assert 0 < report.peak_bytes < PEAK_BYTES
    assert sandbox.zygote_pid == zygote
