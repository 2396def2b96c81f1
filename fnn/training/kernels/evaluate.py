"""Evaluation in one pass: the error of each case, and whether the network gives it its class."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import inline
from fnn.compiler.intrinsics import Floats, like
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import Labels, Reals, Weights, cases_of
from fnn.equations.kernels.backprop import ERROR_ONLY
from fnn.equations.kernels.forward import BLOCK
from fnn.equations.kernels.gradient import forward_backward, unit_case_weight
from fnn.network.kernels import plan
from fnn.network.kernels.plan import block, entry, errors_of, net_of


@kernel(
    lambda t: types.int64(
        array(types.int64), array(t), output(t), array(t, 2), array(t, 2), array(types.int64), array(types.float64),
        types.int64, array(types.int64), types.int64, types.int64, types.int64, array(types.int64), types.float64,
        types.boolean, output(types.float64),
    )
)  # fmt: skip
def evaluate_kernel(
    table: npt.NDArray[np.int64], flat: Reals, space: Reals, x: Reals, y: Reals, labels: Labels, weights: Weights,
    sources: int, chosen: Labels, loss: int, top: int, bottom: int, classes: Labels, threshold: float, mean: bool,
    errors: Weights,
) -> int:  # fmt: skip
    """Write what each of the cases top .. bottom adds to E, or to its mean; returns how many get their own class.

    `chosen` are the only cases that count, or empty: all do. `classes` may be empty, which makes the result 0. The
    workspace has room for BLOCK cases. The cases are checked.
    """
    net = net_of(table, flat, space)
    cases = cases_of(x, y, labels, weights, chosen, sources, chosen.size)
    outputs = entry(net, net.layers, plan.UNITS)
    net.space[plan.ONE] = like(net.space, 1.0)
    scale = unit_case_weight(cases, mean)
    right = 0
    for first in range(top, bottom, BLOCK):
        rows = min(BLOCK, bottom - first)
        forward_backward(net, cases, first, scale, loss, ERROR_ONLY, 0, rows, True)
        for row in range(rows):
            errors[first + row] = errors_of(net, 0)[row]
            if classes.size > 0:
                right += class_of(block(net, net.layers, plan.A, row), outputs, threshold) == classes[first + row]
    return right


@inline
def class_of(a: Floats, outputs: int, threshold: float) -> int:
    """The class of the greatest output, the first of equals; of a single one, whether a > threshold; −1 if NaN."""
    best = 0
    for d in range(outputs):
        if np.isnan(a[d]):
            return -1
        if a[d] > a[best]:
            best = d
    return best if outputs > 1 else 1 if a[0] > threshold else 0
