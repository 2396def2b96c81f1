"""Derivatives of the outputs, for the parameters and the inputs: whole Jacobians, and along directions.

R1 and R2 are in `fnn.equations.kernels.directional`, J1 to J4 in `fnn.equations.kernels.jacobian_rows`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.compiler.numba_types import jittable
from fnn.data.conversion import cast_to, inputs_of, raise_fault
from fnn.data.kernels import faults
from fnn.data.rows import NO_LABELS, NO_WEIGHTS, CaseArrays
from fnn.equations.gauss_newton import require_memory
from fnn.equations.kernels.derivatives import jacobian_kernel, jvp_kernel, vjp_kernel
from fnn.equations.kernels.directional import INPUTS, PARAMETERS
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gauss_newton import parameter_jacobian_kernel
from fnn.equations.kernels.gradient import CHUNK
from fnn.equations.kernels.jacobian_rows import row_size
from fnn.network.layout import workspaces
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.tree import require_same_structure


def jacobian(params: Params[DT], x: ArrayLike, *, by: Literal["inputs", "params"] = "inputs") -> NDArray[DT]:
    """The derivative of every output with respect to every input or every parameter, case by case.

        J_di = ∂a_dᴸ/∂a_i⁰,   with by="params"  J_d = ∂a_dᴸ/∂(W, b)

    Each row is a `vjp` with a unit vector or, if there are fewer inputs than outputs, each column a `jvp`.

    Parameters
    ----------
    params, x
        The network, and one case, (n_0,), or a batch, (N, n_0).
    by
        "inputs", or "params" for all P of them in the order of ``params.flat``.

    Returns
    -------
    (n_L, n_0) or (N, n_L, n_0); with "params" (n_L, P) or (N, n_L, P).

    Raises
    ------
    ValueError
        x has another width, is empty, or holds NaN or infinity; another `by`.
    TypeError
        params isn't `Params`, or x isn't made of real numbers.
    MemoryError
        The result by parameters takes more memory than this process may use.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0, 3.0], [2.0, 4.0]], "b1": [0.0, 0.0]}, hidden=(), output=fnn.identity)
    >>> fnn.jacobian(p, [5.0, 6.0])
    array([[1., 2.],
           [3., 4.]])
    >>> fnn.jacobian(p, [5.0, 6.0], by="params")
    array([[5., 0., 6., 0., 1., 0.],
           [0., 5., 0., 6., 0., 1.]])
    """
    require_params("params", params)
    if not isinstance(by, str) or by not in ("inputs", "params"):
        raise ValueError(f'by: must be "inputs" or "params", got {by!r}')
    rows, single = inputs_of(params, x)
    into = _by_inputs(params, rows, single) if by == "inputs" else _by_parameters(params, rows, single)

    return into[0] if single else into


def _by_inputs(params: Params[DT], rows: NDArray[DT], single: bool) -> NDArray[DT]:
    """∂Aᴸ/∂A⁰ of all cases."""
    dtype, architecture = params.flat_buffer.dtype, params.architecture
    inputs, outputs = architecture.sizes[0], architecture.sizes[-1]
    into = np.empty((len(rows), outputs, inputs), dtype)
    capacity = min(len(rows) * min(inputs, outputs), BLOCK)
    layout, r = architecture.layout(dtype, capacity), architecture.r_layout(dtype, capacity, with_second=False)
    space, wide_space, r_space = workspaces(dtype, layout.forward, layout.whole, r.forward)
    bad = jacobian_kernel[dtype](layout.table, params.flat_buffer, space, wide_space, r.table, r_space, rows, into)
    _require_finite_inputs(params, rows, single, bad)

    return into


def _by_parameters(params: Params[DT], rows: NDArray[DT], single: bool) -> NDArray[DT]:
    """∂Aᴸ/∂(W, b) of all cases."""
    flat, dtype, outputs = params.flat_buffer, params.flat_buffer.dtype, params.architecture.sizes[-1]
    layout = params.architecture.layout(dtype, min(len(rows) * outputs, BLOCK))
    space, wide_space, row = workspaces(dtype, layout.whole, layout.whole, row_size(flat.size, dtype))
    require_memory(flat.size, len(rows) * outputs * flat.size, dtype)
    into = np.empty((len(rows), outputs, flat.size), dtype)
    bad = parameter_jacobian_kernel[dtype](
        layout.table, flat, space, space if outputs == 1 else wide_space, row, rows, NO_LABELS, NO_WEIGHTS,
        into.reshape(-1, flat.size),
    )  # fmt: skip
    _require_finite_inputs(params, rows, single, bad)

    return into


@jittable
def vjp(params: Params[DT], x: ArrayLike, u: ArrayLike) -> tuple[Params[DT], NDArray[DT]]:
    """U times the derivative of the outputs for the parameters and for the inputs: B1 to B4 from ∂E/∂Aᴸ = U.

        Σ_c Σ_d u_cd ∂a_cdᴸ/∂(W, b),   Σ_d u_cd ∂a_cdᴸ/∂a_c⁰

    Parameters
    ----------
    params, x, u
        The network; one case, (n_0,), or a batch, (N, n_0); a number for each output, (n_L,) or (N, n_L).

    Returns
    -------
    Params of the same architecture and dtype, summed over the cases; and (n_0,) or (N, n_0).

    Raises
    ------
    ValueError, TypeError
        As for `jacobian`; u has another shape, or holds NaN, infinity, or what isn't a number.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> grads, dx = fnn.vjp(p, [3.0, 4.0], [10.0])
    >>> grads.flat, dx
    (array([30., 40., 10.]), array([10., 20.]))
    """
    require_params("params", params)
    rows, single = inputs_of(params, x)
    dtype = params.flat_buffer.dtype
    ends = _directions(params, "u", u, len(rows), params.architecture.sizes[-1], single)
    layout = params.architecture.layout(dtype, min(len(rows), CHUNK))
    (space,) = workspaces(dtype, layout.whole)
    gradient, inputs = np.empty_like(params.flat_buffer), np.empty_like(rows)
    bad = vjp_kernel[dtype](layout.table, params.flat_buffer, space, rows, ends, gradient, inputs)
    _require_finite_inputs(params, rows, single, bad)

    return wrap(gradient, params.architecture), inputs[0] if single else inputs


def jvp(params: Params[DT], x: ArrayLike, *, v: Params[DT] | None = None, dx: ArrayLike | None = None) -> NDArray[DT]:
    """How the outputs change as the parameters move along V and the inputs along dx: R{Aᴸ} (R1, R2).

        R{Aᴸ} = ∂/∂r forward(params + r V, x + r dx) at r = 0

    Parameters
    ----------
    params, x
        The network, and one case, (n_0,), or a batch, (N, n_0).
    v, dx
        The directions: Params of the same architecture, and an array of the shape of x. What has none stays as it is.

    Returns
    -------
    (n_L,) or (N, n_L).

    Raises
    ------
    ValueError, TypeError
        As for `jacobian`; v has another structure, or dx another shape or NaN or infinity; neither is given.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.jvp(p, [3.0, 4.0], dx=[1.0, 0.0]), fnn.jvp(p, [3.0, 4.0], v=p)
    (array([1.]), array([11.5]))
    """
    require_params("params", params)
    if v is None and dx is None:
        raise ValueError("v, dx: needs a direction for the parameters, for the inputs, or both; got neither")
    rows, single = inputs_of(params, x)
    dtype, architecture = params.flat_buffer.dtype, params.architecture
    flat = params.flat_buffer if v is None else direction_of(params, v)
    ways = rows if dx is None else _directions(params, "dx", dx, len(rows), architecture.sizes[0], single)
    moving = (0 if v is None else PARAMETERS) | (0 if dx is None else INPUTS)
    capacity = min(len(rows), BLOCK)
    layout, r = architecture.layout(dtype, capacity), architecture.r_layout(dtype, capacity, with_second=False)
    space, r_space = workspaces(dtype, layout.forward, r.forward)
    into = np.empty((len(rows), architecture.sizes[-1]), dtype)
    bad = jvp_kernel[dtype](layout.table, params.flat_buffer, space, r.table, flat, r_space, moving, rows, ways, into)
    _require_finite_inputs(params, rows, single, bad)

    return into[0] if single else into


def direction_of(params: Params[DT], v: Params[DT]) -> NDArray[DT]:
    """V as a flat vector."""
    require_params("v", v)
    if v.architecture is not params.architecture:
        require_same_structure("v", params, v)

    return cast_to(params.flat_buffer.dtype, v.flat_buffer, "v")


def _directions(params: Params[DT], name: str, value: ArrayLike, count: int, units: int, single: bool) -> NDArray[DT]:
    """A row for each case."""
    rows = cast_to(params.flat_buffer.dtype, value, name)
    wanted = (units,) if single else (count, units)
    if rows.shape != wanted:
        raise ValueError(f"{name}: needs shape {wanted}, got {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name}: NaN or infinity")

    return rows.reshape(count, units)


def _require_finite_inputs(params: Params[DT], rows: NDArray[DT], single: bool, bad: int) -> None:
    """Raise ValueError if a kernel has found a case with NaN or infinity."""
    if bad >= 0:
        raise_fault(params, CaseArrays(rows, rows, NO_LABELS, NO_WEIGHTS, single), None, faults.BAD_X, bad)
