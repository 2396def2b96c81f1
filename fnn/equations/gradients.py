"""The error and its gradient: the equations E1 to B4 and G1 as pure functions, with their checks and results.

A batch is a matrix whose rows are cases: x is (N, n_0), A_l and Z_l are (N, n_l), W_l is (n_{l−1}, n_l), b_l is (n_l,).
S1 writes one case as a column and its W^l is the transpose of ours. The equations themselves, a line each, are in
`fnn.equations.kernels.backprop` (see `fnn.equations`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, SupportsFloat

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.boundary.checks import positive
from fnn.boundary.notebook import html_of
from fnn.compiler.numba_types import jittable
from fnn.data.cases import Cases, arrays_of
from fnn.data.conversion import cast_to, raise_fault
from fnn.data.kernels import faults
from fnn.data.rows import CaseArrays
from fnn.equations.kernels.backprop import ERROR_ONLY, EVERYTHING, GRADIENT
from fnn.equations.kernels.forward import update_kernel
from fnn.equations.kernels.gradient import CHUNK, differentiate_kernel
from fnn.equations.objective import Reduction, require_loss, require_reduction
from fnn.equations.short_calls import again, prepare
from fnn.equations.workspace import space_for
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.architecture import table
from fnn.network.kernels import plan
from fnn.network.layout import first_aligned
from fnn.network.params import DT, Params, around, require_params, wrap
from fnn.network.regularization import Regularization, regularization_of
from fnn.network.tree import require_same_structure


@jittable
def error(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum", regularization: Regularization | None = None, workspace: NDArray[DT] | None = None,
) -> float:  # fmt: skip
    """The error E of the network on the cases (E1), in float64; parameters and errors are those of `grad`.

        E = ½ Σ_c Σ_d (a_dᴸ − y_d)²   for `squared_error`; with "mean", the weighted mean over the cases

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.error(p, [3.0, 4.0], [10.0])
    1.125
    """
    short = again(params, x, y, loss, reduction, regularization, workspace, ERROR_ONLY)

    return (short or _differentiate(params, x, y, loss, reduction, regularization, workspace, ERROR_ONLY))[0]


@jittable
def grad(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum", regularization: Regularization | None = None, workspace: NDArray[DT] | None = None,
) -> Params[DT]:  # fmt: skip
    """The gradient of the error with respect to every weight and bias (B1 to B4).

        Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ),  ∂E/∂Wˡ = (Aˡ⁻¹)ᵀ Δˡ,  ∂E/∂bˡ = Σ_c δˡ,  ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ

    Parameters
    ----------
    params, x, y
        The network; inputs, (n_0,) or (N, n_0), and targets, (n_L,) or (N, n_L), with a single output also a number or
        (N,), or for some losses integer labels; or `Cases`, which has both and may have weights, in the place of x.
    loss, reduction
        A `Loss`. "sum": E = Σ_c w_c E_c, as in the sources; "mean": that divided by Σ_c w_c.
    regularization
        E is that of the network without the connections that the mask removes, whose slopes are 0, and with the
        penalty. A dropout other than 0 is refused.
    workspace
        Memory to work in, from `workspace`, apart from x and y, which is not checked.

    Returns
    -------
    Params of the same architecture and dtype.

    Raises
    ------
    ValueError
        Shapes that don't fit, NaN or infinity in x or y (with the row), labels, targets or weights out of range,
        weights that sum to 0, a loss that doesn't suit the output activation, a workspace that is too small.
    TypeError
        params isn't `Params`; x, y or weights aren't real numbers; workspace isn't an array of the dtype of params.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.grad(p, [3.0, 4.0], [10.0])["W1"]
    array([[4.5],
           [6. ]])
    """
    short = again(params, x, y, loss, reduction, regularization, workspace, GRADIENT)
    if short is not None:
        return short[1]

    return _differentiate(params, x, y, loss, reduction, regularization, workspace, GRADIENT, has_value=False)[1]


@jittable
def value_and_grad(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum", regularization: Regularization | None = None, workspace: NDArray[DT] | None = None,
) -> tuple[float, Params[DT]]:  # fmt: skip
    """What `error` and `grad` return, to the bit, in one pass; parameters and errors are those of `grad`."""
    short = again(params, x, y, loss, reduction, regularization, workspace, GRADIENT)

    return short or _differentiate(params, x, y, loss, reduction, regularization, workspace, GRADIENT)


@dataclass(frozen=True, slots=True, eq=False)
class Backprop(Generic[DT]):
    """Every quantity of the equations, by layer: ``t.z[2]`` is z², ``t.dE_da[0]`` the gradient for the input.

    The arrays are (n_l,) for a single case and (N, n_l) for a batch.
    """

    z: dict[int, NDArray[DT]]  # F1, layers 1 .. L
    a: dict[int, NDArray[DT]]  # F2, layers 0 .. L; a[0] is x
    dE_da: dict[int, NDArray[DT]]  # E2 at L, B4 below, layers 0 .. L
    delta: dict[int, NDArray[DT]]  # B1, layers 1 .. L
    grads: Params[DT]  # B2, B3
    error: float  # E1

    def __repr__(self) -> str:
        p = self.grads
        rows: list[tuple[object, ...]] = [("layer", "a, dE_da", "z, delta", "W", "b", "activation")]
        rows.append((0, self.a[0].shape, "", "", "", ""))
        for layer, f in enumerate(p.activations, start=1):
            shapes = [array.shape for array in (self.a[layer], self.z[layer], p[f"W{layer}"], p[f"b{layer}"])]
            rows.append((layer, *shapes, f.name))

        return f"fnn.Backprop({p.dtype}, error {self.error:.6g})\n{table(rows)}"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return html_of(self)


@jittable
def backprop(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum",
) -> Backprop[DT]:  # fmt: skip
    """Every quantity that `grad` computes on its way, to the bit, and the gradient for the input, as a `Backprop`.

    Parameters and errors are those of `grad`. With the losses of probabilities and of means above 0, such as
    `cross_entropy`, δᴸ is worked out directly (a − y, mostly), and ``dE_da[L]``, which may be infinite, is for looking
    only.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> t = fnn.backprop(p, [3.0, 4.0], [10.0])
    >>> t
    fnn.Backprop(float64, error 1.125)
      layer  a, dE_da  z, delta  W       b     activation
      0      (2,)
      1      (1,)      (1,)      (2, 1)  (1,)  identity
    >>> t.z[1], t.delta[1], t.dE_da[0]
    (array([11.5]), array([1.5]), array([1.5, 3. ]))
    """
    require_params("params", params)
    require_loss(params, loss)
    mean = require_reduction(reduction)
    batch = arrays_of(params, x, y, loss, whole=True).plain
    count, layers = len(batch.x), len(params.activations)
    table = params.architecture.layout(params.dtype, count).table
    value, slope, space = _evaluate(params, batch, loss, mean, EVERYTHING)
    start = first_aligned(space)

    def quantity(layer: int, column: int) -> NDArray[DT]:
        units, stride = (int(table[layer * plan.COLUMNS + c]) for c in (plan.UNITS, plan.STRIDE))
        at = start + int(table[layer * plan.COLUMNS + column])
        found = space[at : at + count * stride].reshape(count, stride)[:, :units].copy()
        return found[0] if batch.single else found

    return Backprop(
        z={layer: quantity(layer, plan.Z) for layer in range(1, layers + 1)},
        a={layer: quantity(layer, plan.A) for layer in range(layers + 1)},
        dE_da={layer: quantity(layer, plan.DE_DA) for layer in range(layers + 1)},
        delta={layer: quantity(layer, plan.DELTA) for layer in range(1, layers + 1)},
        grads=wrap(slope, params.architecture),
        error=value,
    )


@jittable
def update(params: Params[DT], grads: Params[DT], eta: SupportsFloat) -> Params[DT]:
    """New Params after a step of gradient descent (G1): w(t+1) = w(t) − η ∂E/∂w(t), the same for b.

    Raises
    ------
    ValueError
        The learning rate η isn't finite and above 0, or params and grads differ in architecture.
    TypeError
        An argument of another type.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0]], "b1": [2.0]}, hidden=(), output=fnn.identity)
    >>> fnn.update(p, p, 0.5)["W1"]
    array([[0.5]])
    """
    require_params("params", params)
    require_params("grads", grads)
    flat, slope, architecture = params.flat_buffer, grads.flat_buffer, params.architecture
    dtype = flat.dtype
    rate = positive("eta", eta, dtype)
    if grads.architecture is not architecture:
        require_same_structure("grads", params, grads)
    slope = slope if slope.dtype is dtype else cast_to(dtype, slope, "grads")
    into = np.empty(flat.size, dtype)
    taken = update_kernel.direct[dtype](flat, slope, rate, into)
    assert taken, "arrays of params are plain"

    return around(into, architecture)


def _differentiate(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None, loss: Loss, reduction: Reduction,
    regularization: Regularization | None, workspace: NDArray[DT] | None, extent: int, *, has_value: bool = True,
) -> tuple[float, Params[DT]]:  # fmt: skip
    """E, without its penalty unless it `has_value`, and its gradient, without meaning if only E is wanted."""
    require_params("params", params)
    require_loss(params, loss)
    mean = require_reduction(reduction)
    if regularization is None:
        if prepare(params, x, y, loss):
            short = again(params, x, y, loss, reduction, None, workspace, extent)
            if short is not None:
                return short
        value, slope, _ = _evaluate(params, arrays_of(params, x, y, loss), loss, mean, extent, workspace)
        return value, wrap(slope, params.architecture)
    changes = regularization_of(params, regularization)
    if any(changes.dropped):
        raise ValueError(f"regularization: dropout={regularization.dropout!r} is for training alone; E is without it")
    arrays, architecture = arrays_of(params, x, y, loss), params.architecture
    masked = params if changes.mask is None else wrap(changes.masked(params.flat_buffer), architecture)
    value, slope, _ = _evaluate(masked, arrays, loss, mean, extent, workspace)
    value = changes.add_penalty(masked, value, slope, has_value=has_value)

    return value, wrap(slope if extent == ERROR_ONLY else changes.masked(slope), architecture)


def _evaluate(
    params: Params[DT], arrays: CaseArrays[DT], loss: Loss, mean: bool, extent: int,
    workspace: NDArray[DT] | None = None,
) -> tuple[float, NDArray[DT], NDArray[DT]]:  # fmt: skip
    """E, its gradient (empty if only the error is wanted), and the workspace."""
    flat, dtype, cases = params.flat_buffer, params.flat_buffer.dtype, len(arrays.x)
    capacity = cases if extent == EVERYTHING else min(cases, CHUNK)
    layout = params.architecture.layout(dtype, capacity)
    space = space_for(workspace, layout.whole, dtype)
    gradient = np.empty(0 if extent == ERROR_ONLY else flat.size, dtype)
    value, fault, row = differentiate_kernel[dtype](
        layout.table, flat, space, capacity, *arrays.taken, arrays.is_checked, loss.descriptor_address(dtype), mean,
        extent, gradient,
    )  # fmt: skip
    if fault != faults.FINE:
        raise_fault(params, arrays, loss, fault, row)

    return value, gradient, space
