"""xxh3-64 with seed 0, compiled, over bytes at an address. Equal to `xxhash.xxh3_64_intdigest`.

Source: the algorithm as its reference implementation has it, https://github.com/Cyan4973/xxHash, version 0.8.
The names (secret, stripe, lane, avalanche) are its.
"""

from typing import Final

import numpy as np

from holdout._words import Word, inlined, inner, load8, load32, load64, multiply_fold

_SECRET: Final = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
_KEY: Final = np.array(
    [int.from_bytes(_SECRET[i : i + 8], "little") for i in range(len(_SECRET) - 7)], dtype=np.uint64
)
"""The word of the secret at each byte offset."""

_STRIPE: Final = 64
_STRIPES_A_BLOCK: Final = 16

_PRIME32_1: Final = np.uint64(0x9E3779B1)
_PRIME32_2: Final = np.uint64(0x85EBCA77)
_PRIME32_3: Final = np.uint64(0xC2B2AE3D)
_PRIME64_1: Final = np.uint64(0x9E3779B185EBCA87)
_PRIME64_2: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_PRIME64_3: Final = np.uint64(0x165667B19E3779F9)
_PRIME64_4: Final = np.uint64(0x85EBCA77C2B2AE63)
_PRIME64_5: Final = np.uint64(0x27D4EB2F165667C5)
_PRIME_MX1: Final = np.uint64(0x165667919E3779F9)
_PRIME_MX2: Final = np.uint64(0x9FB21C651E98DF25)
_START: Final = np.array(
    [_PRIME32_3, _PRIME64_1, _PRIME64_2, _PRIME64_3, _PRIME64_4, _PRIME32_2, _PRIME64_5, _PRIME32_1]
)
_LOW: Final = np.uint64(0xFFFFFFFF)
_LOW_BYTES: Final = np.uint64(0x00FF00FF00FF00FF)
_LOW_PAIRS: Final = np.uint64(0x0000FFFF0000FFFF)


@inlined
def xxh3_64(address: int, length: int) -> Word:
    """The hash of `length` bytes at `address`; reads nothing outside them."""
    if length > 16:
        if length <= 128:
            return _up_to_128(address, length)
        return _up_to_240(address, length) if length <= 240 else _above_240(address, length)
    if length > 8:
        return _up_to_16(address, length)
    if length >= 4:
        return _up_to_8(address, length)
    return _up_to_3(address, length)


@inlined
def _up_to_3(address: int, length: int) -> Word:
    if length == 0:
        return _long_avalanche(_KEY[56] ^ _KEY[64])
    first, middle, last = load8(address), load8(address + (length >> 1)), load8(address + length - 1)
    packed = np.uint64(first << 16 | middle << 24 | last | length << 8)
    return _long_avalanche(packed ^ ((_KEY[0] ^ _KEY[4]) & _LOW))


@inlined
def _up_to_8(address: int, length: int) -> Word:
    first, last = load32(address), load32(address + length - 4)
    mixed: Word = (last + (first << np.uint64(32))) ^ (_KEY[8] ^ _KEY[16])
    by_49 = mixed << np.uint64(49) | mixed >> np.uint64(15)
    by_24 = mixed << np.uint64(24) | mixed >> np.uint64(40)
    mixed ^= by_49 ^ by_24
    mixed *= _PRIME_MX2
    mixed ^= (mixed >> np.uint64(35)) + np.uint64(length)
    mixed *= _PRIME_MX2
    return mixed ^ (mixed >> np.uint64(28))


@inlined
def _up_to_16(address: int, length: int) -> Word:
    low = load64(address) ^ (_KEY[24] ^ _KEY[32])
    high = load64(address + length - 8) ^ (_KEY[40] ^ _KEY[48])
    return _avalanche(np.uint64(length) + _reversed(low) + high + multiply_fold(low, high))


@inlined
def _up_to_128(address: int, length: int) -> Word:
    end = address + length
    sum_ = np.uint64(length) * _PRIME64_1
    sum_ += _mixed(address, _KEY[0], _KEY[8]) + _mixed(end - 16, _KEY[16], _KEY[24])
    if length > 32:
        sum_ += _mixed(address + 16, _KEY[32], _KEY[40]) + _mixed(end - 32, _KEY[48], _KEY[56])
        if length > 64:
            sum_ += _mixed(address + 32, _KEY[64], _KEY[72]) + _mixed(end - 48, _KEY[80], _KEY[88])
            if length > 96:
                sum_ += _mixed(address + 48, _KEY[96], _KEY[104]) + _mixed(end - 64, _KEY[112], _KEY[120])
    return _avalanche(sum_)


@inner
def _up_to_240(address: int, length: int) -> Word:
    sum_ = np.uint64(length) * _PRIME64_1
    for i in range(0, 128, 16):
        sum_ += _mixed(address + i, _KEY[i], _KEY[i + 8])
    sum_ = _avalanche(sum_)
    for i in range(128, length - 15, 16):
        sum_ += _mixed(address + i, _KEY[i - 125], _KEY[i - 117])
    return _avalanche(sum_ + _mixed(address + length - 16, _KEY[119], _KEY[127]))


@inner
def _above_240(address: int, length: int) -> Word:
    lanes = _START.copy()
    stripes = (length - 1) // _STRIPE
    for stripe in range(stripes + 1):
        at, key = address + stripe * _STRIPE, stripe % _STRIPES_A_BLOCK * 8
        if stripe == stripes:  # the last ends where the bytes do, and is mixed with a part of its own
            at, key = address + length - _STRIPE, 121
        for lane in range(8):
            word = load64(at + 8 * lane)
            keyed = word ^ _KEY[key + 8 * lane]
            lanes[lane ^ 1] += word
            lanes[lane] += (keyed & _LOW) * (keyed >> np.uint64(32))
        if stripe < stripes and stripe % _STRIPES_A_BLOCK == _STRIPES_A_BLOCK - 1:
            for lane in range(8):
                scrambled = lanes[lane] ^ (lanes[lane] >> np.uint64(47)) ^ _KEY[128 + 8 * lane]
                lanes[lane] = scrambled * _PRIME32_1
    sum_ = np.uint64(length) * _PRIME64_1
    for pair in range(4):
        key = 11 + 16 * pair
        sum_ += multiply_fold(lanes[2 * pair] ^ _KEY[key], lanes[2 * pair + 1] ^ _KEY[key + 8])
    return _avalanche(sum_)


@inlined
def _mixed(address: int, first: Word, second: Word) -> Word:
    return multiply_fold(load64(address) ^ first, load64(address + 8) ^ second)


@inlined
def _avalanche(sum_: Word) -> Word:
    sum_ ^= sum_ >> np.uint64(37)
    sum_ *= _PRIME_MX1
    return sum_ ^ (sum_ >> np.uint64(32))


@inlined
def _long_avalanche(sum_: Word) -> Word:
    sum_ ^= sum_ >> np.uint64(33)
    sum_ *= _PRIME64_2
    sum_ ^= sum_ >> np.uint64(29)
    sum_ *= _PRIME64_3
    return sum_ ^ (sum_ >> np.uint64(32))


@inlined
def _reversed(word: Word) -> Word:
    """The word with its bytes in the opposite order."""
    word = (word & _LOW_BYTES) << np.uint64(8) | (word >> np.uint64(8)) & _LOW_BYTES
    word = (word & _LOW_PAIRS) << np.uint64(16) | (word >> np.uint64(16)) & _LOW_PAIRS
    return word << np.uint64(32) | word >> np.uint64(32)
