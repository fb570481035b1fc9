"""`python -m holdout.warm`: compile the kernels, once for every process that uses them later.

numba keeps what it compiles beside the source files, or in NUMBA_CACHE_DIR. Cold it takes some ten seconds of
one processor; several processes that start at the same time would each pay it.
"""

import sys

import numpy as np

from holdout import url_keys
from holdout.index.keys import text_keys
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
