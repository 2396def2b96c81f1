"""Forward and backward: the equations F1 to B4 and G1 as pure functions.

A batch is a matrix whose rows are cases: x is (N, n_0), A_l and Z_l are (N, n_l), W_l is (n_{l−1}, n_l), b_l is (n_l,).
S1 writes one case as a column and its W^l is the transpose of ours.

Here stand the arguments, their checks and the results. The equations themselves, a line each, are in
`fnn.equations.kernels.backprop`; `grad`, `backprop` and `train` all run those lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, SupportsFloat, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.checks import positive, require_apart, require_output, whole
from fnn.compiler.numba_types import jittable
from fnn.compiler.threads import available, run_in_threads
from fnn.data.cases import (
    Reduction,
    batch_of,
    cast_to,
    plain_rows,
    raise_fault,
    require_loss,
    require_reduction,
    rows_of,
    scale_of,
)
from fnn.data.kernels import cases
from fnn.data.rows import CAST, NO_LABELS, NO_WEIGHTS, CaseArrays, cast
from fnn.equations.kernels.backprop import ERROR_ONLY, EVERYTHING, GRADIENT
from fnn.equations.kernels.forward import BLOCK, forward_kernel, update_kernel
from fnn.equations.kernels.gradient import PIECE, differentiate_kernel
from fnn.equations.workspace import space_for
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.kernels import plan
from fnn.network.layout import first_aligned
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.tree import require_same_structure

WORTH_THREADS = 100_000_000  # cases times parameters: a millisecond's work, ten times what starting threads takes


@jittable
def forward(
    params: Params[DT],
    x: ArrayLike,
    out: NDArray[DT] | None = None,
    workspace: NDArray[DT] | None = None,
    *,
    scale: SupportsFloat = 1.0,
    threads: SupportsIndex | None = None,
) -> NDArray[DT]:
    """The network's outputs a^L (F1, F2).

        Zˡ = Aˡ⁻¹ Wˡ + bˡ,  Aˡ = f(Zˡ),  A⁰ = x

    Parameters
    ----------
    params
        The network.
    x
        One case, (n_0,), or a batch, (N, n_0). Cast to the dtype of params; a large batch a piece at a time.
    out
        Where to write the result, instead of a new array: C-contiguous, of the result's shape and dtype. It may be x
        itself; otherwise it must not overlap a batch x.
    workspace
        Memory to work in, from `workspace`, apart from x and out; the call then runs in one thread. Inside ``@njit``
        a call with `out` allocates nothing if it has a workspace, nor does one for a single case if no layer has more
        than 1000 units.
    scale
        What x is multiplied by once it is cast, as for `train`. Inside ``@njit`` there is no such argument.
    threads
        At most so many threads for a large batch (from 100 million cases times parameters on, a millisecond's work);
        by default all processors that the process may run on. It changes no bit of the result. Inside ``@njit``, where
        the calling thread does it all, there is no such argument.

    Returns
    -------
    (n_L,) or (N, n_L); `out` if it was given.

    Raises
    ------
    ValueError
        x has another width, is empty, or holds NaN or infinity; out has another shape, workspace is too small, or one
        of them isn't contiguous or writable, or overlaps what it must not; threads is below 1.
    TypeError
        params isn't `Params`, x isn't made of real numbers, or out or workspace isn't an array of the dtype of params.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.forward(p, [3.0, 4.0])
    array([11.5])
    """
    require_params("params", params)
    flat, architecture = params._flat, params._architecture
    dtype, units = flat.dtype, architecture.sizes[-1]
    factor = 1.0 if type(scale) is float and scale == 1 else scale_of(params, scale)
    if out is workspace is threads is None and factor == 1:
        plain = plain_rows(x, architecture.sizes[0], dtype)
        if plain is not None and (count := len(plain)) * flat.size < WORTH_THREADS:
            layout = architecture.layout(dtype, min(count, BLOCK))
            a = np.empty((count, units), dtype)
            if forward_kernel[dtype](layout.table, flat, np.empty(layout.forward, dtype), plain, a) < 0:
                return a if plain is x else a[0]
    rows, single, is_source = rows_of(params, x, "", factor, False)
    most = None if threads is None else whole("threads", threads, at_least=1)
    if out is None:
        a = np.empty((len(rows), units), dtype)
    else:
        require_output("out", out, dtype, (units,) if single else (len(rows), units))
        a = out.reshape(len(rows), units)
        if not single:
            require_apart("out", a, "x", rows, or_equal=True)
    if len(rows) * flat.size < WORTH_THREADS or workspace is not None:
        layout = architecture.layout(dtype, min(len(rows), BLOCK))
        space = space_for(workspace, layout.forward, dtype)
        if workspace is not None:
            require_apart("workspace", workspace, "x", rows)
            require_apart("out", a, "workspace", workspace)
        if is_source:
            bad = _forward_by_pieces(params, layout.table, space, rows, a, factor)
        else:
            bad = forward_kernel[dtype](layout.table, flat, space, rows, a)
    else:
        bad = forward_by_parts(params, rows, a, most or available(), factor if is_source else None)
    if bad >= 0:
        raise_fault(params, CaseArrays(rows, a, NO_LABELS, NO_WEIGHTS, single), None, cases.BAD_X, bad)

    if out is not None:
        return out

    return a[0] if single else a


def forward_by_parts(
    params: Params[DT], rows: NDArray[Any], a: NDArray[DT], threads: int, scale: float | None = None
) -> int:
    """`forward` of many cases by some threads, each with its range of them; the first with NaN or infinity, or −1.

    With a scale the rows are cast and scaled on the way, otherwise they are as the kernels take them.
    """
    layout = params._architecture.layout(params.dtype, BLOCK)
    bad: dict[int, int] = {}

    def part(number: int, parts: int) -> None:
        top, bottom = (len(rows) * n // parts for n in (number, number + 1))
        space = np.zeros(layout.forward, params.dtype)
        cases, into = rows[top:bottom], a[top:bottom]
        if scale is None:
            row = forward_kernel[params.dtype](layout.table, params._flat, space, cases, into)
        else:
            row = _forward_by_pieces(params, layout.table, space, cases, into, scale)
        if row >= 0:
            bad[number] = top + row

    run_in_threads(part, min(threads, len(rows) // BLOCK) or 1)

    return min(bad.values(), default=-1)


def _forward_by_pieces(
    params: Params[DT], table: NDArray[np.int64], space: NDArray[DT], rows: NDArray[Any], a: NDArray[DT], scale: float
) -> int:
    """`forward` of rows that are cast and scaled a piece at a time; the first with NaN or infinity, or −1."""
    kernel, step = forward_kernel[params.dtype], max(CAST // (8 * rows.shape[1]), BLOCK)
    for top in range(0, len(rows), step):
        piece = slice(top, top + step)
        row = kernel(table, params._flat, space, cast(params.dtype, rows[piece], scale), a[piece])
        if row >= 0:
            return top + row

    return -1


@jittable
def error(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    weights: ArrayLike | None = None,
    class_weights: ArrayLike | None = None,
    scale: SupportsFloat = 1.0,
    workspace: NDArray[DT] | None = None,
) -> float:
    """The error E of the network on the cases (E1).

        E = ½ Σ_c Σ_d (a_dᴸ − y_d)²   for `squared_error`

    Parameters and errors are those of `grad`.

    Returns
    -------
    E, worked out in float64; with "mean", the weighted mean over the cases.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> fnn.error(p, [3.0, 4.0], [10.0])
    1.125
    """
    return _differentiate(params, x, y, loss, reduction, weights, class_weights, scale, workspace, wanted=ERROR_ONLY)[0]


@jittable
def grad(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    weights: ArrayLike | None = None,
    class_weights: ArrayLike | None = None,
    scale: SupportsFloat = 1.0,
    workspace: NDArray[DT] | None = None,
) -> Params[DT]:
    """The gradient of the error with respect to every weight and bias (B1 to B4).

        Δˡ = ∂E/∂Aˡ ⊙ f′(Zˡ),  ∂E/∂Wˡ = (Aˡ⁻¹)ᵀ Δˡ,  ∂E/∂bˡ = Σ_c δˡ,  ∂E/∂Aˡ⁻¹ = Δˡ (Wˡ)ᵀ

    Parameters
    ----------
    params
        The network.
    x
        One case, (n_0,), or a batch, (N, n_0).
    y
        Targets, (n_L,) or (N, n_L). For `cross_entropy`, `focal`, `kl_divergence` and `hinge` also integer labels, a
        number or (N,): 0 .. n_L − 1, or with a single output unit 0 and 1.
    loss
        `squared_error` (E1), another of `fnn.losses.library`, or a `Loss` of your own.
    reduction
        "sum": E = Σ_c w_c E_c, as in the sources. "mean": that divided by Σ_c w_c.
    weights
        w_c ≥ 0 for each case, (N,); by default 1. A case of weight 2 counts as two.
    class_weights
        k_d ≥ 0 for each class, (n_L,), or (2,) with a single output unit: a case of class d weighs k_d times as much,
        which "mean" divides by, too. The targets must name classes, by labels, one-hot or by probabilities; with
        these it is Σ_d k_d y_d times as much. (Inside ``@njit`` give ``weights=class_weights[labels]``.)
    scale
        What x is multiplied by once it is cast, as for `train`. Inside ``@njit`` there is no such argument.
    workspace
        Memory to work in, from `workspace`.

    Returns
    -------
    Params of the same architecture and dtype.

    Raises
    ------
    ValueError
        Shapes that don't fit, NaN or infinity in x or y (with the row), labels out of range, a loss that doesn't suit
        the output activation, targets that it doesn't take, negative weights or weights that sum to 0, a workspace
        that is too small.
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
    return _differentiate(params, x, y, loss, reduction, weights, class_weights, scale, workspace, wanted=GRADIENT)[1]


@jittable
def value_and_grad(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    weights: ArrayLike | None = None,
    class_weights: ArrayLike | None = None,
    scale: SupportsFloat = 1.0,
    workspace: NDArray[DT] | None = None,
) -> tuple[float, Params[DT]]:
    """The error and its gradient in one pass.

    Parameters and errors are those of `grad`.

    Returns
    -------
    What `error` and what `grad` return, to the bit.
    """
    return _differentiate(params, x, y, loss, reduction, weights, class_weights, scale, workspace, wanted=GRADIENT)


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


@jittable
def backprop(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    *,
    loss: Loss = squared_error,
    reduction: Reduction = "sum",
    weights: ArrayLike | None = None,
    class_weights: ArrayLike | None = None,
) -> Backprop[DT]:
    """Every quantity that `grad` computes on its way, to the bit. Parameters and errors are those of `grad`.

    With the losses of probabilities and of means above 0, such as `cross_entropy`, δᴸ is worked out directly (a − y,
    mostly), and ``dE_da[L]``, which may be infinite, is for looking only.

    Returns
    -------
    A `Backprop`: z, a, dE_da and delta by layer, grads and error.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[1.0], [2.0]], "b1": [0.5]}, hidden=(), output=fnn.identity)
    >>> t = fnn.backprop(p, [3.0, 4.0], [10.0])
    >>> t.z[1], t.delta[1], t.dE_da[0]
    (array([11.5]), array([1.5]), array([1.5, 3. ]))
    """
    require_params("params", params)
    require_loss(params, loss)
    batch = batch_of(params, x, y, weights, loss, class_weights=class_weights)
    mean = require_reduction(reduction)
    count, layers = len(batch.x), len(params.activations)
    table = params._architecture.layout(params.dtype, count).table
    value, grads, space = evaluate(params, batch, loss, mean, EVERYTHING, count)
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
        grads=grads,
        error=value,
    )


@jittable
def update(params: Params[DT], grads: Params[DT], eta: SupportsFloat) -> Params[DT]:
    """One step of gradient descent (G1): w(t+1) = w(t) − η ∂E/∂w(t), the same for b.

    Parameters
    ----------
    params, grads
        Of one architecture.
    eta
        The learning rate η, finite and above 0.

    Returns
    -------
    New Params; the old ones are untouched.

    Raises
    ------
    ValueError
        eta isn't finite and above 0, or the structures differ.
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
    rate = positive("eta", eta, params._flat.dtype)
    if grads._architecture is not params._architecture:
        require_same_structure("grads", params, grads)
    flat, dtype = params._flat, params._flat.dtype
    slope = grads._flat if grads._flat.dtype is dtype else cast_to(dtype, grads._flat, "grads")
    into = np.empty(flat.size, dtype)
    update_kernel[dtype](flat, slope, rate, into)

    return wrap(into, params._architecture)


def _differentiate(
    params: Params[DT],
    x: ArrayLike,
    y: ArrayLike,
    loss: Loss,
    reduction: Reduction,
    weights: ArrayLike | None,
    class_weights: ArrayLike | None,
    scale: SupportsFloat,
    workspace: NDArray[DT] | None,
    *,
    wanted: int,
) -> tuple[float, Params[DT]]:
    require_params("params", params)
    require_loss(params, loss)
    mean = require_reduction(reduction)
    batch = batch_of(params, x, y, weights, loss, class_weights=class_weights, scale=scale, whole=False)

    value, gradient, _ = evaluate(params, batch, loss, mean, wanted, min(len(batch.x), PIECE), "", workspace)

    return value, gradient


def evaluate(
    params: Params[DT], batch: CaseArrays[DT], loss: Loss, mean: bool, wanted: int, capacity: int, name: str = "",
    workspace: NDArray[DT] | None = None,
) -> tuple[float, Params[DT], NDArray[DT]]:  # fmt: skip
    """E, its gradient (without meaning if only the error is wanted), and the workspace."""
    flat, architecture, dtype = params._flat, params._architecture, params._flat.dtype
    layout = architecture.layout(dtype, capacity)
    space = space_for(workspace, layout.whole, dtype)
    gradient = np.empty(0 if wanted == ERROR_ONLY else flat.size, dtype)
    x, y, labels, weights, sources = batch.taken
    value, fault, row = differentiate_kernel[dtype](
        layout.table,
        flat,
        space,
        capacity,
        x,
        y,
        labels,
        weights,
        sources,
        loss.descriptor_address(dtype),
        mean,
        wanted,
        gradient,
    )
    if fault != cases.FINE:
        raise_fault(params, batch, loss, fault, row, name)

    return value, wrap(gradient, architecture), space
