"""A step of an optimizer: what becomes of the gradient, the rule, and what becomes of the weights.

`regularize_gradient` and `update_weights` take parameters in a row, wherever they lie; training calls them for packed
ones. `plain_step` and `modified_step` are a step of compact parameters.
"""

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.addresses import calling
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Floats, Integers, fma, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.compiler.linking import OnDemand
from fnn.network.kernels.penalty import penalized
from fnn.optimizers.kernels import abi

Numbers = npt.NDArray[np.int64]
Reals = npt.NDArray[np.floating]

_SHORT: Final = 1e-140  # in float64 squares of what is shorter lose digits


@inline
def regularize_gradient(w: Floats, g: Floats, coefficients: Floats, is_weight: bool, count: int) -> None:
    """g ← g + λ₂ w + λ₁ sign w for weights, then into [−clip, clip]."""
    zero, clip = like(g, 0.0), coefficients[abi.CLIP]
    l2, l1 = (coefficients[abi.L2], coefficients[abi.L1]) if is_weight else (zero, zero)
    if (l2 != zero) | (l1 != zero) | (clip < np.inf):
        for i in range(count):
            x = penalized(w[i], g[i], l2, l1)
            g[i] = clip if x > clip else -clip if x < -clip else x


@inline
def update_weights(
    rule: int, w: Floats, g: Floats, state: Floats, stride: int, coefficients: Floats, factor: float, is_weight: bool,
    count: int,
) -> None:  # fmt: skip
    """Decoupled decay and the rule, by the gradient times a factor; then w ← (1 − d) w."""
    if factor != like(w, 1.0):
        multiply(g, factor, count)
    apply_rule(rule, w, g, state, stride, coefficients, is_weight, count)
    if coefficients[abi.SHRINK] != like(w, 1.0) and (is_weight or coefficients[abi.DECAY_BIASES] != 0):
        multiply(w, coefficients[abi.SHRINK], count)


@inline
def apply_rule(
    rule: int, w: Floats, g: Floats, state: Floats, stride: int, coefficients: Floats, is_weight: bool, count: int
) -> None:
    """Decoupled decay and the rule."""
    keep = coefficients[abi.KEEP] if is_weight or coefficients[abi.DECAY_BIASES] != 0 else like(w, 1.0)
    abi.call_rule(rule, w, g, state, stride, shift(coefficients, abi.RULE_COEFFICIENTS), keep, count)


@inline
def multiply(values: Floats, factor: float, count: int) -> None:
    for i in range(count):
        values[i] *= factor


@inline
def clear(sums: Floats, count: int) -> None:
    for i in range(count):
        sums[i] = 0.0


@inline
def is_known(length: float, limit: float) -> bool:
    """Whether the root of a sum of squares tells if a vector is too long: none that matters leaves float64's range."""
    return (length < np.inf) & ((length > _SHORT) | (limit > _SHORT))


@inline
def clipping_factor(limit: float, length: float) -> float:
    """By what a vector is multiplied so that it is no longer than the limit."""
    return limit / length if length > limit else 1.0


@inline
def greatest_of(x: Floats, step: int, count: int, greatest: float) -> float:
    """The greatest magnitude among some elements and a number."""
    for i in range(count):
        value = abs(np.float64(x[i * step]))
        greatest = value if value > greatest else greatest
    return greatest


@inline
def sum_of_squares(x: Floats, step: int, count: int, unit: float, total: float) -> float:
    """Total + Σ (x / unit)², a chain."""
    for i in range(count):
        value = np.float64(x[i * step]) / unit
        total = fma(value, value, total)
    return total


@inline
def column_factor(x: Floats, step: int, count: int, limit: float, length: float) -> float:
    """The clipping factor of some elements, the squares of which have this sum's root unless they leave the range."""
    if is_known(length, limit):
        return clipping_factor(limit, length)
    greatest = greatest_of(x, step, count, 0.0)
    return clipping_factor(limit / greatest, math.sqrt(sum_of_squares(x, step, count, greatest, 0.0)))


@inline
def plain_step(
    sizes: Integers, layers: int, rule: int, coefficients: Floats, w: Floats, g: Floats, state: Floats, count: int
) -> None:
    """Decoupled decay and the rule for each W and each b; the vectors of state lie `count` apart."""
    at = 0
    for leaf in range(2 * layers):
        size, is_weight = leaf_size(sizes, leaf), leaf % 2 == 0
        apply_rule(rule, shift(w, at), shift(g, at), shift(state, at), count, coefficients, is_weight, size)
        at += size


def modified_step(
    sizes: Integers, layers: int, rule: int, coefficients: Floats, w: Floats, g: Floats, state: Floats, count: int,
    squares: Floats,
) -> None:  # fmt: skip
    """The same with all that an optimizer may do besides; g is modified, `squares` has room for the widest layer."""
    factor, at = like(g, 1.0), 0
    regularize_gradient(w, g, coefficients, False, count)
    if coefficients[abi.GRADIENT_NORM] > 0:
        factor = like(g, gradient_factor(sizes, layers, g, coefficients[abi.GRADIENT_NORM], squares))
    for leaf in range(2 * layers):
        size, is_weight, w_at = leaf_size(sizes, leaf), leaf % 2 == 0, shift(w, at)
        update_weights(rule, w_at, shift(g, at), shift(state, at), count, coefficients, factor, is_weight, size)
        if is_weight and coefficients[abi.UNIT_NORM] > 0:
            limit_units(w_at, sizes[leaf // 2], sizes[leaf // 2 + 1], coefficients[abi.UNIT_NORM], squares)
        at += size


@inline
def leaf_size(sizes: Integers, leaf: int) -> int:
    """Elements of W1, b1, W2, .., which are counted from 0."""
    return sizes[leaf // 2 + 1] * (sizes[leaf // 2] if leaf % 2 == 0 else 1)


@inline
def add_squares(x: Floats, rows: int, units: int, squares: Floats) -> None:
    """squares_j ← squares_j + Σ_i x_ij², each a chain over the rows in their order, as in training."""
    for i in range(rows):
        for j in range(units):
            value = like(squares, x[i * units + j])
            squares[j] = fma(value, value, squares[j])


@inline
def norm(sizes: Integers, layers: int, g: Floats, squares: Floats) -> float:
    """‖g‖ of all W and b."""
    total, at = 0.0, 0
    for layer in range(layers):
        rows, units = sizes[layer] + 1, sizes[layer + 1]  # b is the row behind W
        clear(squares, units)
        add_squares(shift(g, at), rows, units, squares)
        for j in range(units):
            total += squares[j]
        at += rows * units
    return math.sqrt(total)


@inline
def gradient_factor(sizes: Integers, layers: int, g: Floats, limit: float, squares: Floats) -> float:
    """The clipping factor of all W and b."""
    length, greatest, total, at = norm(sizes, layers, g, squares), 0.0, 0.0, 0
    if is_known(length, limit):
        return clipping_factor(limit, length)
    for leaf in range(2 * layers):
        greatest = greatest_of(shift(g, at), 1, leaf_size(sizes, leaf), greatest)
        at += leaf_size(sizes, leaf)
    at = 0
    for layer in range(layers):
        rows, units = sizes[layer] + 1, sizes[layer + 1]
        for j in range(units):
            total = sum_of_squares(shift(g, at + j), units, rows, greatest, total)
        at += rows * units
    return clipping_factor(limit / greatest, math.sqrt(total))


@inline
def limit_units(W: Floats, inputs: int, units: int, limit: float, squares: Floats) -> None:
    """Make the columns that are longer than the limit that long."""
    clear(squares, units)
    add_squares(W, inputs, units, squares)
    for j in range(units):
        squares[j] = column_factor(shift(W, j), units, inputs, limit, math.sqrt(squares[j]))
    for i in range(inputs):
        for j in range(units):
            W[i * units + j] *= like(W, squares[j])


@kernel(lambda t: types.void(array(types.int64), array(types.int64), array(t), output(t), array(t), output(t)))
def plain_kernel(sizes: Numbers, descriptor: Numbers, coefficients: Reals, w: Reals, g: Reals, state: Reals) -> None:
    """`plain_step`."""
    plain_step(
        pointer(sizes), sizes.size - 1, descriptor[abi.RULE], pointer(coefficients), pointer(w), pointer(g),
        pointer(state), w.size,
    )  # fmt: skip


def step_type(t: types.Float) -> Any:
    """The signature of `modified_step`."""
    p, i = types.CPointer(t), types.int64

    return types.void(types.CPointer(i), i, i, p, p, p, p, i, types.CPointer(types.float64))


MODIFIED_STEP = OnDemand(modified_step, step_type)


@intrinsic
def call_step(
    typingctx: Any, step: Any, sizes: Any, layers: Any, rule: Any, coefficients: Any, w: Any, g: Any, state: Any,
    count: Any, squares: Any,
) -> Any:  # fmt: skip
    """`modified_step` at an address."""
    return calling(step_type(w.dtype))


@kernel(
    lambda t: types.void(
        types.int64, array(types.int64), array(types.int64), array(t), output(t), output(t), output(t),
        output(types.float64),
    )
)  # fmt: skip
def modified_kernel(
    step: int, sizes: Numbers, descriptor: Numbers, coefficients: Reals, w: Reals, g: Reals, state: Reals,
    squares: npt.NDArray[np.float64],
) -> None:  # fmt: skip
    """`modified_step` at an address."""
    call_step(
        step, pointer(sizes), sizes.size - 1, descriptor[abi.RULE], pointer(coefficients), pointer(w), pointer(g),
        pointer(state), w.size, pointer(squares),
    )  # fmt: skip
