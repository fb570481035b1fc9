"""The byte that stands behind a key: what follows for the five uses, or that only the registry can say.

Base 3 in the order of `UsageCategory`, the first use most significant: 0 unset, 1 conditional, 2 deny. So 0
is "nothing", 1 to 242 are restrictions, and what a snapshot must not decide by itself (a permission, a
dispute, an exception) is `ASK`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from holdout.verdicts import Outcome
from holdout.vocabulary import Preference, Preferences, UsageCategory

NOTHING: Final = 0
"""Nothing was found: unset, which is no permission."""
LAST: Final = 3 ** len(UsageCategory) - 1
"""The largest code that says what follows."""
FAILED: Final = 254
"""Never in a file: the row's address could not be read, so it was not looked up and is not let through."""
ASK: Final = 255
"""Ask the registry; until it has answered, hold the picture back."""

_VALUES: Final = (None, Preference.CONDITIONAL, Preference.DENY)
_DIGITS: Final = MappingProxyType({Outcome.UNKNOWN: 0, Outcome.CONDITIONAL: 1, Outcome.DENY: 2})


def from_uses(uses: Mapping[UsageCategory, Outcome]) -> int:
    """The code of these outcomes; a use that is absent is unknown. `ASK` if any permits or is for review."""
    code = 0
    for use in UsageCategory:
        digit = _DIGITS.get(uses.get(use, Outcome.UNKNOWN))
        if digit is None:
            return ASK
        code = 3 * code + digit
    return code


def to_preferences(code: int) -> Preferences:
    """What a code says, use by use. ValueError for `ASK`, `FAILED` and what is no code: they say nothing."""
    if not 0 <= code <= LAST:
        raise ValueError(f"{code} does not say what follows")
    said: dict[UsageCategory, Preference] = {}
    for place, use in enumerate(reversed(UsageCategory)):
        if value := _VALUES[code // 3**place % 3]:
            said[use] = value
    return MappingProxyType({use: said[use] for use in UsageCategory if use in said})


# Most restrictive, use by use, is "or" when each use has two bits: conditional 01, deny 11.
_ASK_BIT: Final = 1 << 2 * len(UsageCategory)


def _bits_of(code: int) -> int:
    if code == ASK:
        return _ASK_BIT
    return sum((0, 1, 3)[code // 3**place % 3] << 2 * place for place in range(len(UsageCategory)))


BITS: Final[NDArray[np.uint16]] = np.zeros(256, dtype=np.uint16)
"""By code: bits whose "or" over several codes is that of the most restrictive of them, use by use."""
BITS[: LAST + 1] = [_bits_of(code) for code in range(LAST + 1)]
BITS[ASK] = _ASK_BIT

CODES: Final[NDArray[np.uint8]] = np.full(2 * _ASK_BIT, ASK, dtype=np.uint8)
"""By such bits: the code. Any `ASK` among several makes all of them `ASK`."""
CODES[BITS[: LAST + 1]] = np.arange(LAST + 1)
for _table in (BITS, CODES):
    _table.setflags(write=False)


def is_code(codes: NDArray[np.uint8]) -> bool:
    """Whether all of them may stand in a file: 1 to 242, or `ASK`."""
    return bool(np.all(((codes >= 1) & (codes <= LAST)) | (codes == ASK)))
