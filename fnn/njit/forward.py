"""`fnn.forward` and `fnn.workspace` in nopython mode."""

from typing import Any

import numpy as np

from fnn.data.kernels.faults import FINE
from fnn.equations.forward import forward
from fnn.equations.workspace import workspace
from fnn.njit.calls import forward_many, forward_one, new_output, outputs_of, workspace_size
from fnn.njit.errors import (
    NO_MEMORY,
    refuse,
    require_floats,
    require_left_out,
    require_number,
    require_written,
    unwrapped,
)
from fnn.njit.registration import Body, Call, in_nopython


@in_nopython(workspace)
def _workspace(call: Call) -> Body:
    require_number("cases", call.cases, whole=True)

    def body(params: Any, cases: Any) -> Any:
        if cases < 1:
            raise ValueError("cases: must be at least 1")
        return np.empty(workspace_size(params, cases), params.flat.dtype)

    return body


@in_nopython(forward)
def _forward(call: Call) -> Body:
    require_floats("x", call.params, call.x, (1, 2))
    require_written("out", call.params, call.out, call.x.ndim)
    require_written("workspace", call.params, call.workspace, 1)
    require_left_out(call, "scale", "threads")
    run = forward_one if call.x.ndim == 1 else forward_many

    def rearranged(params: Any, x: Any, out: Any, workspace: Any, scale: Any, threads: Any) -> Any:
        return forward(params, np.ascontiguousarray(x), out, workspace)

    def into(params: Any, x: Any, out: Any, workspace: Any, scale: Any, threads: Any) -> Any:
        status = run(params, x, out, workspace)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return out

    def one(params: Any, x: Any, out: Any, workspace: Any, scale: Any, threads: Any) -> Any:
        result = new_output(params)
        status = run(params, x, result, workspace)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return result

    def many(params: Any, x: Any, out: Any, workspace: Any, scale: Any, threads: Any) -> Any:
        result = np.empty((x.shape[0], outputs_of(params)), x.dtype)
        status = run(params, x, result, workspace)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return result

    if call.x.layout != "C":
        return rearranged
    if unwrapped(call.out) is not None:
        return into

    return one if call.x.ndim == 1 else many
