"""Outer products, which a row of a Jacobian is made of, sums of a few of them, and copies: by whole vectors."""

from functools import partial
from typing import Any, Final

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils
from fnn.compiler.intrinsics import Floats, integers, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width, require_pointer, vector_width
from fnn.numerics.matmul import Prefetch, matmul
from fnn.numerics.microkernel import BIAS, KEEP, STORE
from fnn.numerics.simd import Vectors, advanced, number, repeat

_LONGEST: Final = 4  # chain of `short_product`: all rows of B are in registers
_I: Final = types.int64


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


@inline
def row_product(
    m: int, n: int, k: int, a: Floats, a_row: int, b: Floats, b_panel: int, b_row: int, c: Floats, c_row: int,
    init: int, bias: Floats,
) -> None:  # fmt: skip
    """C = init + A B of row-major A and C, as `matmul` has it; for chains of at most four numbers row by row.

    A tile needs as long to begin and to end as for three numbers of its chains: 77 cases from 3 to 203 units (B4) took
    0.68 µs instead of 0.52, 64 from 4 inputs to 32 units (F1) 0.13 instead of 0.08, in float32 with AVX-512.
    """
    if k <= _LONGEST and n % vector_width(c) == 0 and init != KEEP:
        short_product(m, n, k, a, a_row, b, b_panel, b_row, c, c_row, init == BIAS, bias)
    else:
        matmul(
            m, n, k, a, a_row, 1, b, b_panel, b_row, c, panel_width(c), c_row, init, bias, STORE, like(c, 0.0),
            Prefetch(c, integers(c), 0, 0),
        )  # fmt: skip


def _product(t: types.Float) -> Any:
    p = types.CPointer(t)

    return types.void(_I, _I, _I, p, _I, p, _I, _I, p, _I, types.boolean, p)


@linked(_product)
def short_product(
    m: int, n: int, k: int, a: Floats, a_row: int, b: Floats, b_panel: int, b_row: int, c: Floats, c_row: int,
    has_bias: bool, bias: Floats,
) -> None:  # fmt: skip
    """C = A B, or bias + A B, for k ≤ 4 and whole vectors of columns; two vectors at `bias` are read in any case."""
    panel, lanes = panel_width(c), vector_width(c)
    for j in range(0, n, panel):
        b_j, c_j, bias_j = shift(b, j // panel * b_panel), shift(c, j), shift(bias, j if has_bias else 0)
        if n - j == lanes:
            _one_vector(m, k, a, a_row, b_j, b_row, c_j, c_row, has_bias, bias_j)
        else:
            _two_vectors(m, k, a, a_row, b_j, b_row, c_j, c_row, has_bias, bias_j)


def _columns(count: int) -> Any:
    """`short_product` for as many vectors of columns."""

    def columns(
        typingctx: Any, m: NumbaType, k: NumbaType, a: NumbaType, a_row: NumbaType, b: NumbaType, b_row: NumbaType,
        c: types.CPointer, c_row: NumbaType, has_bias: NumbaType, bias: NumbaType,
    ) -> Any:  # fmt: skip
        require_pointer(c)

        def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
            m_, k_, a_, a_row_, b_, b_row_, c_, c_row_, has_bias_, bias_ = arguments
            vectors = Vectors(context, builder, c.dtype)
            begin = [builder.select(has_bias_, x, vectors.zero) for x in _vectors_at(vectors, bias_, count)]
            for length in range(1, _LONGEST + 1):
                with builder.if_then(builder.icmp_signed("==", k_, number(length))):
                    rows_of_b = [advanced(builder, b_, b_row_, number(q)) for q in range(length)]
                    row = partial(_write_row, vectors, begin, [_vectors_at(vectors, p, count) for p in rows_of_b])
                    repeat(builder, m_, 1, row, [(a_, a_row_), (c_, c_row_)])

            return context.get_dummy_value()

        return types.void(_I, _I, c, _I, c, _I, c, _I, types.boolean, c), codegen

    return intrinsic(columns)


def _vectors_at(vectors: Vectors, p: IRValue, count: int) -> list[IRValue]:
    """As many vectors in a row."""
    return [vectors.load(cgutils.gep(vectors.builder, p, number(v * vectors.lanes))) for v in range(count)]


def _write_row(
    vectors: Vectors, begin: list[IRValue], b: list[list[IRValue]], _: list[IRValue], a: IRValue, c: IRValue
) -> list[IRValue]:
    """A row of C: the numbers of a row of A times the rows of B."""
    builder, totals = vectors.builder, begin
    for q, row in enumerate(b):
        x = vectors.splat(builder.load(cgutils.gep(builder, a, number(q))))
        totals = [vectors.fma(x, y, total) for y, total in zip(row, totals, strict=True)]
    for v, total in enumerate(totals):
        vectors.store(total, cgutils.gep(builder, c, number(v * vectors.lanes)))

    return []


_one_vector, _two_vectors = _columns(1), _columns(2)
