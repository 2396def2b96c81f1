"""`fnn.input_grad` and `fnn.vjp` in nopython mode."""

from typing import Any

import numpy as np

from fnn.data.kernels.faults import FINE
from fnn.equations.derivatives import input_grad
from fnn.equations.jacobians import vjp
from fnn.njit.argument_types import require_floats
from fnn.njit.calls import input_gradient_all, loss_at, vjp_all, with_flat
from fnn.njit.cases import objective_of
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.registration import Body, Call, in_nopython


@in_nopython(input_grad, prefer_literal=True)
def _input_grad(call: Call) -> Body:
    mean, arrange = objective_of(call)

    def body(params: Any, x: Any, y: Any, loss: Any, reduction: Any) -> Any:
        cases = arrange(x, y)
        into = np.empty_like(cases.x)
        status = input_gradient_all(params, cases, loss_at(params, loss), mean, into, None)
        if status != FINE:
            refuse(status, loss)
            raise MemoryError(NO_MEMORY)
        return into

    return body


@in_nopython(vjp)
def _vjp(call: Call) -> Body:
    x, u = call.x, call.u
    require_floats("x", call.params, x, (1, 2))
    require_floats("u", call.params, u, (x.ndim,))

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
