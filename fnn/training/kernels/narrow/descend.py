"""The training loop of narrow networks (see `.equations`): gradient descent in one thread."""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.compiler.inline import forced
from fnn.compiler.intrinsics import like, pointer, shift
from fnn.compiler.kernel import array, kernel, output
from fnn.data.kernels.cases import CasePointers, Labels, Reals, Weights, case_at, cases_of
from fnn.losses.kernels.dispatch import bounds
from fnn.network.kernels import narrow_plan, plan
from fnn.network.kernels.narrow_plan import BY_CASES, ONES, block_of_cases, part
from fnn.network.kernels.plan import Net, entry, net_of
from fnn.optimizers.kernels.abi import COEFFICIENTS, ETA
from fnn.training.kernels import epochs
from fnn.training.kernels.epochs import begin_batch, end_batch, position_at, reshuffle, store_position
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
    order: Labels, chosen: Labels, loss: int, mean: bool, coefficients: Reals, batch_size: int, seed: int, steps: int,
    cursor: npt.NDArray[np.int64], sums: Weights, history: Weights,
) -> None:  # fmt: skip
    """What `descend_kernel` does, with compact parameters, for batches that fit into the workspace."""
    net, cases = net_of(table, flat, space), cases_of(x, y, labels, case_weights, order, 0, chosen.size)
    coefficient_stride = COEFFICIENTS if coefficients.size > COEFFICIENTS else 0
    transpose_parameters(net, True)
    add_ones(net)
    at, is_ordered = position_at(pointer(cursor), pointer(sums)), cursor[epochs.LOADED] != 0
    reshuffles = batch_size < cases.number
    first_epoch = at.epoch
    for number in range(steps):
        if reshuffles and (at.first == 0 or not is_ordered):
            reshuffle(cases, pointer(chosen), chosen.size > 0, seed, pointer(cursor), at.epoch)
            is_ordered = True
        batch = begin_batch(at, cases, batch_size, mean)
        if reshuffles or at.epoch == first_epoch:
            load(net, cases, batch, loss)
        forward(net, batch.rows)
        error = backward(net, loss, batch.rows, pointer(coefficients)[number * coefficient_stride + ETA])
        if not np.isfinite(error):
            cursor[epochs.STOPPED] = 1
            break
        at = end_batch(at, batch, error, cases, mean, pointer(history), True)
    cursor[epochs.LOADED] = 1
    store_position(at, pointer(cursor), pointer(sums))
    transpose_parameters(net, False)


@forced
def transpose_parameters(net: Net, packing: bool) -> None:
    """Transpose the parameters into the workspace, a row for each unit, or back."""
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        flat, w = shift(net.weights, entry(net, layer, plan.COMPACT)), part(net, layer, plan.W)
        if packing:
            transpose_small(inputs + 1, units, flat, units, w, entry(net, layer, plan.W_ROW))
        else:
            transpose_small(units, inputs + 1, w, entry(net, layer, plan.W_ROW), flat, units)


@forced
def add_ones(net: Net) -> None:
    """Write the inputs of 1 of the biases, and the ones in place of ∂E/∂A with which B1 gives f′."""
    stride, one = entry(net, 0, plan.STRIDE), like(net.space, 1.0)
    for layer in range(net.layers):
        units, row = entry(net, layer, plan.UNITS), entry(net, layer + 1, plan.W_ROW)
        for c in range(stride):
            part(net, layer, BY_CASES)[c * row + units] = part(net, layer, plan.A)[units * stride + c] = one
        for i in range(entry(net, layer + 1, plan.UNITS) * stride):
            part(net, 0, ONES)[i] = one


@forced
def load(net: Net, cases: CasePointers, batch: epochs.Batch, loss: int) -> None:
    """Fill the workspace with the cases of a batch, as `fnn.data.kernels.cases.load` does."""
    inputs, outputs, stride = entry(net, 0, plan.UNITS), entry(net, net.layers, plan.UNITS), entry(net, 0, plan.STRIDE)
    a, a_rows, a_row = part(net, 0, plan.A), part(net, 0, BY_CASES), entry(net, 1, plan.W_ROW)
    case_weights = part(net, 0, plan.CASE_WEIGHTS)
    y, y_unit, y_case = part(net, 0, plan.TARGETS), stride, 1
    if entry(net, net.layers, narrow_plan.KIND) == narrow_plan.WITH_LOSS:
        y, y_unit, y_case = block_of_cases(net, narrow_plan.Y_OF_CASES), 1, entry(net, 0, narrow_plan.OUTPUT_STRIDE)
    low, high = bounds(loss)
    for c in range(batch.rows):
        case = case_at(cases, batch.first + c)
        x = shift(cases.x, case * inputs)
        transpose_small(inputs, 1, x, 1, shift(a_rows, c * a_row), 1)
        transpose_small(1, inputs, x, inputs, shift(a, c), stride)
        case_weights[c] = like(case_weights, cases.weights[case] * batch.scale if cases.has_weights else batch.scale)
        if not cases.has_labels:
            transpose_small(1, outputs, shift(cases.y, case * outputs), outputs, shift(y, c * y_case), y_unit)
        elif outputs == 1:
            y[c * y_case] = like(y, low if cases.labels[case] == 0 else high)
        else:
            for d in range(outputs):
                y[d * y_unit + c * y_case] = like(y, high if d == cases.labels[case] else low)
