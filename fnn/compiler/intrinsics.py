"""The few LLVM instructions that Numba has no name for."""

from typing import Any, Final, Protocol

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import TypingError

from fnn.compiler.options import intrinsic

LINE: Final = 64  # bytes of a cache line

_WIDTH = {types.float32: 32, types.float64: 64}


def _require_float(*arguments: types.Type) -> None:
    if any(a not in _WIDTH or a != arguments[0] for a in arguments):
        raise TypingError(f"needs floats of one dtype, got {', '.join(map(str, arguments))}")


@intrinsic
def fma(typingctx: Any, a: Any, b: Any, c: Any) -> Any:
    """a·b + c with a single rounding; the same bits on every machine."""
    _require_float(a, b, c)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, b, c), codegen


@intrinsic
def pointer(typingctx: Any, array: Any) -> Any:
    """The address of a C-contiguous array's first element.

    Pointers carry no reference count (its atomic increments cost more than a small layer) and no negative indices
    (their check stops vectorisation). The array must be an argument of the kernel, so that its owner outlives the call.
    """
    if not (isinstance(array, types.Array) and array.layout == "C"):
        raise TypingError(f"needs a C-contiguous array, got {array}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(array)(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def shift(typingctx: Any, p: Any, count: Any) -> Any:
    """p + count elements."""
    if not (isinstance(p, types.CPointer) and isinstance(count, types.Integer)):
        raise TypingError(f"needs a pointer and an integer, got {p} and {count}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return cgutils.gep(builder, arguments[0], arguments[1])

    return p(p, types.intp), codegen


@intrinsic
def aligned(typingctx: Any, p: Any) -> Any:
    """p rounded up to 64 bytes: a vector load that straddles two cache lines costs two."""
    if not isinstance(p, types.CPointer):
        raise TypingError(f"needs a pointer, got {p}")

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = builder.ptrtoint(arguments[0], ir.IntType(64))
        rounded = builder.and_(builder.add(address, ir.Constant(ir.IntType(64), 63)), ir.Constant(ir.IntType(64), -64))
        return builder.inttoptr(rounded, arguments[0].type)

    return p(p), codegen


@intrinsic
def prefetch_line(typingctx: Any, p: Any) -> Any:
    """Have the cache line that p points into brought to the second-level cache, meanwhile; p may point anywhere."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [arguments[0].type, word, word, word])
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [arguments[0].type], kind),
            [arguments[0], word(0), word(2), word(1)],
        )
        return context.get_dummy_value()

    return types.void(p), codegen


@intrinsic
def address(typingctx: Any, p: Any) -> Any:
    """Where p points to, as a number."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], ir.IntType(64))

    return types.int64(p), codegen


@intrinsic
def like(typingctx: Any, x: Any, value: Any) -> Any:
    """`value` in the dtype of x (a float, or a pointer to floats); float32 · 2.0 would be float64 in Numba."""
    dtype = x.dtype if isinstance(x, types.CPointer) else x
    _require_float(dtype)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.cast(builder, arguments[1], signature.args[1], dtype)

    return dtype(x, value), codegen


@intrinsic
def doubles(typingctx: Any, p: Any) -> Any:
    """The same address as a pointer to float64."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float64)(p), codegen


@intrinsic
def like_pointer(typingctx: Any, p: Any, address: Any) -> Any:
    """An address as a pointer of the type of p."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[1], arguments[0].type)

    return p(p, types.int64), codegen


@intrinsic
def words_at(typingctx: Any, address: Any) -> Any:
    """An address as a pointer to integers."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.int64)(types.int64), codegen


class Floats(Protocol):
    """A pointer to float32 or float64, as mypy sees it."""

    def __getitem__(self, index: int) -> float: ...
    def __setitem__(self, index: int, value: float) -> None: ...


class Integers(Protocol):
    """A pointer to int64, as mypy sees it."""

    def __getitem__(self, index: int) -> int: ...
    def __setitem__(self, index: int, value: int) -> None: ...
