"""`fold`: the scaling of inputs and targets, brought into the first and the last layer."""

from __future__ import annotations

from math import fsum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fnn.activations.library import identity
from fnn.boundary.calls import by_name
from fnn.boundary.checks import real_array
from fnn.network.params import DT, Params, require_params


@by_name
def fold(
    params: Params[DT], *, x_shift: ArrayLike = 0.0, x_scale: ArrayLike = 1.0, y_shift: ArrayLike = 0.0,
    y_scale: ArrayLike = 1.0,
) -> Params[DT]:  # fmt: skip
    """The network that takes and gives raw units, where params were trained on standardised ones.

    F1 takes the scaling in: with x̂ = (x − x_shift) / x_scale and ŷ = (y − y_shift) / y_scale,

        W¹ ← W¹ / x_scale,  b¹ ← b¹ − (x_shift / x_scale) W¹;  Wᴸ ← Wᴸ y_scale,  bᴸ ← bᴸ y_scale + y_shift

    so that ``forward(folded, x)`` is ``y_shift + y_scale * forward(params, (x - x_shift) / x_scale)``, to rounding:
    each new number is computed in float64, a sum of products without a rounding error of its own. Connections that a
    mask has removed stay 0.

    Parameters
    ----------
    x_shift, x_scale
        A number, or one for each input, (n_0,): such as ``x.mean(0)`` and ``x.std(0)``. Scales are not 0. Those of
        a data frame count by position, as its columns do.
    y_shift, y_scale
        A number, or one for each output, (n_L,). The output layer must be `identity`.

    Raises
    ------
    ValueError, TypeError
        A shape that doesn't fit, NaN or infinity, a scale of 0; a scaling of targets with another output than identity;
        a result beyond the dtype of params.

    Examples
    --------
    >>> import fnn
    >>> p = fnn.Params({"W1": [[2.0]], "b1": [1.0]}, hidden=(), output=fnn.identity)
    >>> raw = fnn.fold(p, x_shift=10.0, x_scale=4.0, y_shift=100.0, y_scale=0.5)
    >>> fnn.forward(raw, [14.0]), 100 + 0.5 * fnn.forward(p, [1.0])
    (array([101.5]), array([101.5]))
    """
    require_params("params", params)
    inputs, outputs = params.sizes[0], params.sizes[-1]
    shift, scale = _row("x_shift", x_shift, inputs), _row("x_scale", x_scale, inputs)
    offset, factor = _row("y_shift", y_shift, outputs), _row("y_scale", y_scale, outputs)
    for name, row in ("x_scale", scale), ("y_scale", factor):
        if not row.all():
            raise ValueError(f"{name}: must not be 0, as it is in column {int(np.argmin(row != 0))}")
    if params.activations[-1] != identity and (offset.any() or (factor != 1).any()):
        raise ValueError(
            f"y_shift, y_scale: need the output fnn.identity, which can be scaled; it is {params.activations[-1]!r}"
        )

    last = len(params.activations)
    leaves = {key: params[key].astype(np.float64) for key in ("W1", "b1", f"W{last}", f"b{last}")}
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):  # what isn't finite is refused
        leaves["W1"] = leaves["W1"] / scale[:, None]
        if shift.any():
            columns = zip(leaves["b1"], (leaves["W1"] * shift[:, None]).T, strict=True)
            leaves["b1"] = np.array([_sum(b, column) for b, column in columns])
        leaves[f"W{last}"] = leaves[f"W{last}"] * factor
        leaves[f"b{last}"] = leaves[f"b{last}"] * factor + offset

    for key, leaf in leaves.items():
        if not (np.abs(leaf) <= np.finfo(params.dtype).max).all():
            raise ValueError(f"{key}: would be NaN, infinite or beyond {params.dtype} with this scaling")

    return params.replace(leaves)


def _row(name: str, value: ArrayLike, units: int) -> NDArray[np.float64]:
    """A number for each unit, from one for each or one for all."""
    array = real_array(name, value).astype(np.float64)
    if array.shape not in ((), (units,)):
        raise ValueError(f"{name}: needs a number or shape ({units},), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: holds NaN or infinity")

    return np.broadcast_to(array, units)


def _sum(b: float, products: NDArray[np.float64]) -> float:
    """The bias minus the products, rounded once; NaN if one of them isn't finite."""
    return fsum([b, *-products]) if np.isfinite(products).all() else np.nan
