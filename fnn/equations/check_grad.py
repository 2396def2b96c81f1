"""`check_grad`: the gradient against differences of the error itself."""

from __future__ import annotations

from typing import SupportsFloat, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from fnn.boundary.calls import by_name
from fnn.boundary.checks import positive
from fnn.data.cases import Cases
from fnn.equations.gradients import error, grad
from fnn.equations.objective import Reduction
from fnn.losses.library import squared_error
from fnn.losses.loss import Loss
from fnn.network.params import DT, Params, require_params, wrap
from fnn.network.regularization import Regularization
from fnn.network.tree import tree_map


class Options(TypedDict):
    """How the error is measured."""

    loss: Loss
    reduction: Reduction
    regularization: Regularization | None


@np.errstate(under="ignore")
@by_name
def check_grad(
    params: Params[DT], x: ArrayLike | Cases, y: ArrayLike | None = None, *, loss: Loss = squared_error,
    reduction: Reduction = "sum", regularization: Regularization | None = None, h: SupportsFloat = 1e-3,
) -> float:  # fmt: skip
    """The worst relative error of `grad` against central differences, in float64.

        ∂E/∂w ≈ [8 (E(w + h) − E(w − h)) − (E(w + 2h) − E(w − 2h))] / 12h

    whose own error is of the order h⁴. The difference from `grad` is divided by the greatest of the two derivatives,
    10⁻⁴ times the largest derivative of the network and 10⁻⁶ |E|: smaller derivatives drown in the roundings of E.

    Parameters
    ----------
    params, x, y, loss, reduction, regularization, h
        As for `grad`, and the step, finite and above 0. Keep relu's weighted inputs, and what else has a kink, away
        from where there is no derivative.

    Raises
    ------
    ValueError, TypeError
        As `grad` does, and if h isn't finite and above 0.

    Returns
    -------
    The greatest relative error over all weights and biases; 0 if E is constant and 0.

    Examples
    --------
    >>> import fnn
    >>> fnn.check_grad(fnn.init((2, 3, 1), seed=0), [[0.5, -1.0]], [[1.0]]) < 1e-9
    True
    """
    require_params("params", params)
    step = positive("h", h)
    exact = tree_map(lambda leaf: leaf.astype(np.float64), params)
    options: Options = {"loss": loss, "reduction": reduction, "regularization": regularization}
    slope, value = grad(exact, x, y, **options).flat, abs(error(exact, x, y, **options))
    measured = np.empty_like(slope)

    def moved(i: int, by: float) -> float:
        flat = np.array(exact.flat)
        flat[i] += by
        return error(wrap(flat, exact.architecture), x, y, **options)

    for i in range(slope.size):
        near = moved(i, step) - moved(i, -step)
        far = moved(i, 2 * step) - moved(i, -2 * step)
        measured[i] = (8 * near - far) / (12 * step)
    scale = np.maximum(np.abs(slope), np.abs(measured))
    least = max(1e-4 * scale.max(), 1e-6 * value)
    if least == 0:
        return 0.0

    return float(np.max(np.abs(slope - measured) / np.maximum(scale, least)))
