"""E1 and E2: each case's error, and ∂E/∂A at the output.

The kernels know a loss by the address of some words: where its code is, which output activations suit it, what its
targets must be, and its parameters. So only the losses in use are compiled; squared error is part of every network's
code. Errors and slopes are worked out in float64 whatever the dtype, except for cross-entropy's, and sums over the
output units run in their order.

To add one: a formula in `fnn.losses.kernels.pointwise` or `fnn.losses.kernels.casewise`, its second derivative beside it, and its
value in `fnn.losses.library`.
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numba import types
from numba.core.compiler_lock import global_compiler_lock

from fnn.compiler.intrinsics import Floats, doubles, like, shift, words_at
from fnn.compiler.linking import NumbaSignature, calling, compiled, start_of
from fnn.compiler.options import inline, intrinsic

# The words of a loss: integers, and float64 by their bits.
KERNEL: Final = 0  # where its code starts; 0: squared error
SUITED: Final = 1  # bit c is set if the output activation of code c suits it; all bits: any does
DIRECT: Final = 2  # whether the code fills Δ too, in a form where ∂E/∂A and f′ have cancelled
RULE: Final = 3  # what the targets must be
LOW: Final = 4  # the least of them, and what a label stands for at the units of the other classes
HIGH: Final = 5  # the greatest of them, and what a label stands for at the unit of its class
PARAMETER: Final = 6

# Rules: anything; LOW to HIGH; LOW or HIGH; LOW to HIGH and, unless the outputs are sigmoids, Σ_d y_d = 1.
ANY, RANGE, ENDS, PROBABILITIES = range(4)


def loss_type(t: types.Float) -> Any:
    """The Numba signature of the code of a loss: what `output_error` takes, after the loss's parameters."""
    block, i = types.CPointer(t), types.int64
    double = types.CPointer(types.float64)

    return types.void(double, i, block, block, block, block, block, block, double, i, i, i)


@intrinsic
def _call(
    typingctx: Any, address: Any, p: Any, code: Any, z: Any, a: Any, y: Any, case_weights: Any, dE_da: Any, delta: Any,
    errors: Any, rows: Any, units: Any, stride: Any,
) -> Any:  # fmt: skip
    """Call the code of a loss."""
    return calling(loss_type(z.dtype))


@inline
def output_error(
    loss: int,
    code: int,
    z: Floats,
    a: Floats,
    y: Floats,
    case_weights: Floats,
    dE_da: Floats,
    delta: Floats,
    errors: Floats,
    rows: int,
    units: int,
    stride: int,
) -> None:
    """E1 and E2 for a block of cases; where the loss and the activation cancel, Δ as well (see `is_direct`)."""
    words = words_at(loss)
    if words[KERNEL] == 0:
        for row in range(rows):
            at = row * stride
            error = squared_error(shift(a, at), shift(y, at), case_weights[row], shift(dE_da, at), units)
            errors[row] = counted(error, case_weights[row])
    else:
        p = doubles(shift(words, PARAMETER))
        _call(words[KERNEL], p, code, z, a, y, case_weights, dE_da, delta, errors, rows, units, stride)


@inline
def squared_error(a: Floats, y: Floats, case_weight: float, dE_da: Floats, units: int) -> float:
    """E = ½ Σ_d (a_d − y_d)²,  ∂E/∂a_d = a_d − y_d."""
    error = 0.0
    for d in range(units):
        difference = a[d] - y[d]
        dE_da[d] = case_weight * difference
        error += np.float64(difference) * np.float64(difference)
    return 0.5 * error


@inline
def counted(value: float, case_weight: float) -> float:
    """The value times the case's share in the whole, in float64; a case that doesn't count may be infinite."""
    return np.float64(case_weight) * value if case_weight != 0 else 0.0


@inline
def is_direct(loss: int) -> bool:
    """Whether the loss gives Δᴸ itself, with each output activation that it admits."""
    return words_at(loss)[DIRECT] != 0


@inline
def suits(loss: int, code: int) -> bool:
    """Whether the loss admits the output activation."""
    suited = words_at(loss)[SUITED]
    return suited == -1 or (code < 63 and suited >> code & 1 == 1)


@inline
def bounds(loss: int) -> tuple[float, float]:
    """LOW and HIGH."""
    words = doubles(words_at(loss))
    return words[LOW], words[HIGH]


class LossKernel:
    """The code of a loss, compiled for a dtype when somebody first wants it."""

    def __init__(
        self,
        name: str,
        function: Callable[..., None],
        *,
        direct: bool,
        cached: bool = True,
        kind: NumbaSignature = loss_type,
    ) -> None:
        function.__qualname__ = function.__name__ = name  # by which the cache on disk knows it
        self.name, self.is_direct = name, direct
        self.second_derivative: LossKernel | None = None  # R3, see `fnn.losses.kernels.second_derivatives`
        self._function, self._cached, self._kind = function, cached, kind
        self._compiled: dict[types.Float, tuple[Any, int]] = {}

    def compiled(self, dtype: types.Float) -> tuple[Any, int]:
        """What Numba makes of it, and where that starts."""
        with global_compiler_lock:
            if dtype not in self._compiled:
                result = compiled(self._function, self._kind(dtype), cached=self._cached)
                self._compiled[dtype] = result, start_of(result)
            return self._compiled[dtype]


def pointwise(formula: Callable[[Floats, float, float], tuple[float, float]]) -> LossKernel:
    """The code of a loss whose units are alike: the formula gives E and ∂E/∂a of one from (parameters, a, y)."""
    return of_units(formula.__name__, inline(formula))


def of_units(name: str, each: Any, *, cached: bool = True) -> LossKernel:
    """The same from a formula that can be called in jitted code."""

    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, dE_da: Floats, delta: Floats,
        errors: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            total = 0.0
            for i in range(row * stride, row * stride + units):
                error, slope = each(p, np.float64(a[i]), np.float64(y[i]))
                total += error
                dE_da[i] = like(a, counted(slope, case_weights[row]))
            errors[row] = counted(total, case_weights[row])

    return LossKernel(name, kernel, direct=False, cached=cached)


def of_scalars(name: str, error: Callable[..., Any], prime: Callable[..., Any]) -> LossKernel:
    """The code of a loss made of somebody's jitted E(a, y) and ∂E/∂a(a, y) of one unit.

    It isn't cached on disk: what else it calls is known to nobody.
    """

    def each(p: Floats, a: float, y: float) -> tuple[float, float]:
        return np.float64(error(a, y)), np.float64(prime(a, y))

    return of_units(name, inline(each), cached=False)


def casewise(formula: Callable[..., float]) -> LossKernel:
    """The code of a loss that looks at z and at all units of a case, and gives δ as well as ∂E/∂a.

    The formula takes (parameters, code of the output activation, z, a, y, share, ∂E/∂a, δ, units), fills the slopes,
    times the case's share, and returns E.
    """
    each = inline(formula)

    def kernel(
        p: Floats, code: int, z: Floats, a: Floats, y: Floats, case_weights: Floats, dE_da: Floats, delta: Floats,
        errors: Floats, rows: int, units: int, stride: int,
    ) -> None:  # fmt: skip
        for row in range(rows):
            at = row * stride
            error = each(
                p, code, shift(z, at), shift(a, at), shift(y, at), case_weights[row], shift(dE_da, at), shift(delta, at),
                units,
            )  # fmt: skip
            errors[row] = counted(error, case_weights[row])

    return LossKernel(formula.__name__, kernel, direct=True)
