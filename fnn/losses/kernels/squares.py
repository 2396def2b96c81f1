"""E1 and E2 of the squared error: E = ½ Σ_d (a_d − y_d)², ∂E/∂a_d = a_d − y_d, both times the case's weight."""

from typing import Any, Final

import numpy as np
from numba import types

from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.internals import IRBuilder, IRValue, NumbaType, cgutils, ir
from fnn.compiler.intrinsics import Floats, shift
from fnn.compiler.linking import linked
from fnn.compiler.target import require_pointer, vector_width
from fnn.numerics.simd import I32, Vectors, number

_WIDEST: Final = 4  # elements of a row of which several share a vector


@linked(lambda t: types.void(*[types.CPointer(t)] * 4, types.CPointer(types.float64), *[types.int64] * 3))
def squared_errors(
    a: Floats, y: Floats, case_weights: Floats, dE_da: Floats, errors: Floats, rows: int, units: int, stride: int
) -> None:
    """E and ∂E/∂A of a block of cases, the sums over the units in their order.

    Where a vector holds the units of several cases, as many as it has lanes are computed at a time: 256 cases
    of 4 units take 0.15 µs instead of 0.57.
    """
    lanes = vector_width(a)
    if rows < lanes or stride > lanes or stride > _WIDEST:
        for row in range(rows):
            at = row * stride
            error = squared_error(shift(a, at), shift(y, at), case_weights[row], shift(dE_da, at), units)
            errors[row] = weighted(error, case_weights[row])
        return
    i = 0
    while i < rows:  # a range with a step would divide
        first = min(i, rows - lanes)  # the last cases may be computed twice
        at = first * stride
        _vector_of_cases(
            shift(a, at), shift(y, at), shift(case_weights, first), shift(dE_da, at), shift(errors, first),
            units, stride,
        )  # fmt: skip
        i += lanes


@inline
def squared_error(a: Floats, y: Floats, case_weight: float, dE_da: Floats, units: int) -> float:
    """E = ½ Σ_d (a_d − y_d)² of one case, ∂E/∂a_d = a_d − y_d; E before it is weighted."""
    error = 0.0
    for d in range(units):
        difference = a[d] - y[d]
        dE_da[d] = case_weight * difference
        error += np.float64(difference) * np.float64(difference)
    return 0.5 * error


@inline
def weighted(value: float, case_weight: float) -> float:
    """The value times the case's weight, in float64; 0 where the weight is 0, even for an infinite value."""
    return np.float64(case_weight) * value if case_weight != 0 else 0.0


class Squares:
    """Instructions for the squared error of as many cases as a vector has lanes."""

    def __init__(self, vectors: Vectors) -> None:
        self.vectors, self.builder = vectors, vectors.builder
        self._doubles = ir.VectorType(ir.DoubleType(), vectors.lanes)
        self.zero = ir.Constant(self._doubles, None)

    def wide(self, x: IRValue) -> IRValue:
        return x if x.type == self._doubles else self.builder.fpext(x, self._doubles)

    def longer(self, total: IRValue, difference: IRValue) -> IRValue:
        """The total and the next unit's square."""
        x = self.wide(difference)
        return self.builder.fadd(total, self.builder.fmul(x, x))

    def weighted(self, total: IRValue, case_weight: IRValue) -> IRValue:
        """`weighted` of half of the total."""
        half = ir.Constant(self._doubles, [0.5] * self.vectors.lanes)
        error = self.builder.fmul(self.wide(case_weight), self.builder.fmul(half, total))
        counts = self.builder.fcmp_unordered("!=", case_weight, self.vectors.zero)
        return self.builder.select(counts, error, self.zero)


@intrinsic
def _vector_of_cases(
    typingctx: Any, a: types.CPointer, y: NumbaType, case_weights: NumbaType, dE_da: NumbaType, errors: NumbaType,
    units: NumbaType, stride: NumbaType,
) -> Any:  # fmt: skip
    """`squared_errors` of as many cases as a vector has lanes; ∂E/∂A behind the units becomes 0."""
    require_pointer(a)

    def codegen(context: Any, builder: IRBuilder, signature: Any, arguments: Any) -> IRValue:
        stride_, width = arguments[-1], 1
        vectors = Vectors(context, builder, a.dtype)
        while width <= min(_WIDEST, vectors.lanes):
            with builder.if_then(builder.icmp_signed("==", stride_, number(width))):
                _write_cases(vectors, width, *arguments[:-1])
            width *= 2

        return context.get_dummy_value()

    i = types.int64
    return types.void(a, a, a, a, types.CPointer(types.float64), i, i), codegen


def _write_cases(
    vectors: Vectors, width: int, a: IRValue, y: IRValue, case_weights: IRValue, dE_da: IRValue, errors: IRValue,
    units: IRValue,
) -> None:  # fmt: skip
    """The code for rows of `width` elements."""
    builder, lanes, squares = vectors.builder, vectors.lanes, Squares(vectors)
    case_weight, limits = vectors.load(case_weights), vectors.splat(builder.trunc(units, I32))
    is_unit = builder.icmp_signed("<", vectors.lane_numbers([lane % width for lane in range(lanes)]), limits)
    differences = []
    for start in range(0, width * lanes, lanes):
        at = number(start)
        x = builder.fsub(*(vectors.load(cgutils.gep(builder, p, at)) for p in (a, y)))
        x = builder.select(is_unit, x, vectors.zero)
        of_case = vectors.lane_numbers([element // width for element in range(start, start + lanes)])
        weights = builder.shuffle_vector(case_weight, case_weight, of_case)
        vectors.store(builder.fmul(weights, x), cgutils.gep(builder, dE_da, at))
        differences.append(x)
    total: IRValue = squares.zero
    for difference in columns_of_rows(vectors, differences):
        total = squares.longer(total, difference)
    vectors.store(squares.weighted(total, case_weight), errors)


def columns_of_rows(vectors: Vectors, xs: list[IRValue]) -> list[IRValue]:
    """Rows of 1, 2, 4, .. elements, one behind the other, by columns: each step separates the odd from the even."""
    for _ in range(len(xs).bit_length() - 1):
        halves = [vectors.lane_numbers(range(odd, 2 * vectors.lanes, 2)) for odd in (0, 1)]
        pairs = [*zip(xs[::2], xs[1::2], strict=True)]
        xs = [vectors.builder.shuffle_vector(*pair, half) for half in halves for pair in pairs]
    return xs
