"""`fnn.forward` and `fnn.workspace` in nopython mode."""

from typing import Any

import numpy as np

from fnn.data.kernels.faults import FINE
from fnn.equations.forward import forward
from fnn.equations.workspace import workspace
from fnn.njit.argument_types import require_floats, require_whole, require_written, unwrapped
from fnn.njit.calls import forward_many, forward_one, new_output, outputs_of, workspace_size
from fnn.njit.faults import NO_MEMORY, refuse
from fnn.njit.registration import Body, in_nopython
from fnn.njit.types import ParamsType


@in_nopython(workspace)
def _workspace(params: Any, cases: Any = 1) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    require_whole("cases", cases)

    def body(params: Any, cases: Any = 1) -> Any:
        if cases < 1:
            raise ValueError("cases: must be at least 1")
        return np.empty(workspace_size(params, cases), params.flat.dtype)

    return body


@in_nopython(forward)
def _forward(params: Any, x: Any, out: Any = None, workspace: Any = None) -> Body | None:
    if not isinstance(params, ParamsType):
        return None
    require_floats("x", params, x, (1, 2))
    require_written("out", params, out, x.ndim)
    require_written("workspace", params, workspace, 1)
    call = forward_one if x.ndim == 1 else forward_many

    def rearranged(params: Any, x: Any, out: Any = None, workspace: Any = None) -> Any:
        return forward(params, np.ascontiguousarray(x), out, workspace)

    def into(params: Any, x: Any, out: Any = None, workspace: Any = None) -> Any:
        status = call(params, x, out, workspace)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return out

    def one(params: Any, x: Any, out: Any = None, workspace: Any = None) -> Any:
        result = new_output(params)
        status = call(params, x, result, workspace)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return result

    def many(params: Any, x: Any, out: Any = None, workspace: Any = None) -> Any:
        result = np.empty((x.shape[0], outputs_of(params)), x.dtype)
        status = call(params, x, result, workspace)
        if status != FINE:
            refuse(status, None)
            raise MemoryError(NO_MEMORY)
        return result

    if x.layout != "C":
        return rearranged
    if unwrapped(out) is not None:
        return into

    return one if x.ndim == 1 else many
