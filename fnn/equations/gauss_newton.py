"""The generalised Gauss–Newton matrix of an error. J1 to J7 are in `fnn.equations.kernels.jacobian_rows`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.library import exp, log_softmax, softmax
from fnn.compiler.barrier import SIZE
from fnn.compiler.control_groups import memory_limit
from fnn.compiler.target import LINE
from fnn.data.cases import Cases, arrays_of
from fnn.data.conversion import raise_fault
from fnn.data.kernels import faults
from fnn.data.rows import CaseArrays
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gauss_newton import gauss_newton_kernel
from fnn.equations.kernels.jacobian_rows import CURVED, DIRECT, EXPECTED, ROWS, SOFTMAX, row_size
from fnn.equations.objective import Objective, Reduction, objective_of
from fnn.losses.kernels.pointwise import straight_second
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.layout import workspaces
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.regularization import NetworkRegularization, Regularization
from fnn.numerics.symmetric import packed_size


def gauss_newton(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum", regularization: Regularization | None = None,
) -> NDArray[DT]:  # fmt: skip
    """The generalised Gauss–Newton matrix of the error: its Hessian, but for the second derivatives of the network.

        G = Σ_c w_c J_cᵀ H_c J_c + λ₂,   J_c = ∂a_cᴸ/∂(W, b),   H_c = ∂²E_c/∂a_cᴸ²

    With `squared_error` H_c is the unit matrix and G = Jᵀ J, that of Levenberg and Marquardt. With the losses of
    probabilities and of means above 0 J_c and H_c are those of zᴸ, which makes G the Fisher information; so it is with
    softplus, in place of what may be negative. λ₂ stands on the diagonal, at weights alone (Schraudolph 2002).

    Parameters
    ----------
    params, x, y, reduction
        As for `grad`.
    loss
        One that is convex in the outputs and isn't straight; your own needs ``second=``, and counts as 0 where that is
        negative.
    regularization
        l2 and a mask: rows and columns of removed parameters are 0.

    Returns
    -------
    (P, P) for P parameters in the order of ``params.flat``, symmetric, with no negative eigenvalue but for rounding.

    Raises
    ------
    ValueError, TypeError
        As `grad` does; a loss without such a matrix; l1 or dropout other than 0.
    MemoryError
        P² numbers are more than this machine has, or may be used by this process.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.gauss_newton(p, [3.0, 4.0], [10.0])
    array([[ 9., 12.,  3.],
           [12., 16.,  4.],
           [ 3.,  4.,  1.]])
    """
    require_params("params", params)
    objective = objective_of(params, loss, reduction, regularization)
    require_convex(loss)
    changes = objective.regularization
    if changes.l1 or any(changes.dropped):
        raise ValueError(f"regularization: l1 and dropout have no Gauss–Newton matrix, got {regularization!r:.60}")
    kept = np.arange(params.flat.size) if changes.mask is None else np.flatnonzero(changes.mask)
    require_memory(len(kept), len(kept) ** 2, params.dtype)
    masked = params if changes.mask is None else wrap(changes.masked(params.flat_buffer), params.architecture)
    batch = arrays_of(params, x, y, loss, whole=True).plain

    return _finished(masked, _lower_triangle(masked, batch, objective, kept), changes, kept)


def _lower_triangle(
    params: Params[DT], batch: CaseArrays[DT], objective: Objective, kept: NDArray[np.int64]
) -> NDArray[DT]:
    """G for the parameters that are kept, without λ₂."""
    dtype, architecture, loss, count = params.flat_buffer.dtype, params.architecture, objective.loss, len(kept)
    start, layout = start_of(params, loss), architecture.layout(dtype, BLOCK)
    space, wide_space, row, block = workspaces(
        dtype, layout.whole, layout.whole, row_size(params.flat.size, dtype),
        packed_size(count, ROWS, dtype) + LINE // dtype.itemsize,
    )  # fmt: skip
    matrix = np.zeros((count, count), dtype)
    fault, bad = gauss_newton_kernel[dtype](
        0, 1, np.zeros(SIZE, np.int64), layout.table, params.flat_buffer, space,
        space if architecture.sizes[-1] == 1 else wide_space, row, *batch[:4], batch.is_checked,
        loss.descriptor_address(dtype), 0 if start == SOFTMAX else loss.second_derivative_address(dtype), start,
        objective.mean, kept, block, matrix,
    )  # fmt: skip
    if fault != faults.FINE:
        raise_fault(params, batch, loss, fault, bad)

    return matrix


def _finished(
    params: Params[DT], lower: NDArray[DT], changes: NetworkRegularization, kept: NDArray[np.int64]
) -> NDArray[DT]:
    """G with its upper triangle, λ₂ and removed parameters."""
    for i in range(1, len(lower)):
        lower[:i, i] = lower[i, :i]
    if len(kept) < params.flat.size:
        matrix = np.zeros((params.flat.size,) * 2, lower.dtype)
        matrix[np.ix_(kept, kept)] = lower
    else:
        matrix = lower
    is_weight = np.zeros(params.flat.size, np.bool_)
    for key, part, _ in params.architecture.slices():
        is_weight[part] = key.startswith("W")
    weights = kept[is_weight[kept]]
    matrix[weights, weights] += changes.l2

    return matrix


def require_convex(loss: Loss) -> None:
    """Raise ValueError unless the loss has a second derivative that makes a Gauss–Newton matrix."""
    if loss.second_derivative is None:
        raise ValueError(f"loss: {loss!r} has no second derivative; give it second=")
    if loss.second_derivative is straight_second:
        instead = "cross_entropy" if loss.name == "hinge" else "huber"
        raise ValueError(f"loss: the second derivative of {loss!r} is 0; use fnn.{instead}")
    if loss.name == "focal":
        raise ValueError(f"loss: {loss!r} isn't convex in the outputs; use fnn.cross_entropy")


def start_of(params: Params[Any], loss: Loss) -> int:
    """What the rows of a loss's matrix start from."""
    output = params.activations[-1]
    if loss.kernel is None or not loss.kernel.is_direct:
        return CURVED
    if output in (softmax, log_softmax):
        return SOFTMAX

    return EXPECTED if loss.name in ("poisson", "gamma") and output is not exp else DIRECT


def require_memory(parameters: int, numbers: int, dtype: np.dtype[Any], instead: str = "") -> None:
    """Raise MemoryError if matrices with this number of elements take more memory than this process may use."""
    needed, limit = numbers * dtype.itemsize, memory_limit()
    if needed > limit:
        raise MemoryError(
            f"params: {parameters:,} parameters need {needed / 1e9:.1f} GB for matrices, and this process may use "
            f"{limit / 1e9:.1f} GB{instead}"
        )
