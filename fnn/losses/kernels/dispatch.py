"""E1 and E2: the error of each case, and ∂E/∂A at the output, dispatched by loss.

The address of a descriptor stands for a loss. The descriptor has the address of the loss's code, the output activations
that suit it, the rule for its targets, and its parameter. So only the losses in use are compiled; squared error is part
of every network's code. Errors and slopes are computed in float64 whatever the dtype, except those of cross-entropy,
and summed over the output units in their order.

To add one: a formula in `fnn.losses.kernels.pointwise` or `fnn.losses.kernels.casewise`, its second derivative beside
it, and its value in `fnn.losses.library`.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import types

from fnn.compiler.addresses import calling
from fnn.compiler.inline import inline, intrinsic
from fnn.compiler.intrinsics import Floats, doubles, like, shift, words_at
from fnn.compiler.linking import OnDemand
from fnn.losses.kernels.squares import squared_errors, weighted

# The words of a descriptor: integers, and float64 by their bits.
KERNEL: Final = 0  # the address of the code; 0: squared error
SUITED: Final = 1  # bit c is set if the output activation of code c suits the loss; −1: any does
DIRECT: Final = 2  # whether the code fills Δ too, in a form where ∂E/∂A and f′ have cancelled
RULE: Final = 3  # for the targets
LOW: Final = 4  # the least target, for which a label stands at the units of the other classes
HIGH: Final = 5  # the greatest target, for which a label stands at the unit of its class
PARAMETER: Final = 6

# Rules: any target; in [LOW, HIGH]; LOW or HIGH; in [LOW, HIGH] and, unless the outputs are sigmoids, Σ_d y_d = 1.
ANY, RANGE, ENDS, PROBABILITIES = range(4)


def kernel_type(t: types.Float, last: Any) -> Any:
    """The signature of a loss's code, whose last block is of float64, or of its second derivative's: as in `call`."""
    i = types.int64

    return types.void(types.CPointer(types.float64), i, *[types.CPointer(t)] * 6, types.CPointer(last), i, i, i)


@intrinsic
def call(
    typingctx: Any, address: Any, p: Any, code: Any, z: Any, a: Any, y: Any, case_weights: Any, first: Any, second: Any,
    last: Any, rows: Any, units: Any, stride: Any,
) -> Any:  # fmt: skip
    """Call the code of a loss, which fills ∂E/∂A, Δ and E, or of its second derivative: R{Z}, R{A} and what it fills.

    `p` is the address of the loss's parameter, `code` that of the output activation.
    """
    return calling(kernel_type(z.dtype, last.dtype))


@inline
def output_error(
    loss: int, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, dE_da: Floats, delta: Floats,
    errors: Floats, rows: int, units: int, stride: int,
) -> None:  # fmt: skip
    """E1 and E2 for a block of cases; where the loss and the activation cancel, Δ as well (see `is_direct`)."""
    words = words_at(loss)
    if words[KERNEL] == 0:
        squared_errors(a, y, case_weights, dE_da, errors, rows, units, stride)
    else:
        p = doubles(shift(words, PARAMETER))
        call(words[KERNEL], p, code, z, a, y, case_weights, dE_da, delta, errors, rows, units, stride)


@inline
def is_direct(loss: int) -> bool:
    """Whether the loss fills Δᴸ itself, for each output activation that suits it."""
    return words_at(loss)[DIRECT] != 0


@inline
def suits(loss: int, code: int) -> bool:
    """Whether the output activation suits the loss."""
    suited = words_at(loss)[SUITED]
    return suited == -1 or (code < 63 and suited >> code & 1 == 1)


@inline
def bounds(loss: int) -> tuple[float, float]:
    """LOW and HIGH."""
    words = doubles(words_at(loss))
    return words[LOW], words[HIGH]


class LossKernel(OnDemand):
    """The code of a loss or of its second derivative, compiled for a dtype on first use."""

    def __init__(
        self, name: str, function: Callable[..., None], *, direct: bool, cached: bool = True, is_second: bool = False
    ) -> None:
        function.__qualname__ = function.__name__ = name  # identifies it in the cache on disk
        self.name, self.is_direct = name, direct
        self.second_derivative: LossKernel | None = None  # R3, see `fnn.losses.kernels.second_derivatives`
        super().__init__(function, lambda t: kernel_type(t, t if is_second else types.float64), cached=cached)


def pointwise(formula: Callable[[Floats, float, float], tuple[float, float]]) -> LossKernel:
    """The kernel of a loss that sums over the units: the formula gives E and ∂E/∂a of one from (parameter, a, y)."""
    return _pointwise(formula.__name__, inline(formula))


def _pointwise(name: str, formula: Any, *, cached: bool = True) -> LossKernel:
    """The same from a formula that jitted code can call."""

    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, dE_da: Floats, delta: Floats,
        errors: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            total = 0.0
            for i in range(row * stride, row * stride + units):
                error, slope = formula(p, np.float64(a[i]), np.float64(y[i]))
                total += error
                dE_da[i] = like(a, weighted(slope, case_weights[row]))
            errors[row] = weighted(total, case_weights[row])

    return LossKernel(name, kernel, direct=False, cached=cached)


def from_user(name: str, error: Callable[..., Any], prime: Callable[..., Any]) -> LossKernel:
    """The kernel of a user's jitted E(a, y) and ∂E/∂a(a, y) of one unit. Not cached: their dependencies are unknown."""

    def formula(p: Floats, a: float, y: float) -> tuple[float, float]:
        return np.float64(error(a, y)), np.float64(prime(a, y))

    return _pointwise(name, inline(formula), cached=False)


def casewise(formula: Callable[..., float]) -> LossKernel:
    """The kernel of a loss that depends on z and on all units of a case, and fills δ as well as ∂E/∂a.

    The formula takes (parameter, code of the output activation, z, a, y, the case's weight, ∂E/∂a, δ, units), fills
    ∂E/∂a and δ, times the weight, and returns E.
    """
    case_error = inline(formula)

    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, dE_da: Floats, delta: Floats,
        errors: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            at = row * stride
            error = case_error(
                p, code, shift(z, at), shift(a, at), shift(y, at), case_weights[row], shift(dE_da, at),
                shift(delta, at), units,
            )  # fmt: skip
            errors[row] = weighted(error, case_weights[row])

    return LossKernel(formula.__name__, kernel, direct=True)
