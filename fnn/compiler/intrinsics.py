"""The few LLVM instructions that Numba has no name for, most of them on pointers.

Kernels work on pointers instead of arrays: a pointer carries no reference count (its atomic increments cost more than a
small layer) and no negative indices (their check stops vectorisation).
"""

from typing import Any, Final, Protocol

from numba import types

from fnn.compiler.inline import expression, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, TypingError, cgutils, ir
from fnn.compiler.target import FLOATS, LINE

_WORD: Final = ir.IntType(64)
_DOUBLES: Final = types.CPointer(types.float64)
_INTEGERS: Final = types.CPointer(types.int64)


def _require_float(*arguments: NumbaType) -> None:
    if any(a not in FLOATS or a != arguments[0] for a in arguments):
        raise TypingError(f"needs floats of one dtype, got {', '.join(map(str, arguments))}")


@intrinsic
def fma(typingctx: Any, a: types.Float, b: types.Float, c: types.Float) -> Any:
    """a·b + c with a single rounding; the same bits on every machine."""
    _require_float(a, b, c)

    return expression(a(a, b, c), lambda builder, a, b, c: builder.fma(a, b, c))


@intrinsic
def pointer(typingctx: Any, array: NumbaType) -> Any:
    """The address of a C-contiguous array's first element.

    The array must be an argument of the kernel, so that its owner outlives the call.
    """
    if not (isinstance(array, types.Array) and array.layout == "C"):
        raise TypingError(f"needs a C-contiguous array, got {array}")

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def shift(typingctx: Any, p: NumbaType, count: NumbaType) -> Any:
    """p + count elements."""
    if not (isinstance(p, types.CPointer) and isinstance(count, types.Integer)):
        raise TypingError(f"needs a pointer and an integer, got {p} and {count}")

    return expression(p(p, types.intp), cgutils.gep)


@intrinsic
def aligned(typingctx: Any, p: NumbaType) -> Any:
    """p rounded up to a whole cache line: a vector load that straddles two lines costs two."""
    if not isinstance(p, types.CPointer):
        raise TypingError(f"needs a pointer, got {p}")

    def write(builder: IRBuilder, p: IRValue) -> IRValue:
        end = builder.add(builder.ptrtoint(p, _WORD), _WORD(LINE - 1))
        return builder.inttoptr(builder.and_(end, _WORD(-LINE)), p.type)

    return expression(p(p), write)


@intrinsic
def prefetch_line(typingctx: Any, p: NumbaType) -> Any:
    """Prefetch the cache line at p into the second-level cache; p may be any address."""

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [arguments[0].type, word, word, word])
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [arguments[0].type], kind),
            [arguments[0], word(0), word(2), word(1)],
        )
        return context.get_dummy_value()

    return types.void(p), codegen


@intrinsic
def address(typingctx: Any, p: NumbaType) -> Any:
    """A pointer as an integer."""
    return expression(types.int64(p), lambda builder, p: builder.ptrtoint(p, _WORD))


@intrinsic
def like(typingctx: Any, x: NumbaType, value: NumbaType) -> Any:
    """`value` in the dtype of x (a float, or a pointer to floats); float32 · 2.0 would be float64 in Numba."""
    dtype = x.dtype if isinstance(x, types.CPointer) else x
    _require_float(dtype)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        return context.cast(builder, arguments[1], signature.args[1], dtype)

    return dtype(x, value), codegen


@intrinsic
def doubles(typingctx: Any, p: NumbaType) -> Any:
    """The same address as a pointer to float64."""
    return expression(_DOUBLES(p), lambda builder, p: builder.bitcast(p, ir.DoubleType().as_pointer()))


@intrinsic
def integers(typingctx: Any, p: NumbaType) -> Any:
    """The same address as a pointer to int64."""
    return expression(_INTEGERS(p), lambda builder, p: builder.bitcast(p, _WORD.as_pointer()))


@intrinsic
def like_pointer(typingctx: Any, p: NumbaType, address: NumbaType) -> Any:
    """An address as a pointer of the type of p."""
    return expression(p(p, types.int64), lambda builder, p, address: builder.inttoptr(address, p.type))


@intrinsic
def words_at(typingctx: Any, address: NumbaType) -> Any:
    """An address as a pointer to int64."""
    return expression(_INTEGERS(types.int64), lambda builder, address: builder.inttoptr(address, _WORD.as_pointer()))


class Floats(Protocol):
    """A pointer to float32 or float64, as mypy sees it."""

    def __getitem__(self, index: int) -> float: ...
    def __setitem__(self, index: int, value: float) -> None: ...


class Integers(Protocol):
    """A pointer to int64, as mypy sees it."""

    def __getitem__(self, index: int) -> int: ...
    def __setitem__(self, index: int, value: int) -> None: ...
