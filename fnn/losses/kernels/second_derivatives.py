"""R3: how ∂E/∂A at the output changes along a direction, R{∂E/∂A} = ∂²E/∂A² R{A}.

A loss that gives Δ itself gives R{Δ} here, in a form where what cancels has cancelled. Like the losses' own code, this
is compiled when it is first wanted.

To add one: a formula under `second_of` beside the loss's own.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import types

from fnn.compiler.intrinsics import Floats, doubles, like, shift, words_at
from fnn.compiler.linking import calling
from fnn.compiler.options import inline, intrinsic
from fnn.losses.kernels.dispatch import PARAMETER, LossKernel, counted


def curve_type(t: types.Float) -> Any:
    """The Numba signature of such code."""
    block, i = types.CPointer(t), types.int64

    return types.void(types.CPointer(types.float64), i, block, block, block, block, block, block, block, i, i, i)


@intrinsic
def _call(
    typingctx: Any, address: Any, p: Any, code: Any, z: Any, a: Any, y: Any, case_weights: Any, r_z: Any, r_a: Any,
    into: Any, rows: Any, units: Any, stride: Any,
) -> Any:  # fmt: skip
    """Call the code of a loss's R3."""
    return calling(curve_type(z.dtype))


@inline
def output_curvature(
    loss: int,
    second_derivative: int,
    code: int,
    z: Floats,
    a: Floats,
    y: Floats,
    case_weights: Floats,
    r_z: Floats,
    r_a: Floats,
    into: Floats,
    rows: int,
    units: int,
    stride: int,
) -> None:
    """R3 for a block of cases: R{∂E/∂A} or, if the loss is direct, R{Δ}; `curve` is where its code starts."""
    p = doubles(shift(words_at(loss), PARAMETER))
    _call(second_derivative, p, code, z, a, y, case_weights, r_z, r_a, into, rows, units, stride)


def second_of(loss: LossKernel) -> Callable[[Callable[..., Any]], LossKernel]:
    """Make a formula the second derivative of a loss.

    For a pointwise loss it gives ∂²E/∂a² of one unit from (parameters, a, y). For a casewise one it takes (parameters,
    code of the output activation, z, a, y, share, R{z}, R{a}, R{δ}, units) and fills the last.
    """

    def decorate(formula: Callable[..., Any]) -> LossKernel:
        each = inline(formula)
        loss.second_derivative = (
            of_cases(formula.__name__, each) if loss.is_direct else of_units(formula.__name__, each)
        )
        return loss.second_derivative

    return decorate


def of_units(name: str, second: Any, *, cached: bool = True) -> LossKernel:
    """The code for a loss whose units are alike."""

    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, r_z: Floats, r_a: Floats,
        r_dE_da: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            for i in range(row * stride, row * stride + units):
                curvature = second(p, np.float64(a[i]), np.float64(y[i]))
                r_dE_da[i] = like(a, counted(curvature * np.float64(r_a[i]), case_weights[row]))

    return LossKernel(name, kernel, direct=False, cached=cached, kind=curve_type)


def of_cases(name: str, each: Any) -> LossKernel:
    """The code for a loss that looks at all units of a case."""

    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, r_z: Floats, r_a: Floats,
        r_delta: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            at = row * stride
            each(
                p, code, shift(z, at), shift(a, at), shift(y, at), case_weights[row], shift(r_z, at), shift(r_a, at),
                shift(r_delta, at), units,
            )  # fmt: skip

    return LossKernel(name, kernel, direct=True, kind=curve_type)


def of_scalar(name: str, second: Callable[..., Any]) -> LossKernel:
    """The code for a loss of somebody's, from the jitted ∂²E/∂a²(a, y) of one unit; not cached, as the loss isn't."""

    def each(p: Floats, a: float, y: float) -> float:
        return np.float64(second(a, y))

    return of_units(name, inline(each), cached=False)


def squared_error_second(p: Floats, a: float, y: float) -> float:
    """1."""
    return 1.0


SQUARED_ERROR = of_units("squared_error_second", inline(squared_error_second))
