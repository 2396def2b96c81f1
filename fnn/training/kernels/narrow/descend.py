"""The training loop of narrow networks, by gradient descent and in one thread; see `fnn.training.kernels.narrow.equations`."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import forced
from fnn.compiler.intrinsics import aligned, like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import CasePointers, Labels, Reals, Weights, case_at, cases_of, weight_of
from fnn.losses.kernels.dispatch import bounds
from fnn.network.kernels import plan
from fnn.network.kernels.narrow_plan import (
    BY_CASES,
    KIND,
    ONES,
    OUTPUT_STRIDE,
    WITH_LOSS,
    Y_OF_CASES,
    block_of_cases,
    part,
)
from fnn.network.kernels.plan import COLUMNS, Net, entry
from fnn.numerics.random import shuffle
from fnn.optimizers.kernels.abi import COEFFICIENTS, ETA
from fnn.training.kernels.descend import CASE, EPOCH, LOADED, STOPPED
from fnn.training.kernels.narrow.equations import backward, forward
from fnn.training.kernels.narrow.products import transpose_small


@kernel(
    lambda t: types.void(
        array(types.int64), output(t), output(t),
        array(t, 2), array(t, 2), array(types.int64), array(types.float64), output(types.int64), array(types.int64),
        types.int64, types.boolean, array(t, 2), types.int64, types.int64,
        types.int64, output(types.int64), output(types.float64), output(types.float64),
    )
)  # fmt: skip
def narrow_kernel(
    table: npt.NDArray[np.int64], flat: Reals, space: Reals, x: Reals, y: Reals, labels: Labels, case_weights: Weights,
    order: Labels, chosen: Labels, loss: int, mean: bool, coefficients: Reals, batch: int, seed: int, steps: int,
    cursor: npt.NDArray[np.int64], sums: Weights, history: Weights,
) -> None:  # fmt: skip
    """What `descend_kernel` does, with parameters that lie as in `Params`, for batches that fit into the workspace."""
    net = Net(table.size // COLUMNS - 1, pointer(table), pointer(flat), aligned(pointer(space)))
    cases = cases_of(x, y, labels, case_weights, order, 0, chosen.size)
    coefficient_stride = COEFFICIENTS if coefficients.size > COEFFICIENTS else 0
    relay(net, True)
    add_ones(net)
    epoch, first, total, weight = cursor[EPOCH], cursor[CASE], sums[0], sums[1]
    reshuffles, is_ordered = batch < cases.number, cursor[LOADED] != 0
    for number in range(steps):
        if reshuffles and (first == 0 or not is_ordered):
            shuffle(cases.order, cases.number, seed, epoch)
            for place in range(chosen.size):
                cases.order[place] = chosen[cases.order[place]]
            is_ordered = True
        rows = min(batch, cases.number - first)
        of_batch = weight_of(cases, first, rows) if cases.has_weights else float(rows)
        if number == 0 or reshuffles:
            load(net, cases, first, rows, 1.0 / of_batch if mean and of_batch > 0 else 1.0, loss)
        forward(net, rows)
        error = backward(net, loss, rows, pointer(coefficients)[number * coefficient_stride + ETA])
        if not np.isfinite(error):
            cursor[STOPPED] = 1
            break
        total += error * of_batch if mean else error
        weight += of_batch
        first += rows
        if first == cases.number:
            history[epoch] = total / weight if mean else total
            epoch, first, total, weight = epoch + 1, 0, 0.0, 0.0
    cursor[EPOCH], cursor[CASE], cursor[LOADED], sums[0], sums[1] = epoch, first, 1, total, weight
    relay(net, False)


@forced
def relay(net: Net, begins: bool) -> None:
    """Bring the parameters into the workspace, by units, or back."""
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        flat, w = shift(net.weights, entry(net, layer, plan.COMPACT)), part(net, layer, plan.W)
        if begins:
            transpose_small(inputs + 1, units, flat, units, w, entry(net, layer, plan.W_ROW))
        else:
            transpose_small(units, inputs + 1, w, entry(net, layer, plan.W_ROW), flat, units)


@forced
def add_ones(net: Net) -> None:
    """The inputs that belong to the biases, and the slopes that B1 needs to tell f′ alone."""
    stride, one = entry(net, 0, plan.STRIDE), like(net.space, 1.0)
    for layer in range(net.layers):
        units, row = entry(net, layer, plan.UNITS), entry(net, layer + 1, plan.W_ROW)
        for c in range(stride):
            part(net, layer, BY_CASES)[c * row + units] = part(net, layer, plan.A)[units * stride + c] = one
        for i in range(entry(net, layer + 1, plan.UNITS) * stride):
            part(net, 0, ONES)[i] = one


@forced
def load(net: Net, cases: CasePointers, first: int, rows: int, scale: float, loss: int) -> None:
    """Fill the workspace with the cases at the places first .. first + rows of the order, as `cases.load` does."""
    inputs, outputs, stride = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS), entry(net, 0, plan.STRIDE)
    a, a_rows, a_row = part(net, 0, plan.A), part(net, 0, BY_CASES), entry(net, 1, plan.W_ROW)
    case_weights = part(net, 0, plan.CASE_WEIGHTS)
    y, y_unit, y_case = part(net, 0, plan.TARGETS), stride, 1
    if entry(net, net.layers, KIND) == WITH_LOSS:
        y, y_unit, y_case = block_of_cases(net, Y_OF_CASES), 1, entry(net, 0, OUTPUT_STRIDE)
    low, high = bounds(loss)
    for c in range(rows):
        case = case_at(cases, first + c)
        x = shift(cases.x, case * inputs)
        transpose_small(inputs, 1, x, 1, shift(a_rows, c * a_row), 1)
        transpose_small(1, inputs, x, inputs, shift(a, c), stride)
        case_weights[c] = like(case_weights, cases.weights[case] * scale if cases.has_weights else scale)
        if not cases.has_labels:
            transpose_small(1, outputs, shift(cases.y, case * outputs), outputs, shift(y, c * y_case), y_unit)
        elif outputs == 1:
            y[c * y_case] = like(y, low if cases.labels[case] == 0 else high)
        else:
            for d in range(outputs):
                y[d * y_unit + c * y_case] = like(y, high if d == cases.labels[case] else low)
