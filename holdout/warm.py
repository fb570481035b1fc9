"""`python -m holdout.warm`: compile the kernels, once for every process that uses them later.

numba keeps what it compiles beside the source files, or in NUMBA_CACHE_DIR. Cold it takes some ten seconds of
one processor; several processes that start at the same time would each pay it.
"""

import sys

import numpy as np

from holdout import url_keys
from holdout.fingerprints.local import take
from holdout.fingerprints.picture import Gate, Pane, PaneKind
from holdout.index.keys import text_keys
from holdout.index.looks import likenesses
from holdout.index.pictures import PictureTable, RegisteredPicture, Standing
from holdout.index.records import RECORD
from holdout.index.table import Table


def main() -> int:
    """Use every kernel on a few bytes."""
    url_keys.warm()
    keys = text_keys([b"h com,example"])
    table = Table.build(
        probes=keys.probe, checks=keys.check, counts=np.ones(1), records=np.zeros(1, dtype=RECORD)
    )
    table.exact(keys.probe, lambda which: keys.check.view(np.uint64)[which])
    _compare_pictures()
    return 0


def _compare_pictures() -> None:
    """A picture of coarse noise with itself: enough agrees for every kernel to be used."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8)
    grey = np.kron(noise, np.ones((8, 8), dtype=np.uint8))
    code = bytes(range(32))

    def pane(keypoints: bytes) -> Pane:
        return Pane(PaneKind.WHOLE, (0, 0, 256, 256), Gate.OK, 100, (code,), (code,), keypoints)

    known = RegisteredPicture(code, Standing.LIVE, [pane(take.registered(grey))])
    likenesses([pane(take.asked(grey))], [PictureTable.build([known])])


if __name__ == "__main__":
    sys.exit(main())
