"""Reading and writing memory by machine word and by block of 64 bytes, for the compiled loops over URLs.

numba reads arrays byte by byte, with a question about the sign of the index each time. Here are the machine
instructions that a C compiler would emit, in LLVM's own portable vectors: LLVM makes AVX-512, AVX2, SSE2 or
NEON of them, as the machine has it. An address is an int64 from `address_of`; nothing here checks bounds, so
callers say why theirs hold.

numba's cache does not see that a function used by another file has changed: after an edit of a module whose
functions the kernels of others use, the cache has to be emptied.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

Word: TypeAlias = np.uint64

BLOCK: Final = 64
"""Bytes that a block load reads and a block store writes."""

_Function = TypeVar("_Function", bound=Callable[..., Any])
_compile: Final[Any] = njit  # its types do not know the options that follow
_INNER: Final = {"nogil": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def inner(function: _Function) -> _Function:
    """Compile a function that only compiled functions call; to make it callable from Python takes time.

    Give such a function no number that stands in the source: numba would compile it anew for each.
    """
    compiled: _Function = _compile(**_INNER)(function)
    return compiled


def inlined(function: _Function) -> _Function:
    """The same for one that is worth its place in every caller."""
    compiled: _Function = _compile(**_INNER, forceinline=True)(function)
    return compiled


_BYTE: Final = ir.IntType(8)
_WORD: Final = ir.IntType(64)
_DOUBLE_WORD: Final = ir.IntType(128)
_BYTES: Final = ir.VectorType(_BYTE, BLOCK)
_FLAGS: Final = ir.VectorType(ir.IntType(1), BLOCK)


def _array_address() -> Any:
    @intrinsic
    def address(_typing: Any, array: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            made = context.make_array(signature.args[0])(context, builder, arguments[0])
            return builder.ptrtoint(made.data, _WORD)

        return types.int64(array), generate

    return address


def _load(llvm_type: ir.Type, numba_type: Any) -> Any:
    @intrinsic
    def load(_typing: Any, _address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], llvm_type.as_pointer())
            loaded = builder.load(pointer, align=1)
            return loaded if llvm_type is _WORD else builder.zext(loaded, _WORD)

        return numba_type(types.int64), generate

    return load


def _store(llvm_type: ir.Type, numba_type: Any) -> Any:
    @intrinsic
    def store(_typing: Any, _address: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            value = arguments[1] if llvm_type is _WORD else builder.trunc(arguments[1], llvm_type)
            builder.store(value, builder.inttoptr(arguments[0], llvm_type.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, numba_type), generate

    return store


def _product() -> Any:
    @intrinsic
    def multiply(_typing: Any, _left: Any, _right: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            left, right = (builder.zext(argument, _DOUBLE_WORD) for argument in arguments)
            product = builder.mul(left, right)
            high = builder.lshr(product, ir.Constant(_DOUBLE_WORD, 64))
            return builder.trunc(builder.xor(product, high), _WORD)

        return types.uint64(types.uint64, types.uint64), generate

    return multiply


def _counter(name: str) -> Any:
    @intrinsic
    def count(_typing: Any, _word: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            if name == "ctpop":
                return builder.ctpop(arguments[0])
            return getattr(builder, name)(arguments[0], ir.Constant(ir.IntType(1), 0))

        return types.int64(types.uint64), generate

    return count


def _copier(change: Callable[[Any, Any], Any]) -> Any:
    @intrinsic
    def copy(_typing: Any, _target: Any, _source: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            block = change(builder, _block(builder, arguments[1]))
            builder.store(block, builder.inttoptr(arguments[0], _BYTES.as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return copy


def mask_of(members: bytes) -> Callable[[int], Word]:
    """A compiled function of an address: bit i of its result says whether byte i there is a member."""
    ranges = list(_ranges(members))

    @intrinsic
    def mask(_typing: Any, _address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            block = _block(builder, arguments[0])
            flags = ir.Constant(_FLAGS, [0] * BLOCK)
            for first, last in ranges:
                flags = builder.or_(flags, _within(builder, block, first, last))
            return builder.bitcast(flags, _WORD)

        return types.uint64(types.int64), generate

    compiled: Any = mask
    return cast(Callable[[int], Word], compiled)


def _ranges(members: bytes) -> Iterator[tuple[int, int]]:
    chosen = set(members)
    for first in sorted(byte for byte in chosen if byte - 1 not in chosen):
        last = first
        while last + 1 in chosen:
            last += 1
        yield first, last


def _block(builder: Any, address: Any) -> Any:
    return builder.load(builder.inttoptr(address, _BYTES.as_pointer()), align=1)


def _within(builder: Any, block: Any, first: int, last: int) -> Any:
    if first == last:
        return builder.icmp_unsigned("==", block, _splat(first))
    return builder.icmp_unsigned("<=", builder.sub(block, _splat(first)), _splat(last - first))


def _lowered(builder: Any, block: Any) -> Any:
    lowered = builder.or_(block, _splat(0x20))
    return builder.select(_within(builder, block, ord("A"), ord("Z")), lowered, block)


def _splat(byte: int) -> ir.Constant:
    return ir.Constant(_BYTES, [byte] * BLOCK)


address_of: Final[Callable[[NDArray[Any]], int]] = _array_address()
"""The address of a contiguous array's first byte; valid as long as somebody holds the array."""

load64: Final[Callable[[int], Word]] = _load(_WORD, types.uint64)
"""The little-endian word at an address."""
load32: Final[Callable[[int], Word]] = _load(ir.IntType(32), types.uint64)
"""The little-endian half word at an address, as a word."""
load8: Final[Callable[[int], int]] = _load(_BYTE, types.int64)
"""The byte at an address."""
store64: Final[Callable[[int, Word], None]] = _store(_WORD, types.uint64)
"""Write a word at an address, little-endian."""
store8: Final[Callable[[int, int], None]] = _store(_BYTE, types.int64)
"""Write the low byte of a number at an address."""

multiply_fold: Final[Callable[[Word, Word], Word]] = _product()
"""Both halves of the 128-bit product, xored."""
ones: Final[Callable[[Word], int]] = _counter("ctpop")
"""How many bits are set."""
zeros_below: Final[Callable[[Word], int]] = _counter("cttz")
"""The position of the lowest bit that is set; 64 where none is."""
zeros_above: Final[Callable[[Word], int]] = _counter("ctlz")
"""How many bits lie above the highest one that is set; 64 where none is."""

copy_block: Final[Callable[[int, int], None]] = _copier(lambda _, block: block)
"""Write the block at the second address to the first."""
copy_block_lowered: Final[Callable[[int, int], None]] = _copier(_lowered)
"""The same with ASCII capitals made small."""
