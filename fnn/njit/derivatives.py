"""`fnn.input_grad` and `fnn.vjp` in nopython mode."""

from typing import Any

import numpy as np

from fnn.data.kernels.cases import BAD_X
from fnn.equations.derivatives import input_grad
from fnn.equations.jacobians import vjp
from fnn.losses.library import squared_error
from fnn.njit.argument_types import measure, require_floats
from fnn.njit.calls import input_gradient_all, loss_at, vjp_all, with_flat
from fnn.njit.gradients import arrangements
from fnn.njit.kernels.arguments import BAD_U, FINE, NO_CASES, U_SHAPE, X_COLUMNS
from fnn.njit.registration import OUTSIDE, UNSUITED, Body, in_nopython, refuse
from fnn.njit.types import ParamsType


@in_nopython(input_grad, prefer_literal=True)
def _input_grad(
    params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    known = measure(params, x, y, loss, reduction, weights)
    mean, needs_output, needs_targets = known.constants
    arrange_y, arrange_weights = arrangements(y, weights)

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
    ) -> Any:
        into = np.empty_like(x)
        status = input_gradient_all(params, x, y, weights, loss_at(params, loss), mean, into, None)
        if status == OUTSIDE:
            raise ValueError(needs_targets)
        if status == UNSUITED:
            raise ValueError(needs_output)
        if status != FINE:
            refuse(status)
        return into

    def rearranged(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
    ) -> Any:
        arranged = arrange_weights(weights)
        return input_grad(
            params, np.ascontiguousarray(x), arrange_y(y), loss=loss, reduction=reduction, weights=arranged
        )  # fmt: skip

    return body if known.ready else rearranged


@in_nopython(vjp)
def _vjp(params: Any, x: Any, u: Any) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    require_floats("x", params, x, (1, 2))
    require_floats("u", params, u, (x.ndim,))

    def body(params: Any, x: Any, u: Any) -> Any:
        into, inputs = np.empty(params.flat.size, x.dtype), np.empty_like(x)
        status = vjp_all(params, x, u, into, inputs, None)
        if status == X_COLUMNS:
            raise ValueError("x: has another number of columns than the network has inputs")
        if status == NO_CASES:
            raise ValueError("x: needs at least one case")
        if status == BAD_X:
            raise ValueError("x: NaN or infinity")
        if status == U_SHAPE:
            raise ValueError("u: has another shape than the outputs for x")
        if status == BAD_U:
            raise ValueError("u: NaN or infinity")
        if status != FINE:
            raise MemoryError("fnn: no memory for the workspace")
        return with_flat(params, into), inputs

    def rearranged(params: Any, x: Any, u: Any) -> Any:
        return vjp(params, np.ascontiguousarray(x), np.ascontiguousarray(u))

    return body if x.layout == u.layout == "C" else rearranged
