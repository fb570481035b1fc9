"""Rice coding of sorted numbers below 2**40: a gap is its quotient by 2**k in unary, then its k lowest bits.

The numbers stand in blocks of `BLOCK`. Of each block its first number and the word at which its bits begin
are kept apart: blocks can be read alone, and a damaged one cannot be read past its end. Bits are filled into
64-bit words from the lowest on; the unary part is that many zeros and a one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from holdout.index.kernels import frozen

PREFIX_BITS: Final = 40
BLOCK: Final = 4096
_MAX_K: Final = PREFIX_BITS


@dataclass(frozen=True, slots=True)
class Coded:
    """`count` numbers, coded."""

    count: int
    k: int
    first: NDArray[np.uint64]
    """Per block: its first number."""
    offset: NDArray[np.uint64]
    """Per block: the word at which the rest of it begins; and at the end the number of words."""
    words: NDArray[np.uint64]


class Malformed(ValueError):
    """These are not the coded numbers that they are said to be."""


def encode(numbers: NDArray[np.uint64]) -> Coded:
    """Code ascending, distinct numbers below 2**40; anything else is a ValueError."""
    count = len(numbers)
    if count and (int(numbers[-1]) >> PREFIX_BITS or np.any(numbers[1:] <= numbers[:-1])):
        raise ValueError("numbers must ascend and lie below 2**40")
    k = best_k(count, int(numbers[-1]) if count else 0)
    blocks = block_count(count)
    first, offset = np.empty(blocks, np.uint64), np.empty(blocks + 1, np.uint64)
    # Each number takes a one and k bits; all quotients together are no more than the last number's; and each
    # block may leave one word unfilled.
    most = (count * (k + 1) + (int(numbers[-1]) >> k if count else 0)) // 64 + blocks + 2
    words = np.zeros(most, np.uint64)
    _encode(frozen(numbers), k, first, offset, words)
    return Coded(count, k, first, offset, words[: int(offset[-1])])


def decode(coded: Coded) -> NDArray[np.uint64]:
    """The numbers. Raises `Malformed` for whatever is not exactly ascending numbers below 2**40."""
    blocks = block_count(coded.count)
    if len(coded.first) != blocks or len(coded.offset) != blocks + 1 or not 0 <= coded.k <= _MAX_K:
        raise Malformed("the blocks do not fit the count")
    if int(coded.offset[0]) or int(coded.offset[-1]) != len(coded.words):
        raise Malformed("the blocks do not fill the words")
    if np.any(coded.offset[1:] < coded.offset[:-1]):
        raise Malformed("the blocks are out of order")
    numbers = np.empty(coded.count, np.uint64)
    # One word more, so that a number's bits can be taken from two words wherever they begin.
    words = np.concatenate([coded.words, np.zeros(1, np.uint64)])
    failed = _decode(frozen(words), coded.k, frozen(coded.first), frozen(coded.offset), _ZEROS, numbers)
    if failed >= 0:
        raise Malformed(f"block {failed} is damaged")
    return numbers


def best_k(count: int, last: int) -> int:
    """The parameter for `count` numbers up to `last`: about the best when they are spread evenly."""
    return max(1, (last + 1) * 69 // (100 * max(1, count))).bit_length() - 1


def block_count(count: int) -> int:
    return -(-count // BLOCK)


_ZEROS: Final = frozen(np.array([8] + [(i & -i).bit_length() - 1 for i in range(1, 256)], dtype=np.uint64))
"""By byte: how many zeros stand below its lowest one."""


@njit(cache=True, nogil=True)
def _encode(
    numbers: NDArray[np.uint64],
    k: int,
    first: NDArray[np.uint64],
    offset: NDArray[np.uint64],
    words: NDArray[np.uint64],
) -> None:
    """Fill `first`, `offset` and `words`, zeros before and long enough."""
    one, six, below = np.uint64(1), np.uint64(6), np.uint64(63)
    low, shift = (one << np.uint64(k)) - one, np.uint64(k)
    bit = np.uint64(0)
    for b in range(first.shape[0]):
        start = b * BLOCK
        previous = numbers[start]
        first[b] = previous
        offset[b] = bit >> six
        for i in range(start + 1, min(start + BLOCK, numbers.shape[0])):
            gap = numbers[i] - previous - one
            previous = numbers[i]
            bit += gap >> shift
            words[bit >> six] |= one << (bit & below)
            bit += one
            rest, word, at = gap & low, bit >> six, bit & below
            words[word] |= rest << at
            words[word + one] |= (rest >> one) >> (below - at)  # in two steps: a shift by 64 is undefined
            bit += shift
        bit = (bit + below) & ~below
    offset[first.shape[0]] = bit >> six


@njit(cache=True, nogil=True)
def _decode(
    words: NDArray[np.uint64],
    k: int,
    first: NDArray[np.uint64],
    offset: NDArray[np.uint64],
    zeros: NDArray[np.uint64],
    numbers: NDArray[np.uint64],
) -> int:
    """Fill `numbers`; -1, or the number of the first block that is not one.

    `words` has one word more than the offsets speak of. A bit is read only where `bit < end` was seen: then
    `word + 1` is inside of `words`.
    """
    one, six, below, byte = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(255)
    low, shift, eight = (one << np.uint64(k)) - one, np.uint64(k), np.uint64(8)
    most = one << (np.uint64(PREFIX_BITS) - shift)
    number = np.uint64(0)
    for b in range(first.shape[0]):
        start = b * BLOCK
        if (b and first[b] <= number) or first[b] >> np.uint64(PREFIX_BITS):
            return b
        number = first[b]
        numbers[start] = number
        bit, end = offset[b] << six, offset[b + 1] << six
        for i in range(start + 1, min(start + BLOCK, numbers.shape[0])):
            quotient = np.uint64(0)
            while True:
                if bit >= end:
                    return b
                word, at = bit >> six, bit & below
                window = words[word] >> at | (words[word + one] << one) << (below - at)
                if window & byte:
                    break
                quotient += eight
                bit += eight
            more = zeros[window & byte]
            quotient += more
            if quotient > most:  # the number would not fit, and might come round to a small one
                return b
            rest = (window >> (more + one)) & low  # at most 8 + 40 bits of the 64
            bit += more + one + shift
            number += (quotient << shift) + rest + one
            numbers[i] = number
        if (bit + below) & ~below != end or number >> np.uint64(PREFIX_BITS):
            return b
    return -1
