"""The products of all numbers of two vectors, which a row of a Jacobian is made of, and copies: by whole vectors."""

from typing import Any

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils
from fnn.compiler.intrinsics import Floats
from fnn.compiler.target import require_pointer
from fnn.numerics.simd import Vectors, number, repeat


@inline
def outer_product(a: Floats, m: int, b: Floats, n: int, into: Floats) -> None:
    """into[i n + j] = a[i] b[j], i < m, j < n.

    Up to a vector more is read behind a and b, and written behind the result.
    """
    if n == 1:
        _scaled_copies(b, 1, a, m, into)
    else:
        _scaled_copies(a, m, b, n, into)


@intrinsic
def _scaled_copies(typingctx: Any, a: types.CPointer, m: NumbaType, b: NumbaType, n: NumbaType, into: NumbaType) -> Any:
    """`outer_product`, b by vectors, the last one first: what one writes behind its row is written once more."""
    require_pointer(a)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        vectors = Vectors(context, builder, a.dtype)
        a_, m_, b_, n_, into_ = arguments
        lanes = number(vectors.lanes)
        last = builder.mul(builder.udiv(builder.sub(n_, number(1)), lanes), lanes)

        def column(_: list[IRValue], part: IRValue, to: IRValue) -> list[IRValue]:
            x = vectors.load(part)

            def row(_: list[IRValue], factor: IRValue, to: IRValue) -> list[IRValue]:
                vectors.store(builder.fmul(x, vectors.splat(builder.load(factor))), to)
                return []

            repeat(builder, m_, 1, row, [(a_, number(1)), (to, n_)])
            return []

        ends = [(cgutils.gep(builder, p, last), number(-vectors.lanes)) for p in (b_, into_)]
        repeat(builder, n_, vectors.lanes, column, ends)

        return context.get_dummy_value()

    return types.void(a, types.int64, a, types.int64, a), codegen


@intrinsic
def copy_vectors(typingctx: Any, source: types.CPointer, count: NumbaType, into: NumbaType) -> Any:
    """into[i] = source[i], i < count, and up to a vector more is read and written."""
    require_pointer(source)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        vectors = Vectors(context, builder, source.dtype)

        def move(_: list[IRValue], source: IRValue, to: IRValue) -> list[IRValue]:
            vectors.store(vectors.load(source), to)
            return []

        from_, count_, to_ = arguments
        repeat(builder, count_, vectors.lanes, move, [(p, number(vectors.lanes)) for p in (from_, to_)])

        return context.get_dummy_value()

    return types.void(source, types.int64, source), codegen


@intrinsic
def copy_padded(typingctx: Any, source: types.CPointer, count: NumbaType, into: NumbaType, room: NumbaType) -> Any:
    """into[i] = source[i], i < count, and 0 up to a whole vector or to the room's end; it touches nothing else.

    LLVM's loop first checks whether the two overlap, and copies what isn't a whole vector number by number.
    """
    require_pointer(source)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        vectors = Vectors(context, builder, source.dtype)
        from_, count_, to, room_ = arguments
        lanes = number(vectors.lanes)
        whole = builder.udiv(count_, lanes)
        with cgutils.for_range(builder, whole) as loop:
            at = builder.mul(loop.index, lanes)
            vectors.store(vectors.load(cgutils.gep(builder, from_, at)), cgutils.gep(builder, to, at))
        done = builder.mul(whole, lanes)
        with builder.if_then(builder.icmp_signed("<", done, count_)):
            rest, left = vectors.first(builder.sub(count_, done)), builder.sub(room_, done)
            x, p = vectors.masked_load(cgutils.gep(builder, from_, done), rest), cgutils.gep(builder, to, done)
            with builder.if_else(builder.icmp_signed("<", left, lanes)) as (part, vector):
                with part:
                    vectors.masked_store(x, p, vectors.first(left))
                with vector:
                    vectors.store(x, p)

        return context.get_dummy_value()

    return types.void(source, types.int64, source, types.int64), codegen
