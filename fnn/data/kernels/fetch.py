"""Fetching cases from the caller's arrays: any real dtype, any strides, either byte order.

A row is cast on its way into the workspace, so nothing is ever copied as a whole. The code for a dtype is compiled
when the first such array is met; kernels reach it through its address.
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

# The integers that stand for cases: how many there are, whether they have labels, and weights, and where those lie; the
# length of a row of x in elements of the workspace, 0 unless its columns are neighbours; then x, and y or the labels.
NUMBER, LABELLED, WEIGHTED, WEIGHTS, LENGTH, X = range(6)

# An array: the code that fetches a row of it, where it starts, the bytes from row to row and from column to column, how
# many columns it has, and what they are multiplied by after the cast (the bits of a float64).
FETCH, DATA, ROW, COLUMN, COLUMNS, SCALE = range(6)
Y: Final = X + 6

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


def _bits(source: Any) -> int:
    """The bits of a number."""
    return {types.boolean: 8, HALF: 16}.get(source) or source.bitwidth


def _loading(p: Any, into: Any, is_swapped: bool) -> Any:
    """Typing and code of a load from any address, cast to the dtype of `into` as NumPy does it."""
    source, wanted = p.dtype, into.dtype
    bits, element = ir.IntType(_bits(source)), ir.FloatType() if wanted == types.float32 else ir.DoubleType()

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
        found = types.float32 if source == HALF else source
        number = _of_half(builder, value) if source == HALF else builder.bitcast(value, _FLOATS[source])

        return context.cast(builder, number, found, wanted)

    return wanted(p, types.int64, into), codegen


_FLOATS: Final[dict[types.Type, Any]] = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


def _of_half(builder: Any, half: Any) -> Any:
    """Float32 from the bits of a float16: not every processor has an instruction for it, and in the mode that flushes
    subnormals to 0 none keeps them.
    """
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
    """A row in this machine's byte order."""
    start, step, columns, size = case * source[ROW], source[COLUMN], source[COLUMNS], itemsize(data)
    scale = like(into, doubles(shift(source, SCALE))[0])
    if step == size:  # a constant step, so that the loop is vectorised
        for j in range(columns):
            into[j] = value_at(data, start + j * size, into) * scale
    else:
        for j in range(columns):
            into[j] = value_at(data, start + j * step, into) * scale


def fetch_swapped_row(data: Any, source: Integers, case: int, into: Floats) -> None:
    """A row in the other byte order."""
    start, step, columns = case * source[ROW], source[COLUMN], source[COLUMNS]
    scale = like(into, doubles(shift(source, SCALE))[0])
    for j in range(columns):
        into[j] = swapped_at(data, start + j * step, into) * scale


_addresses: Final[dict[tuple[np.dtype[Any], np.dtype[Any]], int]] = {}


def address_for(source: np.dtype[Any], dtype: np.dtype[Any]) -> int:
    """The address of the code that fetches rows of one dtype as floats of another."""
    known = _addresses.get((source, dtype))
    if known is not None:
        return known
    with global_compiler_lock:
        t = float_type(dtype)
        function: Callable[..., None] = fetch_row if source.isnative else fetch_swapped_row
        data, i = types.CPointer(_SOURCES[source.str[1:]]), types.int64
        found = address_of(function, types.void(data, types.CPointer(i), i, types.CPointer(t)), cached=True)

        return _addresses.setdefault((source, dtype), found)
