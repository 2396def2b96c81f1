"""R3: the derivative of ∂E/∂A at the output along a direction, R{∂E/∂A} = ∂²E/∂A² R{A}, dispatched by loss.

A loss that fills Δ itself fills R{Δ} here, again in a form without cancellation. Compiled on first use.

To add one: a formula under `second_of` beside the loss's own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, doubles, like, shift, words_at
from fnn.losses.kernels.dispatch import PARAMETER, LossKernel, call
from fnn.losses.kernels.squares import weighted


@inline
def output_second_derivative(
    loss: int, second_derivative: int, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, r_z: Floats,
    r_a: Floats, into: Floats, rows: int, units: int, stride: int,
) -> None:  # fmt: skip
    """R3 for a block of cases: R{∂E/∂A} or, if the loss is direct, R{Δ}, by the code at `second_derivative`."""
    p = doubles(shift(words_at(loss), PARAMETER))
    call(second_derivative, p, code, z, a, y, case_weights, r_z, r_a, into, rows, units, stride)


def second_of(*losses: LossKernel) -> Callable[[Callable[..., Any]], LossKernel]:
    """Make a formula the second derivative of losses, all pointwise or all casewise.

    For a pointwise loss it gives ∂²E/∂a² of one unit from (parameter, a, y). For a casewise one it takes (parameter,
    code of the output activation, z, a, y, the case's weight, R{z}, R{a}, R{δ}, units) and fills R{δ}.
    """

    def decorate(formula: Callable[..., Any]) -> LossKernel:
        kernel = _casewise if losses[0].is_direct else _pointwise
        second_derivative = kernel(formula.__name__, inline(formula))
        for loss in losses:
            loss.second_derivative = second_derivative

        return second_derivative

    return decorate


def _pointwise(name: str, second: Any, *, cached: bool = True) -> LossKernel:
    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, r_z: Floats, r_a: Floats,
        r_dE_da: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            for i in range(row * stride, row * stride + units):
                slope = second(p, np.float64(a[i]), np.float64(y[i])) * np.float64(r_a[i])
                r_dE_da[i] = like(a, weighted(slope, case_weights[row]))

    return LossKernel(name, kernel, direct=False, cached=cached, is_second=True)


def _casewise(name: str, case_r_deltas: Any) -> LossKernel:
    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, r_z: Floats, r_a: Floats,
        r_delta: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            at = row * stride
            case_r_deltas(
                p, code, shift(z, at), shift(a, at), shift(y, at), case_weights[row], shift(r_z, at), shift(r_a, at),
                shift(r_delta, at), units,
            )  # fmt: skip

    return LossKernel(name, kernel, direct=True, is_second=True)


def second_from_user(name: str, second: Callable[..., Any]) -> LossKernel:
    """The kernel of a user's jitted ∂²E/∂a²(a, y) of one unit, not cached, like the user's loss."""

    def formula(p: Floats, a: float, y: float) -> float:
        return np.float64(second(a, y))

    return _pointwise(name, inline(formula), cached=False)


def squared_error_second(p: Floats, a: float, y: float) -> float:
    """1."""
    return 1.0


SQUARED_ERROR = _pointwise("squared_error_second", inline(squared_error_second))
