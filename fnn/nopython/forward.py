"""`fnn.forward` in nopython mode."""

from typing import Any

import numpy as np
from numba.core.errors import TypingError

from fnn.backprop import forward
from fnn.kernels.native import FINE
from fnn.nopython.calls import forward_many, forward_one, new_output, outputs_of
from fnn.nopython.checks import require_floats, unwrapped
from fnn.nopython.registration import Body, in_nopython, refuse_inputs
from fnn.nopython.types import ParamsType


@in_nopython(forward)
def _forward(params: Any, x: Any, out: Any = None) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    require_floats("x", params, x, (1, 2))
    call = forward_one if x.ndim == 1 else forward_many
    if unwrapped(out) is not None:
        require_floats("out", params, out, (x.ndim,))
        if out.layout != "C" or not out.mutable:
            raise TypingError("out: needs a C-contiguous, writable array")

    def rearranged(params: Any, x: Any, out: Any = None) -> Any:
        return forward(params, np.ascontiguousarray(x), out)

    def into(params: Any, x: Any, out: Any = None) -> Any:
        status = call(params, x, out)
        if status != FINE:
            refuse_inputs(status)
        return out

    def one(params: Any, x: Any, out: Any = None) -> Any:
        result = new_output(params)
        status = call(params, x, result)
        if status != FINE:
            refuse_inputs(status)
        return result

    def many(params: Any, x: Any, out: Any = None) -> Any:
        result = np.empty((x.shape[0], outputs_of(params)), x.dtype)
        status = call(params, x, result)
        if status != FINE:
            refuse_inputs(status)
        return result

    if x.layout != "C":
        return rearranged
    if unwrapped(out) is not None:
        return into

    return one if x.ndim == 1 else many
