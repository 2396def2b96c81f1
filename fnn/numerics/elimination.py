"""The Cholesky factor of a small square, and its inverse, by Gaussian elimination on whole rows of vectors."""

import math
from typing import Any, Final

from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils
from fnn.compiler.intrinsics import Floats, like, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import require_pointer, vector_width
from fnn.numerics.matmul import transpose_edge
from fnn.numerics.simd import I32, Vectors, number, repeat

SIDE: Final = 16  # rows and columns of a square: the same on all machines, for the sums' order
_I: Final = types.int64


@linked(lambda t: types.void(_I, _I, types.CPointer(t), _I, types.CPointer(t), _I))
def transpose(m: int, n: int, src: Floats, src_row: int, dst: Floats, dst_row: int) -> None:
    """dst[j,i] = src[i,j], i < m, j < n, both row-major."""
    lanes = vector_width(src)
    for i in range(0, m, lanes):
        for j in range(0, n, lanes):
            corner, to = shift(src, i * src_row + j), shift(dst, j * dst_row + i)
            transpose_edge(corner, src_row, to, dst_row, min(lanes, m - i), min(lanes, n - j))


@intrinsic
def _eliminate(typingctx: Any, square: types.CPointer, j: NumbaType, scale: NumbaType) -> Any:
    """Scale row j, and take the multiples of it from the rows below that would make their column j vanish.

    What vanishes makes room for column j of the inverse, which begins as that of the unit matrix.
    """
    require_pointer(square)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        square, j, scale = arguments
        vectors = Vectors(context, builder, signature.args[0].dtype)
        parts = [number(part) for part in range(0, SIDE, vectors.lanes)]
        here = vectors.splat(builder.trunc(j, I32))
        in_column = [
            builder.icmp_signed("==", vectors.lane_numbers(range(part.constant, part.constant + vectors.lanes)), here)
            for part in parts
        ]
        top, factor = cgutils.gep(builder, square, builder.mul(j, number(SIDE))), vectors.splat(scale)
        row = []
        for part, mask in zip(parts, in_column, strict=True):
            p = cgutils.gep(builder, top, part)
            row.append(builder.select(mask, factor, builder.fmul(vectors.load(p), factor)))
            vectors.store(row[-1], p)
        subtracted = [builder.fneg(x) for x in row]

        def below(_: Any, p: IRValue, multiple: IRValue) -> list[IRValue]:
            times = vectors.splat(builder.load(multiple))
            for part, mask, x in zip(parts, in_column, subtracted, strict=True):
                place = cgutils.gep(builder, p, part)
                old = builder.select(mask, vectors.zero, vectors.load(place))
                vectors.store(vectors.fma(times, x, old), place)
            return []

        with builder.if_then(builder.icmp_signed("<", j, number(SIDE - 1))):
            first = cgutils.gep(builder, top, number(SIDE))
            multiples = cgutils.gep(builder, top, builder.add(j, number(1)))
            moving = [(first, number(SIDE)), (multiples, number(1))]
            repeat(builder, builder.sub(number(SIDE - 1), j), 1, below, moving)

        return context.get_dummy_value()

    return types.void(square, _I, square.dtype), codegen


@inline
def factor_square(size: int, a: Floats, a_row: int, inverse: Floats, square: Floats) -> bool:
    """L of a square of at most SIDE rows, in place, and the transposed L⁻¹; False unless all pivots are positive.

    [A | 1] becomes [Lᵀ | L⁻¹] by elimination, in `square`: of 2 SIDE columns no more than SIDE differ from 0 or 1 at
    a time. A is filled up with ones on the diagonal.
    """
    if size < SIDE:
        for q in range(SIDE * SIDE):
            square[q] = like(square, 0.0)
        for i in range(size, SIDE):
            square[i * SIDE + i] = like(square, 1.0)
    transpose(size, size, a, a_row, square, SIDE)
    for j in range(SIDE):
        pivot = square[j * SIDE + j]
        if not 0.0 < pivot < math.inf:
            return False
        root = math.sqrt(pivot)
        if j < size:
            a[j * a_row + j] = root
        _eliminate(square, j, like(square, 1.0) / root)
    for i in range(SIDE):
        for j in range(i):
            if i < size:
                a[i * a_row + j] = square[j * SIDE + i]
            square[j * SIDE + i] = like(square, 0.0)
    transpose(SIDE, SIDE, square, SIDE, inverse, SIDE)
    return True
