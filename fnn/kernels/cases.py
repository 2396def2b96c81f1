"""The cases of a call: looking for what can't be computed with, and bringing them into the workspace."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.kernels import plan
from fnn.kernels.activations import SOFTMAX
from fnn.kernels.equations import block
from fnn.kernels.intrinsics import Floats, Integers, like, pointer, shift
from fnn.kernels.kernel import array, kernel
from fnn.kernels.losses import CROSS_ENTROPY
from fnn.kernels.options import inline
from fnn.kernels.plan import Net, entry

# What `find_fault` finds.
FINE, BAD_X, BAD_Y, BAD_LABEL, BAD_WEIGHT, NO_WEIGHT, NOT_PROBABILITIES, NOT_A_DISTRIBUTION = range(8)
SUM_TOLERANCE = 1e-5  # probabilities that were rounded to float32 sum to 1 within this

Reals = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


class Cases(NamedTuple):
    """Pointers to all cases. Either `labels` or `y` holds the targets; without `weighted` each case weighs 1."""

    count: int
    x: Floats  # (count, n_0)
    y: Floats  # (count, n_L)
    labels: Integers  # (count,)
    weights: Floats  # (count,), float64
    labelled: bool
    weighted: bool


@inline
def cases_of(x: Reals, y: Reals, labels: Labels, weights: Weights) -> Cases:
    """Of the targets' two arrays the empty one is not used; empty weights are 1."""
    return Cases(
        x.shape[0], pointer(x), pointer(y), pointer(labels), pointer(weights), labels.size > 0, weights.size > 0
    )


@inline
def is_finite(values: Floats, count: int) -> bool:
    """Whether no value is NaN or infinite: v · 0 is NaN for just those."""
    zero = like(values, 0.0)
    bad = 0
    for i in range(count):
        bad |= values[i] * zero != zero
    return bad == 0


@inline
def first_not_finite(values: Floats, rows: int, columns: int) -> int:
    """The first row that holds NaN or infinity, or −1."""
    for row in range(rows):
        if not is_finite(shift(values, row * columns), columns):
            return row
    return -1


@inline
def find_fault(cases: Cases, inputs: int, outputs: int, code: int, loss: int) -> tuple[int, int]:
    """What is wrong first, and in which row; (FINE, −1) if nothing is."""
    row = first_not_finite(cases.x, cases.count, inputs)
    if row >= 0:
        return BAD_X, row
    if cases.labelled:
        greatest = 1 if outputs == 1 else outputs - 1
        for row in range(cases.count):
            if cases.labels[row] < 0 or cases.labels[row] > greatest:
                return BAD_LABEL, row
    else:
        row = first_not_finite(cases.y, cases.count, outputs)
        if row >= 0:
            return BAD_Y, row
        if loss == CROSS_ENTROPY:
            for row in range(cases.count):
                fault = probability_fault(shift(cases.y, row * outputs), outputs, code)
                if fault != FINE:
                    return fault, row
    if cases.weighted:
        total = 0.0
        for row in range(cases.count):
            if not (cases.weights[row] >= 0 and cases.weights[row] < np.inf):
                return BAD_WEIGHT, row
            total += cases.weights[row]
        if not (total > 0 and total < np.inf):
            return NO_WEIGHT, 0
    return FINE, -1


@inline
def probability_fault(y: Floats, outputs: int, code: int) -> int:
    """Cross-entropy needs a probability at each unit, and with softmax a distribution over them."""
    total = 0.0
    for d in range(outputs):
        if y[d] < 0 or y[d] > 1:
            return NOT_PROBABILITIES
        total += y[d]
    if code == SOFTMAX and abs(total - 1.0) > SUM_TOLERANCE:
        return NOT_A_DISTRIBUTION
    return FINE


@inline
def total_weight(cases: Cases, order: Integers, first: int, rows: int) -> float:
    """Σ_c w_c over the cases order[first .. first + rows]."""
    if not cases.weighted:
        return float(rows)
    total = 0.0
    for i in range(first, first + rows):
        total += cases.weights[order[i]]
    return total


@inline
def load_inputs(net: Net, x: Floats, order: Integers, top: int, bottom: int) -> None:
    """A⁰: the cases order[top .. bottom] into the rows top .. bottom of the workspace."""
    units = entry(net, 0, plan.UNITS)
    for row in range(top, bottom):
        source, a = shift(x, order[row] * units), block(net, 0, plan.A, row)
        for i in range(units):
            a[i] = source[i]


@inline
def load_targets(net: Net, cases: Cases, order: Integers, scale: float, top: int, bottom: int) -> None:
    """The targets Y (labels become one-hot rows) and each case's share in the error, w_c · scale."""
    units, stride = entry(net, net.layers, plan.UNITS), entry(net, net.layers, plan.STRIDE)
    shares = shift(net.space, entry(net, 0, plan.SHARES))
    for row in range(top, bottom):
        case = order[row]
        y = shift(net.space, entry(net, 0, plan.TARGETS) + row * stride)
        if cases.labelled:
            for d in range(units):
                y[d] = like(y, 0.0)
            if units == 1:
                y[0] = like(y, cases.labels[case])
            else:
                y[cases.labels[case]] = like(y, 1.0)
        else:
            source = shift(cases.y, case * units)
            for d in range(units):
                y[d] = source[d]
        shares[row] = like(shares, cases.weights[case] * scale if cases.weighted else scale)


@kernel(
    lambda t: types.UniTuple(types.int64, 2)(
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), types.int64, types.int64, types.int64
    )
)
def fault_kernel(
    x: Reals, y: Reals, labels: Labels, weights: Weights, outputs: int, code: int, loss: int
) -> tuple[int, int]:
    """What is wrong with the cases, and in which row."""
    return find_fault(cases_of(x, y, labels, weights), x.shape[1], outputs, code, loss)
