"""The product Aᵀ D for a D of few columns, worked out as Dᵀ A and transposed.

Vectors run along the columns of a product. Where those don't fill one, most lanes are idle, and each fma waits for a
load of its own; along the rows there are many. Each element is the same chain of fma, so no bit changes.
"""

from typing import Any, Final

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import panel_width, require_pointer, vector_width
from fnn.numerics.matmul import Prefetch, matmul, prefetch_type, transposed
from fnn.numerics.microkernel import DESCEND, STORE, ZERO
from fnn.numerics.simd import Vectors, number

_I: Final = types.int64


@inline
def is_thin(n: int, k: int, lanes: int) -> bool:
    """Whether `thin_product` is faster than `matmul` for n columns and chains of k.

    A row of the result takes 0.54 k cycles by `matmul`, and n k / (2 lanes) and some 8 here.
    """
    return n < lanes and k * (lanes + 1 - n) >= 16 * lanes


def _product(t: types.Float) -> Any:
    p = types.CPointer(t)

    return types.void(_I, _I, _I, p, _I, p, _I, p, _I, _I, _I, t, p, _I, prefetch_type(t))


@linked(_product)
def thin_product(
    m: int, n: int, k: int, a: Floats, a_row: int, d: Floats, d_row: int, c: Floats, c_row: int, columns: int,
    epilogue: int, eta: float, work: Floats, work_row: int, prefetch: Prefetch,
) -> None:  # fmt: skip
    """C = epilogue(Aᵀ D): `matmul` of A (k × m), D (k × n) and C (m × n), all by rows, from ZERO.

    `work` has room for n rows of m elements. Of `columns`, n or a whole vector, those from n on become epilogue(0).
    """
    panel, lanes, zero = panel_width(c), vector_width(c), like(c, 0.0)
    matmul(n, m, k, d, 1, d_row, a, panel, a_row, work, panel, work_row, ZERO, work, STORE, zero, prefetch)
    factor = -eta if epilogue == DESCEND else like(c, 1.0)
    i = 0
    while i < m:  # a range with a step would divide
        rows, into = min(lanes, m - i), shift(c, i * c_row)
        _use_transposed(shift(work, i), work_row, n, rows, columns, factor, epilogue != STORE, into, c_row)
        i += lanes


@intrinsic
def _use_transposed(
    typingctx: Any, work: types.CPointer, work_row: NumbaType, n: NumbaType, rows: NumbaType, columns: NumbaType,
    factor: NumbaType, updates: NumbaType, into: NumbaType, into_row: NumbaType,
) -> Any:  # fmt: skip
    """into[i,j] = factor · work[j,i], with one rounding added to what it was if it `updates` it, i < rows."""
    require_pointer(work)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        work_, work_row_, n_, rows_, columns_, factor_, updates_, into_, into_row_ = arguments
        vectors = Vectors(context, builder, work.dtype)
        scale, none = vectors.splat(factor_), vectors.none
        in_row, in_column = vectors.first(columns_), vectors.first(rows_)
        read = builder.select(updates_, in_row, none)

        def at(p: IRValue, stride: IRValue, row: int) -> IRValue:
            return cgutils.gep(builder, p, builder.mul(stride, number(row)))

        def some(row: int, count: IRValue, mask: IRValue) -> IRValue:
            return builder.select(builder.icmp_signed("<", number(row), count), mask, none)

        block = [
            vectors.masked_load(at(work_, work_row_, row), some(row, n_, in_column)) for row in range(vectors.lanes)
        ]
        for row, x in enumerate(transposed(vectors, block)):
            p = at(into_, into_row_, row)
            with builder.if_then(builder.icmp_signed("<", number(row), rows_)):
                old = builder.select(read, vectors.masked_load(p, read), vectors.minus_zero)
                vectors.masked_store(vectors.fma(scale, x, old), p, in_row)

        return context.get_dummy_value()

    return types.void(work, _I, _I, _I, _I, work.dtype, types.boolean, work, _I), codegen
