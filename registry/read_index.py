"""The read index as every process of this machine opens it: once, and then it is kept."""

from functools import cache
from pathlib import Path

from django.conf import settings

from holdout.index.read import ReadIndex, View


@cache
def _index(folder: Path) -> ReadIndex:
    return ReadIndex(folder)


def index_folder() -> Path:
    """Where the read index lies; every web and worker process of a machine opens it there."""
    store: Path = settings.HOLDOUT_STORE_DIR
    return store / "index"


def current_view() -> View:
    """The state of the index that a whole answer is given from.

    Raises `Unavailable` (`index_missing`, `index_damaged`, `index_stale`): no index, no answer.
    """
    return _index(index_folder()).view()
