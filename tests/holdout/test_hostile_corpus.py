"""Pillow's own collection of files that once crashed, hung or exhausted a decoder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdout.errors import UnreadablePicture
from holdout.fingerprints import _wire
from holdout.fingerprints.sandbox import Sandbox
from tests.holdout import corpora

PEAK_BYTES = 200 << 20

pytestmark = pytest.mark.corpora


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as box:
        box.run(b"", query=False)
        yield box


@pytest.mark.parametrize("path", corpora.files("hostile_images"), ids=lambda path: path.name)
def test_a_hostile_file_ends_in_a_coded_error_or_a_fingerprint(sandbox: Sandbox, path: Path) -> None:
    zygote = sandbox.zygote_pid
    report = sandbox.run(path.read_bytes(), query=True)
    assert report.wait_status == 0
    with contextlib.suppress(UnreadablePicture):
        _wire.unpack_answer(report.answer, query=True)
    assert 0 < report.peak_bytes < PEAK_BYTES
    assert sandbox.zygote_pid == zygote
