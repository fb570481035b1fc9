"""What every reader is held to: nothing that becomes of a file makes a permission out of a denial."""

from collections.abc import Callable

from holdout.signals import Signal
from holdout.vocabulary import Preference
from tests.carriers.mutations import mutations


def never_permits(
    read: Callable[[bytes], Signal | None], originals: list[bytes], *, spelt: Callable[[bytes], bool]
) -> None:
    """Read 10,000 broken versions of each of these denials: no error, and for no use that the original
    denies a permission; but where the permission is really spelt (`spelt`), which a changed letter can do.
    """
    denied = {
        original: {use for use, value in signal.preferences.items() if value is Preference.DENY}
        for original in originals
        if (signal := read(original)) is not None
    }
    assert all(denied.get(original) for original in originals)
    for original, changed in mutations(originals):
        signal = read(changed)
        if signal is None:
            continue
        permitted = {use for use, value in signal.preferences.items() if value is Preference.ALLOW}
        assert not permitted & denied[original] or spelt(changed), changed
