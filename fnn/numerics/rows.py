"""C = A B of row-major A and C: tile by tile, or, for chains of a few numbers, row by row.

A tile needs as long to begin and to end as for three numbers of its chains: 77 cases from 3 to 203 units (B4) took
0.68 µs instead of 0.52, 64 from 4 inputs to 32 units (F1) 0.13 instead of 0.08, in float32 with AVX-512.
"""

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
def row_product(
    m: int, n: int, k: int, a: Floats, a_row: int, b: Floats, b_panel: int, b_row: int, c: Floats, c_row: int,
    init: int, bias: Floats,
) -> None:  # fmt: skip
    """C = init + A B, as `matmul` has it."""
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
    """`short_product` for so many vectors of columns."""

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
    """So many vectors in a row."""
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
