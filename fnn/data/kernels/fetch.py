"""Fetching cases from the caller's arrays: any real dtype, any strides, either byte order.

The code for a dtype is compiled when the first such array is met; kernels reach it through its address.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import types

from fnn.compiler.addresses import address_of, calling
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import global_compiler_lock, ir
from fnn.compiler.intrinsics import Floats, Integers, doubles, like, shift, words_at
from fnn.compiler.target import float_type, itemsize

# The integers that describe cases: their number, whether they have labels, whether they have weights and the address
# of those; the elements of the workspace that a row of x is as long as, 0 unless its columns are contiguous; the array
# x, and the array y or the labels.
NUMBER, LABELLED, WEIGHTED, WEIGHTS, LENGTH, X = range(6)

# The integers that describe an array: the address of the code that fetches a row, that of the first element, the bytes
# from row to row and from column to column, the number of columns, and the factor after the cast (a float64's bits).
FETCH, DATA, ROW, COLUMN, COLUMNS, SCALE = range(6)
Y: Final = X + 6

_FLOATS: Final[dict[types.Type, Any]] = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
HALF: Final = types.UniTuple(types.uint8, 2)  # Numba knows float16 on no CPU: two bytes
_SOURCES: Final[dict[str, types.Type]] = {
    "b1": types.boolean, "f2": HALF, "f4": types.float32, "f8": types.float64,
    "i1": types.int8, "i2": types.int16, "i4": types.int32, "i8": types.int64,
    "u1": types.uint8, "u2": types.uint16, "u4": types.uint32, "u8": types.uint64,
}  # fmt: skip


def is_known(dtype: np.dtype[Any]) -> bool:
    """Whether rows of that dtype can be fetched: all real ones but long double."""
    return dtype.str[1:] in _SOURCES


@intrinsic
def _call(typingctx: Any, address: Any, data: Any, source: Any, case: Any, into: Any) -> Any:
    """Call `fetch_row`, or `fetch_swapped_row`."""
    return calling(types.void(types.int64, source, types.int64, into))


@inline
def fetch(source: Integers, case: int, into: Floats) -> None:
    """Copy a row of an array, which the integers at `source` describe, to `into`."""
    _call(source[FETCH], source[DATA], source, case, into)


@inline
def fetch_case(sources: int, case: int, x: Floats, y: Floats) -> None:
    """Fetch the inputs and the targets of a case; a label is a target of one number."""
    words = words_at(sources)
    fetch(shift(words, X), case, x)
    fetch(shift(words, Y), case, y)


def _loading(p: Any, into: Any, is_swapped: bool) -> Any:
    """Typing and code of a load from any address, cast to the dtype of `into` as NumPy does it."""
    source, target = p.dtype, into.dtype
    bits = ir.IntType({types.boolean: 8, HALF: 16}.get(source) or source.bitwidth)
    element = _FLOATS[target]

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        start = builder.bitcast(arguments[0], ir.IntType(8).as_pointer())
        at = builder.bitcast(builder.gep(start, [arguments[1]]), bits.as_pointer())
        value = builder.load(at, align=1)
        if is_swapped:
            value = builder.bswap(value)
        if source == types.boolean:
            return builder.uitofp(builder.icmp_unsigned("!=", value, bits(0)), element)
        if isinstance(source, types.Integer):
            return (builder.sitofp if source.signed else builder.uitofp)(value, element)
        if source == HALF:
            return context.cast(builder, _of_half(builder, value), types.float32, target)

        return context.cast(builder, builder.bitcast(value, _FLOATS[source]), source, target)

    return target(p, types.int64, into), codegen


def _of_half(builder: Any, half: Any) -> Any:
    """Float32 from the bits of a float16: an instruction for it, if there is one, may flush subnormals to 0."""
    word = ir.IntType(32)
    wide = builder.zext(half, word)
    sign = builder.shl(builder.and_(wide, word(0x8000)), word(16))
    rest = builder.and_(wide, word(0x7FFF))
    shifted = builder.shl(rest, word(13))
    small = builder.bitcast(builder.fmul(builder.uitofp(rest, ir.FloatType()), ir.FloatType()(2.0**-24)), word)
    normal = builder.add(shifted, word((127 - 15) << 23))
    special = builder.or_(shifted, word(0x7F800000))  # infinity, NaN
    magnitude = builder.select(builder.icmp_unsigned("<", rest, word(0x0400)), small, normal)
    magnitude = builder.select(builder.icmp_unsigned(">=", rest, word(0x7C00)), special, magnitude)

    return builder.bitcast(builder.or_(magnitude, sign), ir.FloatType())


@intrinsic
def value_at(typingctx: Any, p: Any, offset: Any, into: Any) -> Any:
    """The value at p + offset bytes."""
    return _loading(p, into, False)


@intrinsic
def swapped_at(typingctx: Any, p: Any, offset: Any, into: Any) -> Any:
    """The value at p + offset bytes, in the other byte order."""
    return _loading(p, into, True)


def fetch_row(data: Any, source: Integers, case: int, into: Floats) -> None:
    """Copy a row in this machine's byte order."""
    start, step, columns, size = case * source[ROW], source[COLUMN], source[COLUMNS], itemsize(data)
    scale = like(into, doubles(shift(source, SCALE))[0])
    if step == size:  # a constant step, so that the loop is vectorised
        for j in range(columns):
            into[j] = value_at(data, start + j * size, into) * scale
    else:
        for j in range(columns):
            into[j] = value_at(data, start + j * step, into) * scale


def fetch_swapped_row(data: Any, source: Integers, case: int, into: Floats) -> None:
    """Copy a row in the other byte order."""
    start, step, columns = case * source[ROW], source[COLUMN], source[COLUMNS]
    scale = like(into, doubles(shift(source, SCALE))[0])
    for j in range(columns):
        into[j] = swapped_at(data, start + j * step, into) * scale


_addresses: Final[dict[tuple[np.dtype[Any], np.dtype[Any]], int]] = {}


def address_for(source: np.dtype[Any], dtype: np.dtype[Any]) -> int:
    """The address of the code that fetches rows of one dtype as floats of another."""
    cached = _addresses.get((source, dtype))
    if cached is not None:
        return cached
    with global_compiler_lock:
        t = float_type(dtype)
        function: Callable[..., None] = fetch_row if source.isnative else fetch_swapped_row
        data, i = types.CPointer(_SOURCES[source.str[1:]]), types.int64
        address = address_of(function, types.void(data, types.CPointer(i), i, types.CPointer(t)), cached=True)

        return _addresses.setdefault((source, dtype), address)
