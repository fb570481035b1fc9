"""Preferences as one number: two bits a use in the order of `UsageCategory`, the first use lowest."""

from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.vocabulary import Preference, Preferences, UsageCategory

_VALUES: Final = (None, Preference.DENY, Preference.CONDITIONAL, Preference.ALLOW)
_BITS: Final = 2 * len(UsageCategory)
_SHIFTS: Final = np.arange(0, _BITS, 2, dtype=np.uint16)


def said_of(preferences: Preferences) -> int:
    """The number, below 1,024, that stands for these preferences."""
    return sum(_VALUES.index(preferences.get(use)) << 2 * i for i, use in enumerate(UsageCategory))


@lru_cache(maxsize=1 << _BITS)
def preferences_of(said: int) -> Preferences:
    """The preferences behind a number; ValueError for one that `said_of` never gives."""
    if said < 0 or said >> _BITS:
        raise ValueError(f"{said} stands for no preferences")
    values = {use: _VALUES[said >> 2 * i & 3] for i, use in enumerate(UsageCategory)}
    return MappingProxyType({use: value for use, value in values.items() if value})


def by_use(said: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """A column of numbers as uint8 of shape (n, 5): 0 unset, 1 deny, 2 conditional, 3 allow."""
    return (said[:, None] >> _SHIFTS & 3).astype(np.uint8)
