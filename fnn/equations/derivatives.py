"""Derivatives of the error beyond its gradient: for the inputs, and the Hessian times a vector.

The equations, R1 to R7, are in `fnn.equations.kernels.directional`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.compiler.numba_types import jittable
from fnn.data.cases import Cases, arrays_of
from fnn.data.conversion import raise_fault
from fnn.data.kernels import faults
from fnn.equations.jacobians import direction_of
from fnn.equations.kernels.derivatives import hvp_kernel, input_gradient_kernel
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gradient import CHUNK
from fnn.equations.objective import Reduction, require_loss, require_reduction
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.layout import workspaces
from fnn.network.params import DT, Params, require_params, wrap


@jittable
def input_grad(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum",
) -> NDArray[DT]:  # fmt: skip
    """The gradient of the error with respect to the inputs (B4 at l = 1), to the bit ``backprop(..).dE_da[0]``.

        ∂E/∂A⁰ = Δ¹ (W¹)ᵀ,   (n_0,) or (N, n_0)

    Parameters and errors are those of `grad`.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.input_grad(p, [3.0, 4.0], [10.0])
    array([1.5, 3. ])
    """
    require_params("params", params)
    require_loss(params, loss)
    mean = require_reduction(reduction)
    batch = arrays_of(params, x, y, loss, whole=True).plain
    dtype, into = params.flat_buffer.dtype, np.empty_like(batch.x)
    layout = params.architecture.layout(dtype, min(len(into), BLOCK))
    (space,) = workspaces(dtype, layout.whole)
    fault, row = input_gradient_kernel[dtype](
        layout.table,
        params.flat_buffer,
        space,
        *batch[:4],
        batch.is_checked,
        loss.descriptor_address(dtype),
        mean,
        into,
    )
    if fault != faults.FINE:
        raise_fault(params, batch, loss, fault, row)

    return into[0] if batch.single else into


def hvp(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, v: Params[DT], loss: Loss = squared_error,
    reduction: Reduction = "sum",
) -> Params[DT]:  # fmt: skip
    """The Hessian of the error with respect to the parameters, times V (R1 to R7; Pearlmutter 1994).

        H V = ∂/∂r grad(params + r V) at r = 0

    It takes about twice the time of `grad`, and H is never formed. At a kink of an activation or a loss the second
    derivatives are those of the pieces beside it. V and the result are Params of the same architecture; the other
    parameters are those of `grad`.

    Raises
    ------
    ValueError, TypeError
        As `grad` does; v has another structure, or isn't `Params`; an activation or the loss has no second derivative.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> v = p.replace({"W1": [[1.0], [0.0]], "b1": [0.0]})
    >>> fnn.hvp(p, [3.0, 4.0], [10.0], v=v).flat
    array([ 9., 12.,  3.])
    """
    require_params("params", params)
    require_loss(params, loss)
    _require_curvature(params, loss)
    mean = require_reduction(reduction)
    batch = arrays_of(params, x, y, loss, whole=True).plain
    flat = direction_of(params, v)
    dtype, architecture, capacity = params.flat_buffer.dtype, params.architecture, min(len(batch.x), CHUNK)
    layout, r = architecture.layout(dtype, capacity), architecture.r_layout(dtype, capacity, with_second=True)
    (space, r_space), into = workspaces(dtype, layout.whole, r.whole), np.empty_like(params.flat_buffer)
    fault, row = hvp_kernel[dtype](
        layout.table, params.flat_buffer, space, r.table, flat, r_space, capacity, *batch[:4], batch.is_checked,
        loss.descriptor_address(dtype), loss.second_derivative_address(dtype), mean, into,
    )  # fmt: skip
    if fault != faults.FINE:
        raise_fault(params, batch, loss, fault, row)

    return wrap(into, architecture)


def _require_curvature(params: Params[Any], loss: Loss) -> None:
    """Raise ValueError unless E can be differentiated twice."""
    for activation in params.activations:
        if not activation.has_second_derivative:
            raise ValueError(f"params: hvp needs the second derivative of {activation!r}; give it second=")
    if loss.second_derivative is None:
        raise ValueError(f"loss: hvp needs the second derivative of {loss!r}; give it second=")
