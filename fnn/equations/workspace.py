"""Memory for calls in a loop that must not allocate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fnn.boundary.checks import require_output, whole
from fnn.compiler.numba_types import jittable
from fnn.compiler.target import LINE
from fnn.equations.kernels.gradient import CHUNK
from fnn.network.kernels.plan import COLUMNS, rounded
from fnn.network.params import DT, Params, require_params


@jittable
def workspace(params: Params[DT], cases: int = 1) -> NDArray[DT]:
    """Memory of the dtype of params in which `forward`, `error`, `grad` and `value_and_grad` can work.

    A call that gets it as ``workspace=`` allocates nothing but its result, and `forward` with ``out=`` nothing at all.
    It may be used again, for other networks too if it is large enough, but not by two threads at once.

    Raises
    ------
    ValueError, TypeError
        `cases`, the most cases of a call, isn't a whole number of at least 1; params isn't `Params`.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.forward(p, [[3.0, 4.0], [5.0, 6.0]], workspace=fnn.workspace(p, 2))
    array([[11.5],
           [17.5]])
    """
    require_params("params", params)
    rows = min(whole("cases", cases, at_least=1), CHUNK)
    layers = len(params.architecture.activations)
    head = rounded(2 * COLUMNS * (layers + 1), LINE)  # of `fnn.njit.kernels.arguments`

    return np.empty(head + params.architecture.layout(params.dtype, rows).whole + LINE, params.dtype)


def space_for(workspace: NDArray[Any] | None, needed: int, dtype: np.dtype[DT]) -> NDArray[DT]:
    """The caller's workspace, checked to be large enough, or new memory, not initialised."""
    if workspace is None:
        return np.empty(needed, dtype)
    require_output("workspace", workspace, dtype)
    if workspace.ndim != 1 or workspace.size < needed:
        raise ValueError(
            f"workspace: needs {needed} elements in a row, got shape {workspace.shape}; fnn.workspace makes one"
        )

    return workspace
