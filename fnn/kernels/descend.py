"""`descend`: the training loop. Every thread runs it, each with its part of every step's two phases.

Phase 1, by cases: forward, and back to every Δ; the weights are only read. Phase 2, by rows of each W: ∂E/∂W over the
whole batch and the update at once. Two barriers a step, and no sum of partial gradients: each number is computed by the
same operations in the same order whatever the number of threads.
"""

import numpy as np
import numpy.typing as npt
from numba import types

from fnn.kernels import plan
from fnn.kernels.barrier import wait_for_all
from fnn.kernels.cases import Cases, Labels, Reals, Weights, cases_of, load_inputs, load_targets, total_weight
from fnn.kernels.differentiate import sum_in_order
from fnn.kernels.equations import backward, descend, forward, gradient, share, transpose
from fnn.kernels.evaluate import BLOCK, descend_flat
from fnn.kernels.intrinsics import Floats, Integers, aligned, like, pointer, shift
from fnn.kernels.matmul import pack, unpack
from fnn.kernels.kernel import array, kernel, output
from fnn.kernels.options import inline
from fnn.kernels.plan import Net, entry
from fnn.kernels.shuffle import shuffle
from fnn.kernels.tile import KEEP, ZERO, panel_width

# What the parts tell each other.
STOP, EPOCH, STEP = 0, 1, 2
NEWS = 3


@kernel(
    lambda t: types.void(
        types.int64, types.int64, output(types.int64), array(types.int64), output(t),
        array(t, 2), array(t, 2), array(types.int64), array(types.float64),
        types.int64, types.boolean, t, types.int64, types.int64, types.int64,
        output(types.int64), array(types.int64), output(t), output(t), output(types.float64), types.int64,
        output(types.float64), output(types.int64),
    )
)  # fmt: skip
def descend_kernel(
    part: int,
    parts: int,
    barrier: npt.NDArray[np.int64],
    architecture: npt.NDArray[np.int64],
    flat: Reals,
    x: Reals,
    y: Reals,
    labels: Labels,
    weights: Weights,
    loss: int,
    mean: bool,
    eta: float,
    batch: int,
    seed: int,
    first_epoch: int,
    order: Labels,
    table: npt.NDArray[np.int64],
    space: Reals,
    large: Reals,
    errors: Weights,
    room: int,
    history: Weights,
    news: npt.NDArray[np.int64],
) -> None:
    """Train `flat` in place for ``history.size`` epochs, or until the error of a step is not finite.

    `history` gets each epoch's error; `news` says whether training stopped, in which epoch and at which step of it.
    The workspace holds `room` cases; `large` is a compact gradient for batches of more.
    """
    net = Net(architecture[0], pointer(table), aligned(pointer(space)), aligned(pointer(space)))
    cases = cases_of(x, y, labels, weights)
    sync, sequence = pointer(barrier), pointer(order)
    copy_weights(net, pointer(flat), True, part, parts)
    wait_for_all(sync, parts)
    for epoch in range(history.size):
        if part == 0 and batch < cases.count:
            shuffle(sequence, cases.count, seed, first_epoch + epoch)
        wait_for_all(sync, parts)
        total, weight = 0.0, 0.0
        for first in range(0, cases.count, batch):
            rows = min(batch, cases.count - first)
            of_batch = total_weight(cases, shift(sequence, first), 0, rows)
            scale = 1.0 / of_batch if mean and of_batch > 0 else 1.0
            weight += of_batch
            for start in range(0, rows, room):
                count = min(room, rows - start)
                is_new = batch < cases.count or room < cases.count or epoch == 0
                top, bottom = share(count, part, parts)
                phase_1(net, cases, shift(sequence, first + start), is_new, scale, loss, pointer(errors), top, bottom)
                wait_for_all(sync, parts)
                if part == 0:
                    total = sum_in_order(pointer(errors), count, total)
                    if not np.isfinite(total):
                        news[STOP], news[EPOCH], news[STEP] = 1, epoch, first // batch
                phase_2(net, count, start == 0, start + count == rows, pointer(large), eta, part, parts)
                wait_for_all(sync, parts)
                if news[STOP] != 0:
                    return
        if part == 0:
            history[epoch] = total / weight if mean else total
    copy_weights(net, pointer(flat), False, part, parts)


@inline
def phase_1(
    net: Net, cases: Cases, order: Integers, is_new: bool, scale: float, loss: int, errors: Floats, top: int, bottom: int
) -> None:
    """The cases top .. bottom of the batch: forward, and back to every Δ."""
    for first in range(top, bottom, BLOCK):
        rows = min(BLOCK, bottom - first)
        if is_new:
            load_inputs(net, cases.x, order, first, first + rows)
            load_targets(net, cases, order, scale, first, first + rows)
        forward(net, first, rows)
        backward(net, loss, errors, False, first, rows)


@inline
def phase_2(
    net: Net, rows: int, is_first: bool, is_last: bool, large: Floats, eta: float, part: int, parts: int
) -> None:
    """The part's rows of each W: ∂E/∂W and the update; a batch larger than the workspace first adds up its gradient."""
    if is_first and is_last:
        descend(net, rows, eta, part, parts)
        return
    gradient(net, rows, large, ZERO if is_first else KEEP, part, parts)
    if is_last:
        descend_large(net, large, eta, part, parts)


@inline
def descend_large(net: Net, large: Floats, eta: float, part: int, parts: int) -> None:
    """G1 from a compact gradient to the packed weights, the part's rows."""
    panel = panel_width(large)
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        dE_dw = shift(large, entry(net, layer, plan.FLAT))
        w, b = shift(net.weights, entry(net, layer, plan.W)), shift(net.weights, entry(net, layer, plan.B))
        top, bottom = share(inputs, part, parts)
        for row in range(top, bottom):
            for j in range(0, units, panel):
                at = shift(w, j * inputs + row * panel)
                descend_flat(at, shift(dE_dw, row * units + j), eta, at, min(panel, units - j))
        if part == parts - 1:
            descend_flat(b, shift(dE_dw, inputs * units), eta, b, units)
        if layer > 1:
            transpose(net, layer, top, bottom)


@inline
def copy_weights(net: Net, flat: Floats, packing: bool, part: int, parts: int) -> None:
    """Bring the compact parameters into the workspace, or back; the first part does it all."""
    if part != 0:
        return
    net.space[plan.ONE] = like(flat, 1.0)
    for layer in range(1, net.layers + 1):
        inputs, units = entry(net, layer - 1, plan.UNITS), entry(net, layer, plan.UNITS)
        w, b = shift(flat, entry(net, layer, plan.FLAT)), shift(flat, entry(net, layer, plan.FLAT) + inputs * units)
        packed_w = shift(net.weights, entry(net, layer, plan.W))
        packed_b = shift(net.weights, entry(net, layer, plan.B))
        if packing:
            pack(inputs, units, w, units, packed_w)
            pack(1, units, b, units, packed_b)
            if layer > 1:
                transpose(net, layer, 0, inputs)
        else:
            unpack(inputs, units, packed_w, w, units)
            unpack(1, units, packed_b, b, units)
