"""`fnn.input_grad` and `fnn.vjp` in nopython mode."""

from typing import Any

import numpy as np

from fnn.data.kernels.faults import FINE
from fnn.equations.derivatives import input_grad
from fnn.equations.jacobians import vjp
from fnn.losses.library import squared_error
from fnn.njit.argument_types import measure, require_floats
from fnn.njit.calls import input_gradient_all, loss_at, vjp_all, with_flat
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.gradients import arrangements
from fnn.njit.registration import Body, in_nopython
from fnn.njit.types import ParamsType


@in_nopython(input_grad, prefer_literal=True)
def _input_grad(
    params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    known = measure(params, x, y, loss, reduction, weights)
    mean = known.mean
    arrange_y, arrange_weights = arrangements(y, weights)

    def body(
        params: Any, x: Any, y: Any, loss: Any = squared_error, reduction: Any = "sum", weights: Any = None
    ) -> Any:
        into = np.empty_like(x)
        status = input_gradient_all(params, x, y, weights, loss_at(params, loss), mean, into, None)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
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
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return with_flat(params, into), inputs

    def rearranged(params: Any, x: Any, u: Any) -> Any:
        return vjp(params, np.ascontiguousarray(x), np.ascontiguousarray(u))

    return body if x.layout == u.layout == "C" else rearranged
